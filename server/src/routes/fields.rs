//! Small JSON bodies: read into a struct that knows its fields.

use serde::de::DeserializeOwned;

use super::Cx;
use crate::http::problem::{ItemError, Problem};

/// Bodies of calls other than ingest.
const BYTES_MAX: usize = 1 << 20;

/// Reads a JSON object. `takes` names its fields for the error.
///
/// # Errors
/// 415, 413, 400 for text that is not JSON, 422 for fields that do not fit.
pub async fn body<T: DeserializeOwned>(cx: &mut Cx, takes: &str) -> Result<T, Problem> {
    match read(cx).await? {
        Some(bytes) => parse(&bytes, takes),
        None => Err(Problem::bad_request(format!("the body is empty; it takes a JSON object with {takes}"))),
    }
}

/// The same, where an empty body is an empty object.
///
/// # Errors
/// As [`body`].
pub async fn optional_body<T: DeserializeOwned + Default>(cx: &mut Cx, takes: &str) -> Result<T, Problem> {
    match read(cx).await? {
        Some(bytes) => parse(&bytes, takes),
        None => Ok(T::default()),
    }
}

async fn read(cx: &mut Cx) -> Result<Option<hyper::body::Bytes>, Problem> {
    let media_type = cx.media_type();
    let bytes = cx.take_body().await?.bytes;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if media_type.as_deref() != Some("application/json") {
        return Err(Problem::new(
            hyper::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type",
            "Content-Type is application/json",
        ));
    }
    if bytes.len() > BYTES_MAX {
        return Err(Problem::too_large(format!("this body has at most {BYTES_MAX} bytes")));
    }
    cx.small_body = Some(bytes.clone());
    Ok(Some(bytes))
}

fn parse<T: DeserializeOwned>(bytes: &[u8], takes: &str) -> Result<T, Problem> {
    // serde would read an array as the fields in order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::bad_request(format!("the body is no JSON object; it takes {takes}")));
    }
    serde_json::from_slice(bytes).map_err(|e| {
        use serde_json::error::Category;
        match e.classify() {
            Category::Data => Problem::fields(vec![ItemError::field(
                &pointer(&e.to_string()),
                format!("{e}; the body takes {takes}"),
            )]),
            _ => Problem::bad_request(format!("the body is not JSON: {e}")),
        }
    })
}

/// The field that serde names between back quotes, as a pointer.
fn pointer(message: &str) -> String {
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|p| message.strip_prefix(p)?.split('`').next());
    named.map_or_else(String::new, |name| format!("/{}", name.replace('~', "~0").replace('/', "~1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Body {
        name: String,
    }

    #[test]
    fn fields_that_do_not_fit_are_pointed_at() {
        let refused = |text: &str| parse::<Body>(text.as_bytes(), "name").unwrap_err();
        assert_eq!(refused(r#"{"name":"a","x/y":1}"#).errors[0].pointer, "/x~1y");
        assert_eq!(refused("{}").errors[0].pointer, "/name");
        assert_eq!(refused(r#"{"name":1}"#).status, 422);
        assert_eq!(refused("{").status, 400);
        assert_eq!(refused(r#" ["a"]"#).status, 400);
        assert!(refused("{}").detail.contains("takes name"));
    }
}
