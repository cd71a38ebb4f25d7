//! Bodies to items, without making values of them.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::http::problem::Problem;

/// Calls `item` for each line that is not blank.
///
/// # Errors
/// What `item` refuses.
pub fn lines(body: &[u8], mut item: impl FnMut(&[u8]) -> Result<(), Problem>) -> Result<(), Problem> {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', body).chain([body.len()]) {
        let line = body[start..end].trim_ascii();
        if !line.is_empty() {
            item(line)?;
        }
        start = end + 1;
        if start > body.len() {
            break;
        }
    }
    Ok(())
}

/// Calls `item` for the one object, or for each element of the array. True for the one object.
///
/// # Errors
/// 400 for a body that is neither, or is not JSON; what `item` refuses.
pub fn json(body: &[u8], mut item: impl FnMut(&[u8]) -> Result<(), Problem>) -> Result<bool, Problem> {
    let broken = |e: serde_json::Error| {
        let hint =
            if body.contains(&b'\n') { "; events one a line are sent as application/x-ndjson" } else { "" };
        Problem::bad_request(format!("the body is not JSON, nothing was stored: {e}{hint}"))
    };
    match body.trim_ascii_start().first() {
        Some(b'{') => {
            let raw: &RawValue = serde_json::from_slice(body).map_err(broken)?;
            item(raw.get().as_bytes())?;
            Ok(true)
        }
        Some(b'[') => {
            let mut deserializer = serde_json::Deserializer::from_slice(body);
            let mut refused = None;
            let each = Each { item: &mut item, refused: &mut refused };
            let read = deserializer.deserialize_seq(each).and_then(|()| deserializer.end());
            match (refused, read) {
                (Some(problem), _) => Err(problem),
                (None, read) => read.map(|()| false).map_err(broken),
            }
        }
        _ => Err(Problem::bad_request("the body is neither a JSON object nor an array; nothing was stored")),
    }
}

struct Each<'a, F> {
    item: &'a mut F,
    refused: &'a mut Option<Problem>,
}

impl<'de, F: FnMut(&[u8]) -> Result<(), Problem>> Visitor<'de> for Each<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if let Err(problem) = (self.item)(element.get().as_bytes()) {
                *self.refused = Some(problem);
                return Err(serde::de::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items_of_lines(body: &str) -> Vec<String> {
        let mut items = Vec::new();
        lines(body.as_bytes(), |i| {
            items.push(String::from_utf8(i.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        items
    }

    fn items_of_json(body: &[u8]) -> Result<(bool, Vec<String>), Problem> {
        let mut items = Vec::new();
        let single = json(body, |i| {
            items.push(String::from_utf8(i.to_vec()).unwrap());
            Ok(())
        })?;
        Ok((single, items))
    }

    #[test]
    fn lines_are_items_and_blank_ones_are_not() {
        assert_eq!(items_of_lines("{}\r\n\n  \n{\"a\":1}\n"), ["{}", "{\"a\":1}"]);
        assert_eq!(items_of_lines("{}"), ["{}"]);
        assert!(items_of_lines("").is_empty() && items_of_lines("\n\n").is_empty());
    }

    #[test]
    fn objects_and_arrays_are_told_apart() {
        assert_eq!(items_of_json(b" {\"a\": 1} ").unwrap(), (true, vec!["{\"a\": 1}".to_owned()]));
        let (single, items) = items_of_json(b"[{},\n 1 , [2]]").unwrap();
        assert_eq!((single, items), (false, vec!["{}".to_owned(), "1".to_owned(), "[2]".to_owned()]));
        assert_eq!(items_of_json(b"[]").unwrap(), (false, vec![]));
    }

    #[test]
    fn what_is_not_json_is_400() {
        for bad in [
            &b""[..],
            b"  ",
            b"1",
            b"\"x\"",
            b"[{}",
            b"[{},]",
            b"[{}] x",
            b"{\"a\"",
            b"{}{}",
            b"{\"a\":\"\xff\"}",
            b"[\"\xff\"]",
        ] {
            assert_eq!(items_of_json(bad).unwrap_err().status, 400, "{bad:?}");
        }
        assert!(items_of_json(b"{}\n{}").unwrap_err().detail.contains("x-ndjson"));
    }

    #[test]
    fn what_an_item_refuses_ends_the_body() {
        let problem = json(b"[1,2]", |_| Err(Problem::too_large("full"))).unwrap_err();
        assert_eq!(problem.status, 413);
    }
}
