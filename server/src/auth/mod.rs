//! Who asks, and what they may.

mod rate;
mod scope;

use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use crate::app::{App, Tenant};
use crate::http::problem::Problem;
use crate::serve::Rate;
use crate::state::Key;

pub use rate::{Meter, Verdict};
pub use scope::{Access, Scopes};

/// A key that was shown, and whose it is.
#[derive(Clone)]
pub struct Caller {
    /// The key.
    pub key: Arc<Key>,
    /// Its organization and log.
    pub tenant: Arc<Tenant>,
}

impl Caller {
    /// Whose saved views and choices these are.
    pub fn subject(&self) -> String {
        format!("key:{}", self.key.id())
    }

    /// The asker's name for people.
    pub fn name(&self) -> &str {
        self.key.name()
    }
}

/// The caller of a request.
///
/// # Errors
/// 401, in the same words for a missing, malformed, unknown, expired or revoked key.
pub fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let refused = || {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send `Authorization: Bearer <api key>` with a key that is neither revoked nor expired",
        )
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stele\""))
    };
    let key = app.keys.authenticate(bearer(headers).unwrap_or("")).ok_or_else(refused)?;
    let tenant = app.tenant(key.org()).ok_or_else(refused)?;
    Ok(Caller { key, tenant })
}

/// The key of a request that may come without one; a wrong one counts as none.
pub fn instance_key(app: &App, headers: &HeaderMap) -> bool {
    bearer(headers)
        .and_then(|token| app.keys.authenticate(token))
        .is_some_and(|key| key.scopes.allow(Access::Instance))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    // Of two keys, a proxy and this server might each believe another one.
    let (Some(only), None) = (sent.next(), sent.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Refuses a caller whose key lacks the scope.
///
/// # Errors
/// 403 that names the scopes that would do.
pub fn authorize(caller: &Caller, access: Access) -> Result<(), Problem> {
    if caller.key.scopes.allow(access) {
        return Ok(());
    }
    let needs = access.needs();
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", format!("this call needs {needs}")))
}

/// The rate of a call, and the meter of the key that counts it.
pub fn meter<'a>(app: &App, caller: &'a Caller, method: &Method, path: &str) -> Option<(Rate, &'a Meter)> {
    if method == Method::POST && path == "/v1/events" {
        Some((app.options.rates.ingest?, &caller.key.ingest))
    } else {
        Some((app.options.rates.other?, &caller.key.other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_key_is_taken_and_two_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer(&headers), None);
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer first"));
        assert_eq!(bearer(&headers), Some("first"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer second"));
        assert_eq!(bearer(&headers), None);
    }
}
