//! The cookie of a session: how it is sent and read, and what keeps other sites from using it.

use hyper::Method;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use crate::http::problem::Problem;

/// The cookie's name.
const NAME: &str = "stele_session";
/// The header that carries the session's token.
const TOKEN: &str = "x-stele-csrf";

/// The value of the session's cookie. Two of that name are none: one of them may have been set by a
/// neighbouring host.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
    let (Some(only), None) = (named.next(), named.next()) else { return None };
    Some(only)
}

/// `Set-Cookie` with a value, or, with an empty one, the end of the cookie.
///
/// # Errors
/// 500 for a value that is no header, which none of ours is.
pub fn set_cookie(value: &str, age_s: u64, secure: bool) -> Result<HeaderValue, Problem> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{NAME}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age_s}{secure}");
    HeaderValue::from_str(&text).map_err(|_| Problem::internal())
}

/// Refuses a call that another site may have made the browser send.
///
/// # Errors
/// 403 `csrf` for a foreign `Origin` or `Sec-Fetch-Site`, and for a change without the session's token.
pub fn check(method: &Method, headers: &HeaderMap, token: &str, secure: bool) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    check_site(headers, secure)?;
    let sent = headers.get(TOKEN).map_or(&b""[..], HeaderValue::as_bytes);
    if bool::from(sent.ct_eq(token.as_bytes())) {
        return Ok(());
    }
    Err(refused("a change by cookie needs the session's token, `csrf` of GET /v1/session, in X-Stele-CSRF"))
}

/// Refuses a call that a browser says it makes for another site. Clients that are no browsers say nothing.
///
/// # Errors
/// 403 `csrf`.
pub fn check_site(headers: &HeaderMap, secure: bool) -> Result<(), Problem> {
    for site in headers.get_all("sec-fetch-site") {
        if !matches!(site.as_bytes(), b"same-origin" | b"none") {
            return Err(refused("this call comes from another site (Sec-Fetch-Site)"));
        }
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    for origin in headers.get_all(header::ORIGIN) {
        if !origin.to_str().is_ok_and(|origin| is_own(origin, host, secure)) {
            return Err(refused(
                "this call comes from another site: its Origin is not the host that was asked (a proxy has to pass Host on as it came)",
            ));
        }
    }
    Ok(())
}

/// True for an origin of this host. Whether a plain listener is reached over TLS, a proxy knows alone.
fn is_own(origin: &str, host: &str, secure: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let standard = match scheme {
        "https" => ":443",
        "http" if !secure => ":80",
        _ => return false,
    };
    let bare = |authority: &str| {
        let lower = authority.to_ascii_lowercase();
        lower.strip_suffix(standard).map(str::to_owned).unwrap_or(lower)
    };
    !host.is_empty() && bare(authority) == bare(host)
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "csrf", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_cookie_of_the_name_is_read_and_two_are_none() {
        for (sent, found) in [
            (&["stele_session=a.b"][..], Some("a.b")),
            (&["x=1; stele_session=a.b;y=2"], Some("a.b")),
            (&["x=1", "stele_session=a.b"], Some("a.b")),
            (&["stele_session=a; stele_session=b"], None),
            (&["stele_session=a", "stele_session=a"], None),
            (&["other_stele_session=a", "STELE_SESSION=a", "stele_session"], None),
            (&[], None),
        ] {
            let pairs: Vec<_> = sent.iter().map(|line| ("cookie", *line)).collect();
            assert_eq!(cookie(&headers(&pairs)), found, "{sent:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_site_and_no_script() {
        let plain = set_cookie("a.b", 60, false).unwrap();
        assert_eq!(plain, "stele_session=a.b; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
        let secure = set_cookie("", 0, true).unwrap();
        assert_eq!(secure, "stele_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0; Secure");
    }

    #[test]
    fn changes_need_the_token_and_reads_do_not() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            for sent in [&[][..], &[("x-stele-csrf", "")], &[("x-stele-csrf", "token1")]] {
                let problem = check(&method, &headers(sent), "token", false).unwrap_err();
                assert_eq!((problem.status.as_u16(), problem.slug), (403, "csrf"));
            }
            check(&method, &headers(&[("x-stele-csrf", "token")]), "token", false).unwrap();
        }
        check(&Method::GET, &headers(&[("origin", "https://evil.example")]), "token", false).unwrap();
    }

    #[test]
    fn a_call_of_another_site_is_refused_whatever_it_sends() {
        let host = ("host", "stele.example:7070");
        let site = |more: &[(&'static str, &'static str)], secure| {
            check_site(&headers(&[&[host], more].concat()), secure).is_ok()
        };
        assert!(site(&[], false) && site(&[("sec-fetch-site", "same-origin")], false));
        assert!(site(&[("sec-fetch-site", "none")], false));
        for foreign in ["cross-site", "same-site", "x"] {
            assert!(!site(&[("sec-fetch-site", foreign)], false), "{foreign}");
        }
        assert!(site(&[("origin", "http://stele.example:7070")], false));
        assert!(site(&[("origin", "https://STELE.example:7070")], false), "a proxy ends TLS");
        assert!(!site(&[("origin", "http://stele.example:7070")], true), "another scheme");
        for foreign in
            ["https://evil.example", "null", "", "http://stele.example", "http://stele.example:70700"]
        {
            assert!(!site(&[("origin", foreign)], false), "{foreign}");
        }
        assert!(!site(&[("origin", "http://stele.example:7070"), ("origin", "http://b")], false));
        let standard = headers(&[("host", "stele.example"), ("origin", "https://stele.example")]);
        check_site(&standard, true).unwrap();
        let named = headers(&[("host", "stele.example:443"), ("origin", "https://stele.example")]);
        check_site(&named, true).unwrap();
        assert!(check_site(&headers(&[("origin", "http://")]), false).is_err(), "no host at all");
    }
}
