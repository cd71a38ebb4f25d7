//! Sessions of browsers, and the one-time links that open them, in memory: found by id, compared in
//! constant time, ended at once.
//!
//! Sessions are rows of the file too, and outlive a restart; links are not, and do not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::random_hex;

/// How long a session lasts, at most.
pub const SESSION_US: u64 = 12 * 3600 * 1_000_000;
/// How long a link can be used.
pub const LINK_US: u64 = 600 * 1_000_000;
/// Sessions of one key at a time: one more ends the oldest.
pub const SESSIONS_MAX: usize = 100;
/// Links of one key at a time: one more forgets the oldest.
const LINKS_MAX: usize = 16;
/// What the token against foreign pages is derived with.
const CSRF_CONTEXT: &str = "stele 2026-11-29 token of a session against requests of other sites";

/// A session, without its cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Row version, 1.
    pub v: u8,
    /// Id in the API, and first part of the cookie.
    pub id: String,
    /// The organization.
    pub org: String,
    /// The key whose rights it has.
    pub key: String,
    /// BLAKE3 of the whole cookie, hex.
    pub hash: String,
    /// Microseconds since 1970.
    pub created_us: u64,
    /// Refused from then on.
    pub expires_us: u64,
}

/// A session in use.
pub struct Session {
    row: SessionRow,
    hash: [u8; 32],
    ended: AtomicBool,
}

impl Session {
    /// The row.
    pub fn row(&self) -> &SessionRow {
        &self.row
    }

    /// True until it ends or expires. Its key is another matter.
    pub fn is_good(&self, now: u64) -> bool {
        !self.ended.load(Ordering::Acquire) && now < self.row.expires_us
    }
}

/// All sessions and links of the instance.
#[derive(Default)]
pub struct Sessions {
    by_id: RwLock<HashMap<String, Arc<Session>>>,
    links: Mutex<HashMap<String, Link>>,
}

struct Link {
    key: String,
    hash: [u8; 32],
    expires_us: u64,
}

impl Sessions {
    /// Takes rows as they were stored.
    ///
    /// # Errors
    /// A row that cannot be a session.
    pub fn load(rows: Vec<SessionRow>) -> Result<Self, String> {
        let sessions = Self::default();
        for row in rows {
            sessions.add(row)?;
        }
        Ok(sessions)
    }

    /// Adds a stored session.
    ///
    /// # Errors
    /// The row cannot be a session.
    pub fn add(&self, row: SessionRow) -> Result<Arc<Session>, String> {
        let hash = stele_engine::ids::unhex(&row.hash)
            .ok_or_else(|| format!("session {:?} has a hash that is not 32 bytes of hex", row.id))?;
        let session = Arc::new(Session { row, hash, ended: AtomicBool::new(false) });
        self.write().insert(session.row.id.clone(), Arc::clone(&session));
        Ok(session)
    }

    /// The session that a cookie is, if it is good. Unknown ids cost what known ones cost.
    pub fn authenticate(&self, cookie: &str, now: u64) -> Option<Arc<Session>> {
        let known = self.read().get(id_of(cookie)).cloned();
        let stored = known.as_ref().map_or([0; 32], |session| session.hash);
        let equal = is_of(stored, cookie);
        known.filter(|session| equal && session.is_good(now))
    }

    /// By id.
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.read().get(id).cloned()
    }

    /// Sessions of an organization that have not ended, oldest first.
    pub fn of_org(&self, org: &str, now: u64) -> Vec<Arc<Session>> {
        self.sorted(|session| session.row.org == org && session.is_good(now))
    }

    /// The sessions of a key that have to end before it may have one more.
    pub fn too_many_of(&self, key: &str, now: u64) -> Vec<Arc<Session>> {
        let mut all = self.sorted(|session| session.row.key == key && session.is_good(now));
        all.truncate((all.len() + 1).saturating_sub(SESSIONS_MAX));
        all
    }

    /// Ids of those that `is_over`.
    pub fn ids(&self, is_over: impl Fn(&Session) -> bool) -> Vec<String> {
        self.read().values().filter(|session| is_over(session)).map(|s| s.row.id.clone()).collect()
    }

    /// Refuses sessions from now on, whoever holds them.
    pub fn end(&self, ids: &[String]) {
        let mut sessions = self.write();
        for id in ids {
            if let Some(session) = sessions.remove(id) {
                session.ended.store(true, Ordering::Release);
            }
        }
    }

    /// Makes a code that [`Sessions::take_link`] takes once, for a key's id.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn make_link(&self, key: &str, now: u64) -> std::io::Result<(String, u64)> {
        let (id, code) = make_secret("link", &random_hex(8)?)?;
        let expires_us = now + LINK_US;
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|_, link| now < link.expires_us);
        while links.values().filter(|link| link.key == key).count() >= LINKS_MAX {
            let of_key = links.iter().filter(|(_, link)| link.key == key);
            let Some(oldest) = of_key.min_by_key(|(_, link)| link.expires_us).map(|(id, _)| id.clone())
            else {
                break;
            };
            links.remove(&oldest);
        }
        links.insert(id, Link { key: key.to_owned(), hash: hash(&code), expires_us });
        Ok((code, expires_us))
    }

    /// The id of the key that a code is for. The code is used up.
    pub fn take_link(&self, code: &str, now: u64) -> Option<String> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = links.get(id_of(code)).map_or([0; 32], |link| link.hash);
        if !is_of(stored, code) {
            return None;
        }
        links.remove(id_of(code)).filter(|link| now < link.expires_us).map(|link| link.key)
    }

    fn sorted(&self, wanted: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let mut found: Vec<_> = self.read().values().filter(|session| wanted(session)).cloned().collect();
        found.sort_by(|a, b| (a.row.created_us, &a.row.id).cmp(&(b.row.created_us, &b.row.id)));
        found
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Arc<Session>>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<String, Arc<Session>>> {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new session of a key: the row, and the cookie's value, which nothing keeps.
///
/// # Errors
/// The system has no randomness to give.
pub fn make_session(
    org: &str,
    key: &str,
    now: u64,
    expires_us: u64,
) -> std::io::Result<(SessionRow, String)> {
    let (id, cookie) = make_secret("ses", &uuid::Uuid::now_v7().simple().to_string())?;
    let row = SessionRow {
        v: 1,
        id,
        org: org.to_owned(),
        key: key.to_owned(),
        hash: data_encoding::HEXLOWER.encode(&hash(&cookie)),
        created_us: now,
        expires_us,
    };
    Ok((row, cookie))
}

/// The token that calls with this cookie send too. A page of another site can make a browser send the
/// cookie, and can read neither.
pub fn csrf_of(cookie: &str) -> String {
    data_encoding::HEXLOWER.encode(&blake3::derive_key(CSRF_CONTEXT, cookie.as_bytes()))
}

/// `<kind>_<name>`, and the same with 32 random bytes behind a dot.
fn make_secret(kind: &str, name: &str) -> std::io::Result<(String, String)> {
    let id = format!("{kind}_{name}");
    let whole = format!("{id}.{}", random_hex(32)?);
    Ok((id, whole))
}

fn id_of(whole: &str) -> &str {
    whole.split_once('.').map_or("", |(id, _)| id)
}

fn hash(whole: &str) -> [u8; 32] {
    *blake3::hash(whole.as_bytes()).as_bytes()
}

fn is_of(stored: [u8; 32], whole: &str) -> bool {
    stored.ct_eq(&hash(whole)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_opens_with_its_whole_cookie_until_it_ends_or_expires() {
        let sessions = Sessions::default();
        let (row, cookie) = make_session("o", "k", 100, 200).unwrap();
        assert!(!serde_json::to_string(&row).unwrap().contains(cookie.split_once('.').unwrap().1));
        let held = sessions.add(row.clone()).unwrap();
        assert_eq!(sessions.authenticate(&cookie, 199).unwrap().row(), &row);
        assert!(sessions.authenticate(&cookie, 200).is_none(), "expired");
        let (id, secret) = cookie.split_once('.').unwrap();
        for bad in ["", id, &format!("{id}."), &format!(".{secret}"), &format!("{cookie}0"), &row.hash] {
            assert!(sessions.authenticate(bad, 100).is_none(), "{bad}");
        }
        sessions.end(std::slice::from_ref(&row.id));
        assert!(sessions.authenticate(&cookie, 100).is_none() && !held.is_good(100));
        let again = Sessions::load(vec![row]).unwrap();
        assert!(again.authenticate(&cookie, 100).is_some(), "rows are all that is needed");
        assert!(Sessions::load(vec![SessionRow { hash: "ab".to_owned(), ..held.row().clone() }]).is_err());
    }

    #[test]
    fn one_session_more_than_a_key_may_have_ends_its_oldest() {
        let sessions = Sessions::default();
        for at in 0..SESSIONS_MAX as u64 {
            assert!(sessions.too_many_of("k", at).is_empty(), "{at}");
            sessions.add(make_session("o", "k", at, 1000).unwrap().0).unwrap();
        }
        sessions.add(make_session("o", "other", 0, 1000).unwrap().0).unwrap();
        let over = sessions.too_many_of("k", 500);
        assert_eq!(over.iter().map(|s| s.row().created_us).collect::<Vec<_>>(), [0]);
        assert!(sessions.too_many_of("k", 1000).is_empty(), "expired ones do not count");
    }

    #[test]
    fn a_link_is_taken_once_and_in_time() {
        let sessions = Sessions::default();
        let (code, expires) = sessions.make_link("k", 0).unwrap();
        assert_eq!(expires, LINK_US);
        let wrong = format!("{}0", &code[..code.len() - 1]);
        let other = if wrong == code { format!("{}1", &code[..code.len() - 1]) } else { wrong };
        assert_eq!(sessions.take_link(&other, 1), None);
        assert_eq!(sessions.take_link(&code, 1), Some("k".to_owned()), "a wrong guess uses nothing up");
        assert_eq!(sessions.take_link(&code, 1), None);
        let (code, expires) = sessions.make_link("k", 0).unwrap();
        assert_eq!(sessions.take_link(&code, expires), None);
        assert_eq!(sessions.take_link("", 0), None);
    }

    #[test]
    fn a_key_has_few_links_and_the_newest_count() {
        let sessions = Sessions::default();
        let first = sessions.make_link("k", 0).unwrap().0;
        let codes: Vec<String> =
            (1..=LINKS_MAX as u64).map(|at| sessions.make_link("k", at).unwrap().0).collect();
        assert_eq!(sessions.take_link(&first, 20), None);
        assert!(codes.iter().all(|code| sessions.take_link(code, 20).is_some()));
    }

    #[test]
    fn the_token_is_of_the_cookie_and_does_not_tell_it() {
        let (_, one) = make_session("o", "k", 0, 1).unwrap();
        let (_, two) = make_session("o", "k", 0, 1).unwrap();
        assert_eq!(csrf_of(&one), csrf_of(&one));
        assert_ne!(csrf_of(&one), csrf_of(&two));
        assert_ne!(csrf_of(&one), blake3::hash(one.as_bytes()).to_hex().to_string());
    }
}
