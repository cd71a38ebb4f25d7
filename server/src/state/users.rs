//! People of an organization: found by id, removed at once.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stele_engine::record::committed_at;

/// What a user may do, which the scopes of all their tokens follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything of the organization, its owners included.
    Owner,
    /// Everything of the organization but its owners.
    Admin,
    /// Sends, reads, exports, issues reports.
    Developer,
    /// Reads.
    Viewer,
    /// Reads, issues reports, verifies.
    Auditor,
}

impl Role {
    /// The names, as the API takes them.
    pub const NAMES: [&'static str; 5] = ["owner", "admin", "developer", "viewer", "auditor"];

    /// The role of a name.
    pub fn of(name: &str) -> Option<Self> {
        let roles = [Self::Owner, Self::Admin, Self::Developer, Self::Viewer, Self::Auditor];
        Self::NAMES.iter().zip(roles).find(|(known, _)| **known == name).map(|(_, role)| role)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Row version, 1.
    pub v: u8,
    /// `usr_` and a UUID; ascending with time.
    pub id: String,
    /// The organization.
    pub org: String,
    /// Lower case; of no other user of the organization that is there.
    pub email: String,
    /// Name for people.
    pub name: Option<String>,
    /// The role.
    pub role: Role,
    /// Microseconds since 1970.
    pub created_us: u64,
    /// Refused since then.
    pub removed_us: Option<u64>,
}

impl UserRow {
    /// As the API shows it.
    pub fn show(&self) -> Value {
        json!({
            "id": self.id,
            "email": self.email,
            "name": self.name,
            "role": self.role,
            "created_at": committed_at(self.created_us),
            "removed_at": self.removed_us.map(committed_at),
        })
    }
}

/// All users of the instance, removed ones too.
#[derive(Default)]
pub struct Users(RwLock<BTreeMap<String, Arc<UserRow>>>);

impl Users {
    /// Takes rows as they were stored.
    pub fn load(rows: Vec<UserRow>) -> Self {
        let by_id = rows.into_iter().map(|row| (row.id.clone(), Arc::new(row))).collect();
        Self(RwLock::new(by_id))
    }

    /// Adds or replaces a user.
    pub fn put(&self, row: UserRow) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(row.id.clone(), Arc::new(row));
    }

    /// By id, removed or not.
    pub fn get(&self, id: &str) -> Option<Arc<UserRow>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// By id, if they are there.
    pub fn present(&self, id: &str) -> Option<Arc<UserRow>> {
        self.get(id).filter(|user| user.removed_us.is_none())
    }

    /// Users of an organization, oldest first, removed ones too.
    pub fn of_org(&self, org: &str) -> Vec<Arc<UserRow>> {
        let users = self.0.read().unwrap_or_else(PoisonError::into_inner);
        users.values().filter(|user| user.org == org).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_rows_of_roles_are_the_same_words() {
        for name in Role::NAMES {
            assert_eq!(json!(Role::of(name).unwrap()), name);
        }
        assert_eq!(Role::of("root"), None);
    }

    #[test]
    fn who_is_removed_is_known_and_not_present() {
        let row = |id: &str, removed_us| UserRow {
            v: 1,
            id: id.to_owned(),
            org: "o".to_owned(),
            email: "a@example.com".to_owned(),
            name: None,
            role: Role::Viewer,
            created_us: 1,
            removed_us,
        };
        let users = Users::load(vec![row("usr_2", None), row("usr_1", Some(2))]);
        assert!(users.present("usr_1").is_none() && users.get("usr_1").is_some());
        users.put(row("usr_2", Some(3)));
        assert!(users.present("usr_2").is_none());
        let all: Vec<String> = users.of_org("o").iter().map(|user| user.id.clone()).collect();
        assert_eq!(all, ["usr_1", "usr_2"]);
        assert!(users.of_org("p").is_empty());
    }
}
