//! Keys in memory: found by id, compared in constant time, revoked at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use subtle::ConstantTimeEq;

use super::{KeyRow, now_us, random_hex};
use crate::auth::{Meter, Scopes};
use crate::serve::ServeError;

/// The id of a key given from outside that has not the form `stl_<id>_<secret>`.
pub const GIVEN_ID: &str = "first";

/// A key in use.
pub struct Key {
    row: KeyRow,
    hash: [u8; 32],
    /// What it may do; nothing where it is a user's token, whose role says what.
    pub scopes: Scopes,
    /// 0 while it is good.
    revoked_us: AtomicU64,
    last_used_us: AtomicU64,
    saved_use_us: AtomicU64,
    /// Rate of ingest calls.
    pub ingest: Meter,
    /// Rate of other calls.
    pub other: Meter,
}

impl Key {
    fn new(row: KeyRow) -> Result<Self, String> {
        let hash = stele_engine::ids::unhex(&row.hash)
            .ok_or_else(|| format!("key {:?} has a hash that is not 32 bytes of hex", row.id))?;
        let scopes = Scopes::parse(&row.scopes).map_err(|e| format!("key {:?}: {e}", row.id))?;
        let used = row.last_used_us.unwrap_or(0);
        Ok(Self {
            hash,
            scopes: if row.instance { scopes.with_instance() } else { scopes },
            revoked_us: AtomicU64::new(row.revoked_us.unwrap_or(0)),
            last_used_us: AtomicU64::new(used),
            saved_use_us: AtomicU64::new(used),
            ingest: Meter::default(),
            other: Meter::default(),
            row,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.row.id
    }

    /// Its organization.
    pub fn org(&self) -> &str {
        &self.row.org
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// The user whose token it is.
    pub fn user(&self) -> Option<&str> {
        self.row.user.as_deref()
    }

    /// The row as it would be stored now.
    pub fn row(&self) -> KeyRow {
        let set = |a: &AtomicU64| Some(a.load(Ordering::Acquire)).filter(|us| *us > 0);
        KeyRow {
            revoked_us: set(&self.revoked_us),
            last_used_us: set(&self.last_used_us),
            ..self.row.clone()
        }
    }

    /// True while the key is neither revoked nor expired.
    pub fn is_good(&self, now: u64) -> bool {
        self.revoked_us.load(Ordering::Acquire) == 0 && self.row.expires_us.is_none_or(|e| now < e)
    }

    /// Notes a use.
    pub fn touch(&self, now: u64) {
        self.last_used_us.store(now, Ordering::Relaxed);
    }

    /// Refuses the key from now on.
    pub fn revoke(&self, at_us: u64) {
        self.revoked_us.store(at_us, Ordering::Release);
    }
}

/// All keys of the instance.
#[derive(Default)]
pub struct Keys {
    by_id: RwLock<HashMap<String, Arc<Key>>>,
}

impl Keys {
    /// Takes rows as they were stored.
    ///
    /// # Errors
    /// A row that cannot be a key.
    pub fn load(rows: Vec<KeyRow>) -> Result<Self, String> {
        let keys = Self::default();
        for row in rows {
            keys.add(row)?;
        }
        Ok(keys)
    }

    /// Adds a stored key.
    ///
    /// # Errors
    /// The row cannot be a key.
    pub fn add(&self, row: KeyRow) -> Result<Arc<Key>, String> {
        let key = Arc::new(Key::new(row)?);
        self.write().insert(key.id().to_owned(), Arc::clone(&key));
        Ok(key)
    }

    /// The key that a bearer token is, if it is good. Unknown ids cost what known ones cost.
    pub fn authenticate(&self, token: &str) -> Option<Arc<Key>> {
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let id = id_of(token).unwrap_or(GIVEN_ID);
        let known = self.read().get(id).cloned();
        let stored = known.as_ref().map_or([0; 32], |k| k.hash);
        let equal = bool::from(stored.ct_eq(&hash));
        let now = now_us();
        let key = known.filter(|k| equal && k.is_good(now))?;
        key.touch(now);
        Some(key)
    }

    /// By id.
    pub fn get(&self, id: &str) -> Option<Arc<Key>> {
        self.read().get(id).cloned()
    }

    /// The keys of an organization, oldest first.
    pub fn of_org(&self, org: &str) -> Vec<Arc<Key>> {
        let mut keys: Vec<_> = self.read().values().filter(|k| k.org() == org).cloned().collect();
        keys.sort_by(|a, b| (a.row.created_us, a.id()).cmp(&(b.row.created_us, b.id())));
        keys
    }

    /// Good instance keys.
    pub fn instance_keys(&self) -> usize {
        let now = now_us();
        self.read().values().filter(|k| k.row.instance && k.is_good(now)).count()
    }

    /// Rows whose time of last use is more than a minute ahead of what was stored.
    pub fn used_since_saved(&self) -> Vec<KeyRow> {
        let minute = 60_000_000;
        let mut rows = Vec::new();
        for key in self.read().values() {
            let used = key.last_used_us.load(Ordering::Relaxed);
            if used >= key.saved_use_us.load(Ordering::Relaxed).saturating_add(minute) {
                key.saved_use_us.store(used, Ordering::Relaxed);
                rows.push(key.row());
            }
        }
        rows
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Arc<Key>>> {
        self.by_id.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<String, Arc<Key>>> {
        self.by_id.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn id_of(token: &str) -> Option<&str> {
    let (id, secret) = token.strip_prefix("stl_")?.split_once('_')?;
    (!id.is_empty() && !secret.is_empty()).then_some(id)
}

/// A new key, or one given from outside: the row, and the key to show once.
///
/// # Errors
/// The system has no randomness to give.
pub fn make(
    org: &str,
    name: &str,
    scopes: &[String],
    expires_us: Option<u64>,
    given: Option<&str>,
) -> Result<(KeyRow, String), ServeError> {
    let random = |bytes| {
        random_hex(bytes).map_err(|source| ServeError::Io {
            path: "randomness".into(),
            doing: "reading",
            source,
        })
    };
    let token = match given {
        Some(given) => given.to_owned(),
        None => format!("stl_{}_{}", random(8)?, random(32)?),
    };
    let row = KeyRow {
        v: 1,
        id: id_of(&token).unwrap_or(GIVEN_ID).to_owned(),
        org: org.to_owned(),
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        instance: false,
        hash: blake3::hash(token.as_bytes()).to_hex().to_string(),
        created_us: now_us(),
        expires_us,
        revoked_us: None,
        last_used_us: None,
        user: None,
    };
    Ok((row, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes() -> Vec<String> {
        vec!["ingest".to_owned()]
    }

    #[test]
    fn a_key_opens_only_with_its_whole_secret_until_revoked_or_expired() {
        let keys = Keys::default();
        let (row, token) = make("o", "n", &scopes(), None, None).unwrap();
        assert!(token.starts_with("stl_") && token.len() == 4 + 16 + 1 + 64, "{token}");
        assert!(!serde_json::to_string(&row).unwrap().contains(&token[21..]), "the secret is not stored");
        let key = keys.add(row).unwrap();
        assert_eq!(keys.authenticate(&token).unwrap().id(), key.id());
        for bad in [&token[..token.len() - 1], &format!("{token}0"), "stl_x_y", "", "stl__", "Bearer"] {
            assert!(keys.authenticate(bad).is_none(), "{bad}");
        }
        key.revoke(now_us());
        assert!(keys.authenticate(&token).is_none());
        let (row, token) = make("o", "n", &scopes(), Some(now_us() - 1), None).unwrap();
        keys.add(row).unwrap();
        assert!(keys.authenticate(&token).is_none(), "expired");
    }

    #[test]
    fn a_key_given_from_outside_works_in_any_form() {
        for given in ["secret-of-the-operator", "stl_abc_def", "stl_"] {
            let keys = Keys::default();
            let (row, token) = make("o", "n", &scopes(), None, Some(given)).unwrap();
            assert_eq!(token, given);
            keys.add(row).unwrap();
            assert!(keys.authenticate(given).is_some(), "{given}");
            assert!(keys.authenticate("other").is_none());
        }
    }

    #[test]
    fn uses_are_saved_once_a_minute() {
        let keys = Keys::default();
        let (row, token) = make("o", "n", &scopes(), None, None).unwrap();
        keys.add(row).unwrap();
        keys.authenticate(&token).unwrap();
        assert_eq!(keys.used_since_saved().len(), 1);
        keys.authenticate(&token).unwrap();
        assert_eq!(keys.used_since_saved().len(), 0);
    }
}
