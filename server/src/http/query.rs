//! Query strings: decoded once, and every parameter must be taken by somebody.

use super::problem::Problem;

/// Longest query string: the longest query text with every byte percent-encoded, and room beside it.
const BYTES_MAX: usize = 52 << 10;

/// The parameters of a request, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Decodes `a=b&c=d`; `+` is a space.
    ///
    /// # Errors
    /// 400 for a percent sign without two hex digits, and for bytes that are not UTF-8.
    pub fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let query = query.unwrap_or("");
        if query.len() > BYTES_MAX {
            return Err(Problem::bad_request(format!("a query string has at most {BYTES_MAX} bytes")));
        }
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, true)
                .ok_or_else(|| Problem::parameter(name, "has a name that is not percent-encoded UTF-8"))?;
            let value = decode(value, true)
                .ok_or_else(|| Problem::parameter(&name, "takes percent-encoded UTF-8"))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Parameters that are decoded already.
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// The parameters not taken yet.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Takes all values of a repeatable parameter.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let (taken, kept) = std::mem::take(&mut self.pairs).into_iter().partition(|(n, _)| n == name);
        self.pairs = kept;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes the value of a parameter that is given at most once.
    ///
    /// # Errors
    /// 400 when it is given twice.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.take_all(name);
        if values.len() > 1 {
            return Err(Problem::parameter(name, "is given more than once; it takes one value"));
        }
        Ok(values.pop())
    }

    /// Takes `true` or `false`; absent is false.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn take_flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::parameter(name, format!("takes true or false, not `{other}`"))),
        }
    }

    /// Takes a number within bounds; `default` where it is absent.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn take_count(&mut self, name: &str, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.take(name)? else { return Ok(default) };
        let count = text.parse().ok().filter(|count| (1..=max).contains(count));
        count.ok_or_else(|| Problem::parameter(name, format!("takes 1 to {max}, not `{text}`")))
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// 400 that names the first one left, and what this call takes.
    pub fn finish(self, takes: &[&str]) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let takes = if takes.is_empty() { "no parameters".to_owned() } else { takes.join(", ") };
        Err(Problem::parameter(name, format!("is unknown; this call takes {takes}")))
    }
}

/// Decodes percent-encoding, `None` when it is broken or not UTF-8.
pub fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push((high * 16 + low) as u8);
            }
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_decode_repeat_and_must_all_be_taken() {
        let mut params = Params::parse(Some("a=1&b=x%2Fy+z&a=2&&flag=true")).unwrap();
        assert_eq!(params.take_all("a"), ["1", "2"]);
        assert_eq!(params.take("b").unwrap().as_deref(), Some("x/y z"));
        assert!(params.take_flag("flag").unwrap());
        assert!(params.clone().finish(&[]).is_ok());
        let mut twice = Params::parse(Some("a=1&a=2")).unwrap();
        assert!(twice.take("a").unwrap_err().detail.contains("`a`"));
        let mut counts = Params::parse(Some("n=7&m=0&l=9&k=x")).unwrap();
        assert_eq!((counts.take_count("n", 1, 8).unwrap(), counts.take_count("o", 5, 8).unwrap()), (7, 5));
        for name in ["m", "l", "k"] {
            assert!(counts.take_count(name, 1, 8).unwrap_err().detail.contains("takes 1 to 8"));
        }
        let left = Params::parse(Some("limt=3")).unwrap().finish(&["limit"]).unwrap_err();
        assert!(left.detail.contains("`limt`") && left.detail.contains("limit"), "{}", left.detail);
    }

    #[test]
    fn broken_escapes_name_the_parameter() {
        for bad in ["q=%", "q=%4", "q=%zz", "q=%ff"] {
            let problem = Params::parse(Some(bad)).unwrap_err();
            assert!(problem.status == 400 && problem.detail.contains("`q`"), "{bad}: {}", problem.detail);
        }
    }
}
