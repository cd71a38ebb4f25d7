//! Where a store is: its URL, the endpoint behind it, and the names of objects in it.
//!
//! Everything that becomes part of a request's path is checked here to need no escaping, so that what is
//! signed, sent and shown to people is one text.

use std::net::IpAddr;
use std::path::PathBuf;

use hyper::Uri;
use stele_engine::archive::ObjectError;

use super::{OpenError, StoreOptions};

/// Longest name of an object, prefix included: what S3 and GCS take.
const NAME_BYTES_MAX: usize = 1024;

/// A store's URL, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    /// `file:///path`
    File(PathBuf),
    /// `s3://bucket/prefix`
    S3(Bucket),
    /// `gs://bucket/prefix`
    Gcs(Bucket),
}

/// A bucket, and where in it the names begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    scheme: &'static str,
    /// Its name.
    pub name: String,
    /// Empty, or ends with a slash.
    prefix: String,
}

impl Address {
    /// # Errors
    /// [`OpenError::Usage`] that says what is wrong with the URL.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let wrong = |what: &str| OpenError::Usage(format!("archive `{url}`: {what}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong(SCHEMES))?;
        if scheme == "file" {
            // Taken as it is, without escapes, as a shell would hand it over.
            let sound = rest.len() > 1 && rest.starts_with('/') && !rest.contains('\0');
            return if sound {
                Ok(Self::File(rest.into()))
            } else {
                Err(wrong("takes an absolute path: file:///path"))
            };
        }
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let bucket = |scheme| {
            if !bucket_name(name) {
                return Err(wrong("the bucket's name takes 3 to 63 of a-z, 0-9, `-`, `.` and `_`"));
            }
            let prefix = prefix.trim_end_matches('/');
            if !prefix.is_empty() && !plain_path(prefix) {
                return Err(wrong(
                    "the prefix takes parts of A-Z, a-z, 0-9, `-`, `.`, `_` between single slashes",
                ));
            }
            let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
            Ok(Bucket { scheme, name: name.to_owned(), prefix })
        };
        match scheme {
            "s3" => bucket("s3").map(Self::S3),
            "gs" => bucket("gs").map(Self::Gcs),
            _ => Err(wrong(SCHEMES)),
        }
    }
}

const SCHEMES: &str = "takes file:///path, s3://bucket/prefix or gs://bucket/prefix";

impl Bucket {
    /// The whole URL, for people.
    pub fn url(&self) -> String {
        format!("{}://{}/{}", self.scheme, self.name, self.prefix).trim_end_matches('/').to_owned()
    }

    /// An object's name in the bucket.
    ///
    /// # Errors
    /// The name could mean another place, or is none.
    pub fn key(&self, name: &str) -> Result<String, ObjectError> {
        let key = format!("{}{name}", self.prefix);
        match plain_path(name) && key.len() <= NAME_BYTES_MAX {
            true => Ok(key),
            false => Err(ObjectError::Other("is no name of an object".to_owned())),
        }
    }
}

fn bucket_name(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inside = |c: u8| letter(c) || matches!(c, b'-' | b'.' | b'_');
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|&c| inside(c))
        && bytes.first().is_some_and(|&c| letter(c))
        && bytes.last().is_some_and(|&c| letter(c))
}

/// Parts between single slashes, of characters that no URL escapes, and none that means another folder.
fn plain_path(path: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(plain))
}

/// The base URL of a service, without a slash at its end.
///
/// # Errors
/// [`OpenError::Usage`]: not one, or plain HTTP over a network.
pub fn endpoint(text: &str, options: &StoreOptions) -> Result<String, OpenError> {
    let wrong = |what: &str| OpenError::Usage(format!("archive endpoint `{text}`: {what}"));
    let form = "takes https://host or https://host:port, with a path at most";
    let uri: Uri = text.parse().map_err(|_| wrong(form))?;
    let authority = uri.authority().ok_or_else(|| wrong(form))?;
    if uri.query().is_some() || authority.as_str().contains('@') {
        return Err(wrong(form));
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if options.allow_http || loopback(authority.host()) => {}
        Some("http") => {
            return Err(wrong("plain HTTP is taken for this host alone; use https, or allow it explicitly"));
        }
        _ => return Err(wrong(form)),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn bucket(url: &str) -> Bucket {
        match Address::parse(url).unwrap() {
            Address::S3(bucket) | Address::Gcs(bucket) => bucket,
            Address::File(path) => panic!("{path:?} is no bucket"),
        }
    }

    #[test]
    fn urls_of_stores_are_understood() {
        assert_eq!(bucket("s3://audit/log/a").key("x/y.cold").unwrap(), "log/a/x/y.cold");
        assert_eq!(bucket("s3://audit").key("x").unwrap(), "x");
        assert_eq!(bucket("gs://audit/").url(), "gs://audit");
        assert_eq!(bucket("s3://audit/log/").url(), "s3://audit/log");
        assert!(matches!(Address::parse("gs://audit/log"), Ok(Address::Gcs(_))));
        assert_eq!(Address::parse("file:///srv/a b").unwrap(), Address::File("/srv/a b".into()));
    }

    #[test]
    fn urls_that_are_none_say_what_is_wrong() {
        let cases = [
            ("audit", "takes file:///path"),
            ("ftp://audit", "takes file:///path"),
            ("file://srv/archive", "absolute path"),
            ("file://", "absolute path"),
            ("s3://", "bucket's name"),
            ("s3://Au", "bucket's name"),
            ("s3://user:secret@host/x", "bucket's name"),
            ("s3://audit-", "bucket's name"),
            ("s3://audit//x", "prefix"),
            ("s3://audit/../x", "prefix"),
            ("s3://audit/x?y=z", "prefix"),
            ("gs://audit/a b", "prefix"),
        ];
        for (url, part) in cases {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn names_that_leave_the_prefix_are_refused() {
        let bucket = bucket("s3://audit/log");
        for name in ["", "/", "../x", "x/../y", "x//y", "x y", "x?versionId=1", "x%2fy", "ä"] {
            assert!(matches!(bucket.key(name), Err(ObjectError::Other(_))), "{name}");
        }
        assert!(bucket.key(&"x".repeat(NAME_BYTES_MAX)).is_err());
    }

    #[test]
    fn plain_http_leaves_this_host_only_when_told_to() {
        let mut options = StoreOptions::new(BTreeMap::new());
        for ok in
            ["https://s3.example.com", "http://127.0.0.1:9000/", "http://localhost:9000", "http://[::1]:1"]
        {
            assert_eq!(endpoint(ok, &options).unwrap(), ok.trim_end_matches('/'));
        }
        for bad in ["", "s3.example.com", "ftp://x", "https://a@b", "https://a?b", "http://10.0.0.1:9000"] {
            assert!(endpoint(bad, &options).is_err(), "{bad}");
        }
        let error = endpoint("http://127.0.0.1.example.com", &options).unwrap_err().to_string();
        assert!(error.contains("plain HTTP"), "{error}");
        options.allow_http = true;
        assert!(endpoint("http://10.0.0.1:9000", &options).is_ok());
    }
}
