//! Entity tags: whether a client has already what would be sent.

use hyper::header::{self, HeaderMap};

/// A weak tag: the same content, whatever its encoding.
pub fn weak(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// True when `If-None-Match` names the tag, compared weakly as RFC 9110 says for `GET`.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let mut named = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.any(|list| list.trim() == "*" || list.split(',').any(|named| opaque(named) == opaque(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_one_of_a_list() {
        let known = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            is_known(&headers, &weak("a1"))
        };
        for yes in ["W/\"a1\"", "\"a1\"", "\"b2\", W/\"a1\"", "*"] {
            assert!(known(yes), "{yes}");
        }
        for no in ["\"a2\"", "", "a1\""] {
            assert!(!known(no), "{no}");
        }
        assert!(!is_known(&HeaderMap::new(), &weak("a1")));
    }
}
