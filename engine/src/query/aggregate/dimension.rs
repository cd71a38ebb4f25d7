//! Where the values of a dimension stand: in the index of a segment, and in a record.

use std::hash::Hash;

use hashbrown::{Equivalent, HashMap};

use crate::error::StoreError;
use crate::event::{self, Fields, each_value};
use crate::index::{Dictionary, Field, PathId, Postings, View};
use crate::query::lang::Keyword;
use crate::query::path::PathPattern;
use crate::query::{Dimension, DocSet, FacetValue};

/// A dimension made ready.
pub(super) enum Axis {
    Keyword(Keyword),
    /// Id, else e-mail, else name.
    Actor,
    Path(PathPattern),
}

impl From<&Dimension> for Axis {
    fn from(dimension: &Dimension) -> Self {
        match dimension {
            Dimension::Keyword(keyword) => Self::Keyword(*keyword),
            Dimension::Actor => Self::Actor,
            Dimension::Metadata(path) => Self::Path(PathPattern::of(path)),
        }
    }
}

/// A value, borrowed. Hashes as the [`FacetValue`] that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(&'a str),
    Flag(bool),
}

impl Equivalent<FacetValue> for Value<'_> {
    fn equivalent(&self, key: &FacetValue) -> bool {
        match (self, key) {
            (Value::Text(a), FacetValue::Text(b)) | (Value::Number(a), FacetValue::Number(b)) => a == b,
            (Value::Flag(a), FacetValue::Flag(b)) => a == b,
            _ => false,
        }
    }
}

impl From<&Value<'_>> for FacetValue {
    fn from(value: &Value<'_>) -> Self {
        match *value {
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Number(text) => Self::Number(text.to_owned()),
            Value::Flag(flag) => Self::Flag(flag),
        }
    }
}

impl<'a> From<&'a FacetValue> for Value<'a> {
    fn from(value: &'a FacetValue) -> Self {
        match value {
            FacetValue::Text(text) => Self::Text(text),
            FacetValue::Number(text) => Self::Number(text),
            FacetValue::Flag(flag) => Self::Flag(*flag),
        }
    }
}

impl Value<'_> {
    /// Bytes that keeping it takes, roughly.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Number(text) => 64 + text.len(),
            Self::Flag(_) => 64,
        }
    }
}

/// Is shown a value and its lists.
pub(super) type Visit<'d, 'v> = dyn FnMut(Value<'v>, &[Postings<'v>]) -> Result<(), StoreError> + 'd;

/// The places of values in one segment. An event has each distinct value once, whatever the places.
pub(super) struct Places {
    strings: Vec<Dictionary>,
    numbers: Vec<Dictionary>,
    flags: Vec<PathId>,
    /// Values of a path, which also stand in documents with paths that the segment does not list.
    of_path: bool,
}

impl Places {
    /// Of a dimension; where there are several, one counts only where those before have no value.
    pub fn of(view: View<'_>, axis: &Axis) -> Result<Vec<Self>, StoreError> {
        Ok(match axis {
            Axis::Keyword(keyword) => vec![Self::of_field(field_of(*keyword))],
            Axis::Actor => [Field::ActorId, Field::ActorEmail, Field::ActorName].map(Self::of_field).into(),
            Axis::Path(path) => vec![Self::of_path(view, path)?],
        })
    }

    /// Of a member of the envelope.
    pub fn of_field(field: Field) -> Self {
        Self { strings: vec![field.into()], numbers: Vec::new(), flags: Vec::new(), of_path: false }
    }

    /// Of all scalars at a path.
    pub fn of_path(view: View<'_>, path: &PathPattern) -> Result<Self, StoreError> {
        let mut ids = Vec::new();
        view.paths(&mut |id, stored| {
            if path.fits(stored) {
                ids.push(id);
            }
        })?;
        let strings = ids.iter().map(|&id| Dictionary::strings(id)).collect();
        let numbers = ids.iter().map(|&id| Dictionary::numbers(id)).collect();
        Ok(Self { strings, numbers, flags: ids, of_path: true })
    }

    /// Of the numbers at a path.
    pub fn of_numbers(view: View<'_>, path: &PathPattern) -> Result<Self, StoreError> {
        Ok(Self { strings: Vec::new(), flags: Vec::new(), ..Self::of_path(view, path)? })
    }

    /// Visible documents that have values which no list names: their records tell.
    pub fn unlisted(&self, view: View<'_>, docs: u32) -> Result<DocSet, StoreError> {
        let mut lists = Vec::new();
        for &dictionary in self.strings.iter().chain(&self.numbers) {
            lists.extend(view.loose(dictionary)?);
        }
        if self.of_path {
            lists.extend(view.unlisted()?);
        }
        if lists.is_empty() { Ok(DocSet::empty()) } else { DocSet::union(&lists, docs) }
    }

    /// Shows each distinct value with its lists, which hold a document in common only where the
    /// value stands in several places.
    pub fn values<'v>(&self, view: View<'v>, visit: &mut Visit<'_, 'v>) -> Result<(), StoreError> {
        if self.strings.len().max(self.numbers.len()) <= 1 {
            return self.each(view, &mut |value, list| visit(value, &[list]));
        }
        let mut lists: HashMap<Value<'v>, Vec<Postings<'v>>> = HashMap::new();
        self.each(view, &mut |value, list| {
            lists.entry(value).or_default().push(list);
            Ok(())
        })?;
        lists.iter().try_for_each(|(&value, lists)| visit(value, lists))
    }

    fn each<'v>(
        &self,
        view: View<'v>,
        visit: &mut dyn FnMut(Value<'v>, Postings<'v>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for &dictionary in &self.strings {
            view.terms(dictionary, &mut |_, text, list| visit(Value::Text(utf8(text)?), list))?;
        }
        for &dictionary in &self.numbers {
            view.terms(dictionary, &mut |_, text, list| visit(Value::Number(utf8(text)?), list))?;
        }
        for (&path, flag) in self.flags.iter().flat_map(|path| [(path, false), (path, true)]) {
            if let Some(list) = view.flags(path, flag)? {
                visit(Value::Flag(flag), list)?;
            }
        }
        Ok(())
    }
}

/// Calls `visit` for each document of a set that is in any of some lists, ascending.
pub(super) fn each_common(
    docs: &DocSet,
    lists: &[Postings<'_>],
    mut visit: impl FnMut(u32),
) -> Result<(), StoreError> {
    if let [list] = lists {
        return each_of_list(docs, list, visit);
    }
    let mut found = Vec::new();
    for list in lists {
        each_of_list(docs, list, |doc| found.push(doc))?;
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().for_each(&mut visit);
    Ok(())
}

fn each_of_list(docs: &DocSet, list: &Postings<'_>, mut visit: impl FnMut(u32)) -> Result<(), StoreError> {
    let set = list.set()?;
    match docs {
        DocSet::List(few) if (few.len() as u64) < list.count() => {
            few.iter().copied().filter(|&doc| set.contains(doc)).for_each(visit);
        }
        docs => set.each(|doc| {
            if docs.contains(doc) {
                visit(doc);
            }
        }),
    }
    Ok(())
}

fn utf8(text: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(text).map_err(|_| StoreError::Refused("a value of the index is not UTF-8".to_owned()))
}

/// The index's name of a keyword.
pub(super) fn field_of(keyword: Keyword) -> Field {
    match keyword {
        Keyword::EventType => Field::EventType,
        Keyword::Category => Field::Category,
        Keyword::Status => Field::Status,
        Keyword::Action => Field::Action,
        Keyword::ActorType => Field::ActorType,
        Keyword::ActorId => Field::ActorId,
        Keyword::ActorEmail => Field::ActorEmail,
        Keyword::ActorName => Field::ActorName,
        Keyword::ResourceType => Field::ResourceType,
        Keyword::ResourceId => Field::ResourceId,
        Keyword::ResourceName => Field::ResourceName,
    }
}

fn keyword_of<'f>(fields: &'f Fields<'_>, keyword: Keyword) -> Option<&'f str> {
    match keyword {
        Keyword::EventType => Some(fields.event_type),
        Keyword::Category => Some(&fields.category),
        Keyword::Status => Some(fields.status),
        Keyword::Action => Some(&fields.action),
        Keyword::ActorType => Some(fields.actor_type),
        Keyword::ActorId => fields.actor_id.as_deref(),
        Keyword::ActorEmail => fields.actor_email.as_deref(),
        Keyword::ActorName => fields.actor_name.as_deref(),
        Keyword::ResourceType => Some(&fields.resource_type),
        Keyword::ResourceId => Some(&fields.resource_id),
        Keyword::ResourceName => fields.resource_name.as_deref(),
    }
}

/// The distinct values of a record, ascending.
pub(super) fn values_of(fields: &Fields<'_>, axis: &Axis) -> Result<Vec<FacetValue>, StoreError> {
    let text = |text: &str| FacetValue::Text(text.to_owned());
    Ok(match axis {
        Axis::Keyword(keyword) => keyword_of(fields, *keyword).map(text).into_iter().collect(),
        Axis::Actor => {
            let by = [Keyword::ActorId, Keyword::ActorEmail, Keyword::ActorName];
            by.iter().find_map(|&keyword| keyword_of(fields, keyword)).map(text).into_iter().collect()
        }
        Axis::Path(path) => at_path(fields, path, |value| match value {
            event::Value::Text(text) => Some(FacetValue::Text(text.into_owned())),
            event::Value::Number(text) => Some(FacetValue::Number(text.to_owned())),
            event::Value::Flag(flag) => Some(FacetValue::Flag(flag)),
            event::Value::Null | event::Value::Object => None,
        })?,
    })
}

/// The distinct numbers of a record at a path, as written.
pub(super) fn numbers_of<'f>(fields: &Fields<'f>, path: &PathPattern) -> Result<Vec<&'f str>, StoreError> {
    at_path(fields, path, |value| if let event::Value::Number(text) = value { Some(text) } else { None })
}

/// What is made of the values at a path: distinct, ascending.
fn at_path<'f, T: Ord>(
    fields: &Fields<'f>,
    path: &PathPattern,
    make: impl Fn(event::Value<'f>) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    each_value(fields.metadata, |at, value| {
        if path.fits(at) {
            found.extend(make(value));
        }
    })
    .map_err(|why| {
        StoreError::Refused(format!("the metadata of event {} is not JSON: {why}", fields.event_id))
    })?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
