//! The types an organization knows: the built-in ones and its own, each with a category and a JSON
//! Schema (2020-12) for metadata.
//!
//! A type is known when it is listed, never by its prefix. What a mismatch means is each type's
//! choice: stored and marked (`schema_errors`), or refused. `builtin` lists the built-in types,
//! `schema` compares metadata with a schema, `shape` does the same quickly for plain schemas.

mod builtin;
mod references;
mod schema;
mod shape;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use serde_json::Value;

pub use schema::{MISMATCHES_MAX, Mismatch};

use super::rules;
use schema::Schema;

/// The categories that every organization has.
pub const CATEGORIES: [&str; 7] = ["session", "api", "agent", "auth", "integration", "system", "security"];

/// What happens to an event whose metadata does not fit its type's schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// It is stored, with `schema_errors`.
    #[default]
    Mark,
    /// It is refused.
    Refuse,
}

impl OnMismatch {
    /// `mark` or `refuse`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Refuse => "refuse",
        }
    }
}

impl std::str::FromStr for OnMismatch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "mark" => Ok(Self::Mark),
            "refuse" => Ok(Self::Refuse),
            _ => Err("must be mark or refuse"),
        }
    }
}

/// One type of the taxonomy.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeInfo {
    /// Its name.
    pub event_type: String,
    /// The category of its events that name none.
    pub category: String,
    /// JSON Schema for metadata.
    pub schema: Value,
    /// What a mismatch means.
    pub on_mismatch: OnMismatch,
    /// Whether every organization has it (its schema and choice may still be the organization's).
    pub built_in: bool,
}

/// A type that an organization registers, or its own terms for a built-in one.
#[derive(Clone, Debug, PartialEq)]
pub struct OrgType {
    /// Its name.
    pub event_type: String,
    /// Its category: one of [`CATEGORIES`], or a new one, which this registers. None: that of the
    /// built-in type of this name.
    pub category: Option<String>,
    /// JSON Schema for metadata. None: that of the built-in type of this name, else anything goes.
    pub schema: Option<Value>,
    /// What a mismatch means.
    pub on_mismatch: OnMismatch,
}

/// Why a type cannot be registered: where in it (RFC 6901 pointer) and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct TypeError {
    /// `/event_type`, `/category` or `/schema…`.
    pub pointer: String,
    /// The broken rule.
    pub detail: String,
}

impl TypeError {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// A type with its schema made ready.
pub(super) struct Entry {
    pub info: TypeInfo,
    schema: Schema,
}

impl Entry {
    /// What does not fit in canonical metadata; empty when all does.
    #[inline]
    pub fn check(&self, metadata: &str) -> Vec<Mismatch> {
        self.schema.check(metadata)
    }
}

/// The types an organization knows. Cheap to clone: the types are shared.
#[derive(Clone)]
pub struct Taxonomy {
    types: HashMap<String, Arc<Entry>>,
    categories: BTreeSet<String>,
}

impl std::fmt::Debug for Taxonomy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Taxonomy").field("types", &self.types.len()).finish_non_exhaustive()
    }
}

impl Default for Taxonomy {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Taxonomy {
    /// The built-in types alone.
    #[must_use]
    pub fn built_in() -> Self {
        static BUILT_IN: OnceLock<Taxonomy> = OnceLock::new();
        BUILT_IN.get_or_init(builtin::taxonomy).clone()
    }

    /// The built-in types, and an organization's.
    ///
    /// # Errors
    /// The first type that cannot be registered.
    pub fn with(types: impl IntoIterator<Item = OrgType>) -> Result<Self, TypeError> {
        let mut taxonomy = Self::built_in();
        for registered in types {
            taxonomy.put(registered)?;
        }
        Ok(taxonomy)
    }

    /// Registers a type or replaces the one of that name. Compiles the schema: do it when types change,
    /// not per event.
    ///
    /// # Errors
    /// A name, category or schema that breaks a rule; nothing has changed then.
    pub fn put(&mut self, registered: OrgType) -> Result<(), TypeError> {
        let OrgType { event_type, category, schema, on_mismatch } = registered;
        if let Some(broken) = rules::type_shape(&event_type) {
            return Err(TypeError::new("/event_type", broken));
        }
        if event_type.starts_with(rules::OWN_TYPE) {
            return Err(TypeError::new("/event_type", "types that begin with stele. are the log's own"));
        }
        let original = Self::built_in().types.get(&event_type).cloned();
        let category = match (category, &original) {
            (Some(given), Some(known)) if given != known.info.category => {
                return Err(TypeError::new("/category", "a built-in type keeps its category"));
            }
            (Some(given), _) => given,
            (None, Some(known)) => known.info.category.clone(),
            (None, None) => return Err(TypeError::new("/category", "is required")),
        };
        if let Some(broken) = rules::category_shape(&category) {
            return Err(TypeError::new("/category", broken));
        }
        let built_in = original.is_some();
        let schema = schema
            .or_else(|| original.map(|known| known.info.schema.clone()))
            .unwrap_or_else(|| serde_json::json!({"type": "object"}));
        let ready = Schema::compile(&schema)?;
        let info = TypeInfo { event_type, category, schema, on_mismatch, built_in };
        self.insert(Entry { info, schema: ready });
        Ok(())
    }

    fn insert(&mut self, entry: Entry) {
        self.categories.insert(entry.info.category.clone());
        self.types.insert(entry.info.event_type.clone(), Arc::new(entry));
    }

    /// All types, ordered by name.
    pub fn types(&self) -> impl Iterator<Item = &TypeInfo> {
        let mut all: Vec<&TypeInfo> = self.types.values().map(|entry| &entry.info).collect();
        all.sort_unstable_by(|a, b| a.event_type.cmp(&b.event_type));
        all.into_iter()
    }

    /// The type of that name.
    #[must_use]
    pub fn get(&self, event_type: &str) -> Option<&TypeInfo> {
        self.entry(event_type).map(|entry| &entry.info)
    }

    pub(super) fn entry(&self, event_type: &str) -> Option<&Entry> {
        self.types.get(event_type).map(Arc::as_ref)
    }

    /// Whether events may name this category.
    #[must_use]
    pub fn has_category(&self, category: &str) -> bool {
        CATEGORIES.contains(&category) || self.categories.contains(category)
    }

    /// All categories, ordered by name.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        let mut all: BTreeSet<&str> = CATEGORIES.into_iter().collect();
        all.extend(self.categories.iter().map(String::as_str));
        all.into_iter()
    }
}
