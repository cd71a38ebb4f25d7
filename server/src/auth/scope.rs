//! Scopes: what a key may do.

use crate::state::Role;

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No key.
    Open,
    /// Any key: what a caller asks about itself.
    Any,
    /// `POST /v1/events`.
    Ingest,
    /// Reading events.
    Read,
    /// Saving views.
    Keep,
    /// Verifying.
    Audit,
    /// Issuing reports.
    Report,
    /// Exporting events.
    Export,
    /// Keys, event types.
    Admin,
    /// Organizations and plans.
    Instance,
}

impl Access {
    /// What would do, in words.
    pub fn needs(self) -> &'static str {
        match self {
            Self::Open => "no key",
            Self::Any => "a key",
            Self::Ingest => "a key with scope `ingest` or `admin`",
            Self::Read => "a key with scope `read`, `export`, `auditor` or `admin`",
            Self::Keep => "a key with scope `read`, `export` or `admin`",
            Self::Audit => "a key with scope `auditor` or `admin`",
            Self::Report => "a key with scope `export`, `auditor` or `admin`",
            Self::Export => "a key with scope `export` or `admin`",
            Self::Admin => "a key with scope `admin`",
            Self::Instance => "the instance key",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

const INGEST: u8 = 1;
const READ: u8 = 2;
const EXPORT: u8 = 4;
const AUDITOR: u8 = 8;
const ADMIN: u8 = 16;
const INSTANCE: u8 = 32;

impl Scopes {
    /// The names that a key can be given.
    pub const NAMES: [&'static str; 5] = ["ingest", "read", "export", "auditor", "admin"];

    /// Reads names.
    ///
    /// # Errors
    /// The name that is no scope, and those that are.
    pub fn parse(names: &[String]) -> Result<Self, String> {
        let mut bits = 0;
        for name in names {
            bits |= match name.as_str() {
                "ingest" => INGEST,
                "read" => READ,
                "export" => EXPORT,
                "auditor" => AUDITOR,
                "admin" => ADMIN,
                other => {
                    return Err(format!("`{other}` is no scope; scopes are {}", Self::NAMES.join(", ")));
                }
            };
        }
        Ok(Self(bits))
    }

    /// What a role may.
    pub fn of_role(role: Role) -> Self {
        Self(match role {
            Role::Owner | Role::Admin => ADMIN,
            Role::Developer => INGEST | READ | EXPORT,
            Role::Viewer => READ,
            Role::Auditor => AUDITOR,
        })
    }

    /// The same, for the instance key.
    #[must_use]
    pub fn with_instance(self) -> Self {
        Self(self.0 | INSTANCE)
    }

    /// The names of those that it holds, in the order of [`Scopes::NAMES`].
    pub fn names(self) -> Vec<&'static str> {
        let bits = [INGEST, READ, EXPORT, AUDITOR, ADMIN];
        Self::NAMES.into_iter().zip(bits).filter(|(_, bit)| self.0 & bit != 0).map(|(name, _)| name).collect()
    }

    /// True when one of the scopes covers the call.
    pub fn allow(self, access: Access) -> bool {
        let any = match access {
            Access::Open | Access::Any => return true,
            Access::Ingest => INGEST | ADMIN,
            Access::Read => READ | EXPORT | AUDITOR | ADMIN,
            Access::Keep => READ | EXPORT | ADMIN,
            Access::Audit => AUDITOR | ADMIN,
            Access::Report => EXPORT | AUDITOR | ADMIN,
            Access::Export => EXPORT | ADMIN,
            Access::Admin => ADMIN,
            Access::Instance => INSTANCE,
        };
        self.0 & any != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_cover_what_the_contract_says_and_no_more() {
        use Access::{Admin, Audit, Export, Ingest, Instance, Keep, Read, Report};
        let table = [
            ("ingest", vec![Ingest]),
            ("read", vec![Read, Keep]),
            ("export", vec![Read, Keep, Report, Export]),
            ("auditor", vec![Read, Audit, Report]),
            ("admin", vec![Ingest, Read, Keep, Audit, Report, Export, Admin]),
        ];
        for (name, allowed) in table {
            let scopes = Scopes::parse(&[name.to_owned()]).unwrap();
            for access in [Ingest, Read, Keep, Audit, Report, Export, Admin, Instance] {
                assert_eq!(scopes.allow(access), allowed.contains(&access), "{name} {access:?}");
            }
        }
        for name in Role::NAMES {
            let scopes = Scopes::of_role(Role::of(name).unwrap());
            let named: Vec<String> = scopes.names().iter().map(|n| (*n).to_owned()).collect();
            assert_eq!(Scopes::parse(&named), Ok(scopes), "{name}");
            assert!(!scopes.allow(Instance), "{name}");
            assert_eq!(scopes.allow(Admin), matches!(name, "owner" | "admin"), "{name}");
            assert_eq!(scopes.allow(Ingest), matches!(name, "owner" | "admin" | "developer"), "{name}");
            assert_eq!(scopes.allow(Audit), matches!(name, "owner" | "admin" | "auditor"), "{name}");
        }
        let two = Scopes::parse(&["admin".to_owned(), "read".to_owned()]).unwrap().with_instance();
        assert_eq!(two.names(), ["read", "admin"]);
        let all: Vec<String> = Scopes::NAMES.iter().map(|n| (*n).to_owned()).collect();
        assert!(!Scopes::parse(&all).unwrap().allow(Instance));
        assert!(Scopes::default().with_instance().allow(Instance));
        assert!(Scopes::parse(&["root".to_owned()]).unwrap_err().contains("root"));
    }
}
