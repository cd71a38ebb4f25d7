//! Who asks, and what they may.

mod rate;
mod scope;
pub mod session;

use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use crate::app::{App, Tenant};
use crate::http::problem::Problem;
use crate::state::{Key, Session, UserRow, csrf_of, now_us};

pub use rate::{Meter, Verdict};
pub use scope::{Access, Scopes};

/// A key that was shown, itself or by a session of it, and whose it is.
#[derive(Clone)]
pub struct Caller {
    /// The key.
    pub key: Arc<Key>,
    /// Its organization and log.
    pub tenant: Arc<Tenant>,
    /// The user whose token the key is; none for a plain key.
    pub user: Option<Arc<UserRow>>,
    /// The session that stands for the key; none where the key itself was sent.
    pub session: Option<SignedIn>,
}

/// A session, as its cookie was shown.
#[derive(Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Arc<Session>,
    /// The token that changes need.
    pub csrf: String,
}

impl Caller {
    /// The caller that a key is, if it is good.
    pub fn of_key(app: &App, key: Arc<Key>) -> Option<Self> {
        let tenant = app.tenant(key.org())?;
        let user = match key.user() {
            Some(id) => Some(app.users.present(id)?),
            None => None,
        };
        let caller = Self { key, tenant, user, session: None };
        caller.is_good(app, now_us()).then_some(caller)
    }

    /// The caller that a session is, with the token of its cookie.
    pub fn of_session(app: &App, session: Arc<Session>, csrf: String) -> Option<Self> {
        let caller = Self::of_key(app, app.keys.get(&session.row().key)?)?;
        Some(Self { session: Some(SignedIn { session, csrf }), ..caller })
    }

    /// True while the key and the session have not ended, and the user was not removed.
    pub fn is_good(&self, app: &App, now: u64) -> bool {
        self.key.is_good(now)
            && self.session.as_ref().is_none_or(|signed| signed.session.is_good(now))
            && self.user.as_ref().is_none_or(|user| app.users.present(&user.id).is_some())
    }

    /// Whose saved views and choices these are, over all tokens and sessions: the user's id, else `key:<key id>`.
    pub fn subject(&self) -> String {
        self.user.as_ref().map_or_else(|| format!("key:{}", self.key.id()), |user| user.id.clone())
    }

    /// The asker's name for people.
    pub fn name(&self) -> &str {
        self.user.as_ref().map_or_else(|| self.key.name(), |user| user.name.as_deref().unwrap_or(&user.email))
    }

    /// What it may do: of a user, what the role says.
    pub fn scopes(&self) -> Scopes {
        self.user.as_ref().map_or(self.key.scopes, |user| Scopes::of_role(user.role))
    }
}

/// The caller of a request: by its key, else by the cookie of a session. Where a key is sent, good or not,
/// no cookie counts.
///
/// # Errors
/// 401, in the same words for a missing, malformed, unknown, expired or revoked key or session; 403 for a
/// call by cookie that another site may have made the browser send.
pub fn authenticate(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    secure: bool,
) -> Result<Caller, Problem> {
    if headers.contains_key(header::AUTHORIZATION) {
        let key = app.keys.authenticate(bearer(headers).unwrap_or("")).ok_or_else(refused)?;
        return Caller::of_key(app, key).ok_or_else(refused);
    }
    let caller = signed_in(app, headers).ok_or_else(refused)?;
    if let Some(signed) = &caller.session {
        session::check(method, headers, &signed.csrf, secure)?;
    }
    caller.key.touch(now_us());
    Ok(caller)
}

/// The caller that the cookie of a request stands for, if it is good.
pub fn signed_in(app: &App, headers: &HeaderMap) -> Option<Caller> {
    let cookie = session::cookie(headers)?;
    let session = app.sessions.authenticate(cookie, now_us())?;
    Caller::of_session(app, session, csrf_of(cookie))
}

/// 401, which says no more than that.
pub fn refused() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send `Authorization: Bearer <api key>` with a key that is neither revoked nor expired, or sign in",
    )
    .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stele\""))
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
    if caller.scopes().allow(access) {
        return Ok(());
    }
    let needs = access.needs();
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", format!("this call needs {needs}")))
}

/// Counts a call against the rate of the caller's key; none where there is no limit.
///
/// # Errors
/// 429 when it comes too soon; `told` has the figures then too.
pub fn count(app: &App, caller: &Caller, ingest: bool, told: &mut Option<Verdict>) -> Result<(), Problem> {
    let (rate, meter) = match (ingest, app.options.rates) {
        (true, rates) => (rates.ingest, &caller.key.ingest),
        (false, rates) => (rates.other, &caller.key.other),
    };
    let Some(rate) = rate else { return Ok(()) };
    let verdict = meter.count(rate, now_us());
    *told = Some(verdict);
    if verdict.allowed {
        return Ok(());
    }
    app.metrics.rate_limited.inc();
    Err(verdict.refusal())
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
