//! The nine things that a report can be filtered by, and the values that a record has for them.

use std::borrow::Cow;

use crate::event::Fields;
use crate::text::fold;

/// What a tag is of. The number enters the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Dimension {
    /// `event_type`.
    EventType = 1,
    /// `actor.type` and `actor.id`.
    Actor = 2,
    /// `category`.
    Category = 3,
    /// `resource.type` and `resource.id`.
    Resource = 4,
    /// `status`.
    Status = 5,
    /// `actor.email`, lower case.
    ActorEmail = 6,
    /// `actor.name`.
    ActorName = 7,
    /// `resource.type`.
    ResourceType = 8,
    /// `actor.type`.
    ActorType = 9,
}

impl Dimension {
    /// All, by number.
    pub const ALL: [Self; 9] = [
        Self::EventType,
        Self::Actor,
        Self::Category,
        Self::Resource,
        Self::Status,
        Self::ActorEmail,
        Self::ActorName,
        Self::ResourceType,
        Self::ActorType,
    ];

    /// Its number, 1 to 9.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The dimension of a number.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }

    /// What a filter calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventType => "event_type",
            Self::Actor => "actor_id",
            Self::Category => "category",
            Self::Resource => "resource",
            Self::Status => "status",
            Self::ActorEmail => "actor_email",
            Self::ActorName => "actor_name",
            Self::ResourceType => "resource_type",
            Self::ActorType => "actor_type",
        }
    }

    /// True where a value is a type and an id.
    #[must_use]
    pub const fn is_pair(self) -> bool {
        matches!(self, Self::Actor | Self::Resource)
    }
}

/// A value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// One text.
    Text(String),
    /// A type and an id.
    Pair(String, String),
}

impl Value {
    /// The bytes that the tag is of.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Pair(kind, id) => pair(kind, id),
        }
    }
}

/// A type and an id, told apart by the length of the first.
fn pair(kind: &str, id: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + kind.len() + id.len());
    bytes.extend_from_slice(&(kind.len() as u32).to_be_bytes());
    bytes.extend_from_slice(kind.as_bytes());
    bytes.extend_from_slice(id.as_bytes());
    bytes
}

/// Shows every value of an event with its dimension, each dimension at most once; a part that the
/// event does not have makes none.
pub fn each_tagged(fields: &Fields<'_>, mut see: impl FnMut(Dimension, &[u8])) {
    see(Dimension::EventType, fields.event_type.as_bytes());
    if let Some(id) = &fields.actor_id {
        see(Dimension::Actor, &pair(fields.actor_type, id));
    }
    see(Dimension::Category, fields.category.as_bytes());
    see(Dimension::Resource, &pair(&fields.resource_type, &fields.resource_id));
    see(Dimension::Status, fields.status.as_bytes());
    if let Some(email) = &fields.actor_email {
        see(Dimension::ActorEmail, fold(email).as_bytes());
    }
    if let Some(name) = &fields.actor_name {
        see(Dimension::ActorName, name.as_bytes());
    }
    see(Dimension::ResourceType, fields.resource_type.as_bytes());
    see(Dimension::ActorType, fields.actor_type.as_bytes());
}

/// The form in which values of a dimension are compared.
pub(super) fn compared(dimension: Dimension, text: &str) -> Cow<'_, str> {
    if dimension == Dimension::ActorEmail { fold(text) } else { Cow::Borrowed(text) }
}
