//! The page for people: the files of `web/dist`, in the binary, and how they are sent.
//!
//! `build.rs` makes the table. Without it every page is a placeholder that says how to build it.
//!
//! Keeps true: an answer's `ETag` is of exactly the bytes that are sent, so packed forms have others;
//! what has the same name for ever (`/assets/`, whose names hold a hash) is the only thing that is kept
//! without asking.

use std::sync::LazyLock;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::http::answer::{Answer, Body, typed};
use crate::http::compress::weight;
use crate::http::etag;
use crate::http::problem::Problem;

/// Where the page is at home; what it shows there it finds out itself.
pub const PAGES: [&str; 8] =
    ["/", "/log", "/api", "/errors", "/resources", "/integrity", "/archive", "/settings"];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
    require-trusted-types-for 'script'";

const INDEX: &str = "/index.html";

/// A file of the page, with its packed forms where the build made some.
pub struct File {
    /// Path below the server's address, with a slash in front.
    pub path: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

static EMBEDDED: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

static PLACEHOLDER: &[File] =
    &[File { path: INDEX, plain: include_bytes!("placeholder.html"), brotli: None, gzip: None }];

static SITE: LazyLock<Site> =
    LazyLock::new(|| Site::new(if EMBEDDED.is_empty() { PLACEHOLDER } else { EMBEDDED }));

/// The files' own paths, which the router knows beside [`PAGES`].
pub fn paths() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|file| file.path).filter(|path| *path != INDEX)
}

/// The page, or one of its files.
///
/// # Errors
/// 404 for a path that is neither.
pub fn answer(path: &str, request: &HeaderMap) -> Result<Answer, Problem> {
    SITE.answer(path, request)
}

/// Files, each with what its forms are sent with.
struct Site(Vec<(&'static File, Vec<Form>)>);

/// One form of a file: as it is, or packed.
struct Form {
    coding: Option<&'static str>,
    bytes: &'static [u8],
    etag: String,
}

impl Site {
    fn new(files: &'static [File]) -> Self {
        Self(files.iter().map(|file| (file, forms(file))).collect())
    }

    fn answer(&self, path: &str, request: &HeaderMap) -> Result<Answer, Problem> {
        let path = if PAGES.contains(&path) { INDEX } else { path };
        let found = self.0.iter().find(|(file, _)| file.path == path);
        let (file, forms) = found.ok_or_else(Problem::not_found)?;
        let form = choose(forms, request).ok_or_else(Problem::not_found)?;
        let mut answer = if etag::is_known(request, &form.etag) {
            let mut unchanged = Response::new(Body::full(Bytes::new()));
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            typed(StatusCode::OK, content_type(path), Body::full(Bytes::from_static(form.bytes)))
        };
        let headers = answer.headers_mut();
        if let Some(coding) = form.coding.filter(|_| headers.contains_key(header::CONTENT_TYPE)) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        if let Ok(etag) = HeaderValue::from_str(&form.etag) {
            headers.insert(header::ETAG, etag);
        }
        for (name, value) in common(file.path) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(answer)
    }
}

/// Headers of every answer of the page; the pipeline adds `X-Content-Type-Options`.
fn common(path: &str) -> [(HeaderName, &'static str); 4] {
    let kept = path.starts_with("/assets/");
    [
        (header::CACHE_CONTROL, if kept { "public, max-age=31536000, immutable" } else { "no-cache" }),
        (header::VARY, "Accept-Encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ]
}

/// A file's forms, the shortest first.
fn forms(file: &File) -> Vec<Form> {
    let all = [(Some("br"), file.brotli), (Some("gzip"), file.gzip), (None, Some(file.plain))];
    let form = |(coding, bytes): (Option<&'static str>, Option<&'static [u8]>)| {
        let bytes = bytes?;
        let etag = format!("\"{}\"", &blake3::hash(bytes).to_hex()[..32]);
        Some(Form { coding, bytes, etag })
    };
    all.into_iter().filter_map(form).collect()
}

/// The form that the client likes best; of those it likes the same, the shortest.
fn choose<'a>(forms: &'a [Form], request: &HeaderMap) -> Option<&'a Form> {
    let liked = |form: &Form| match form.coding {
        Some(coding) => weight(request, coding).unwrap_or(0.0),
        None => 0.0,
    };
    let mut best = forms.last()?;
    let mut most = 0.0;
    for form in forms {
        let weight = liked(form);
        if weight > most {
            (best, most) = (form, weight);
        }
    }
    Some(best)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
