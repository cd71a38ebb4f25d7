//! What must hold of one value, whatever holds it: a dictionary's term or a record's member.

use std::net::IpAddr;

use super::needs::Need;
use super::pattern::Pattern;
use super::phrase::Phrase;
use crate::event::Value;
use crate::text::{Number, fold};

/// A test of a value. A clause holds when any of its tests holds of any of its values.
#[derive(Clone, Debug)]
pub(super) enum ValueTest {
    /// There is one that is not null.
    Present,
    /// The whole text, case removed; `below`: or what continues it after a dot.
    Whole { pattern: Pattern, below: Option<String>, needs: Vec<Need> },
    /// The exact bytes of a text.
    Exact { text: String, needs: Vec<Need> },
    /// A text that contains this, case removed.
    Contains { part: String, needs: Vec<Need> },
    /// Texts in byte order.
    Bytes { low: Option<(String, bool)>, high: Option<(String, bool)> },
    /// Texts that are addresses of a network.
    Network { address: IpAddr, prefix: u8 },
    /// Texts that are addresses of one family in order.
    Addresses { low: Option<(IpAddr, bool)>, high: Option<(IpAddr, bool)> },
    /// Texts with the phrase.
    Phrase { phrase: Phrase, needs: Vec<Need> },
    /// JSON numbers equal to this.
    Number(Number),
    /// `true` or `false`.
    Flag(bool),
    /// JSON numbers, and texts that are numbers, between bounds.
    Numbers { low: Option<(Number, bool)>, high: Option<(Number, bool)> },
}

impl ValueTest {
    /// Words that a text must have for it to hold; none when nothing is known.
    pub(super) fn needs(&self) -> &[Need] {
        match self {
            Self::Whole { needs, .. }
            | Self::Exact { needs, .. }
            | Self::Contains { needs, .. }
            | Self::Phrase { needs, .. } => needs,
            _ => &[],
        }
    }

    /// The words that a text must have in a row for it to hold.
    pub(super) fn phrase(&self) -> Option<&Phrase> {
        match self {
            Self::Phrase { phrase, .. } => Some(phrase),
            _ => None,
        }
    }

    /// What a look at a text of so many bytes costs, in units of a pace.
    pub(super) fn units(&self, bytes: usize) -> usize {
        match self {
            Self::Whole { pattern, .. } => pattern.units(bytes),
            Self::Phrase { phrase, .. } => phrase.units(bytes),
            _ => bytes / 64,
        }
    }

    /// Whether it holds of a text.
    pub(super) fn holds_of_text(&self, text: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Whole { pattern, below, .. } => {
                let folded = fold(text);
                let continues = |plain: &String| {
                    folded.strip_prefix(plain.as_str()).is_some_and(|rest| rest.starts_with('.'))
                };
                pattern.matches(&folded) || below.as_ref().is_some_and(continues)
            }
            Self::Exact { text: exact, .. } => text == exact,
            Self::Contains { part, .. } => contains(&fold(text), part),
            Self::Bytes { low, high } => within(
                text,
                low.as_ref().map(|(b, i)| (b.as_str(), *i)),
                high.as_ref().map(|(b, i)| (b.as_str(), *i)),
            ),
            Self::Network { address, prefix } => {
                text.parse().is_ok_and(|other| in_network(other, *address, *prefix))
            }
            Self::Addresses { low, high } => text.parse().is_ok_and(|own: IpAddr| {
                let family = low.or(*high).is_some_and(|(bound, _)| bound.is_ipv4() == own.is_ipv4());
                family && within(own, *low, *high)
            }),
            Self::Phrase { phrase, .. } => phrase.matches(&fold(text)),
            Self::Number(_) | Self::Flag(_) => false,
            Self::Numbers { .. } => {
                looks_like_number(text) && Number::parse(text).is_some_and(|n| self.holds_of_number(&n))
            }
        }
    }

    /// Whether it holds of a number's value.
    pub(super) fn holds_of_number(&self, number: &Number) -> bool {
        match self {
            Self::Present => true,
            Self::Number(wanted) => number == wanted,
            Self::Numbers { low, high } => {
                within(number, low.as_ref().map(|(b, i)| (b, *i)), high.as_ref().map(|(b, i)| (b, *i)))
            }
            _ => false,
        }
    }

    /// Whether it holds of a value of metadata.
    pub(super) fn holds_of(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Text(text) => self.holds_of_text(text),
            Value::Number(text) => match self {
                Self::Present => true,
                Self::Number(_) | Self::Numbers { .. } => {
                    Number::parse(text).is_some_and(|number| self.holds_of_number(&number))
                }
                _ => false,
            },
            Value::Flag(flag) => {
                matches!(self, Self::Present) || matches!(self, Self::Flag(own) if own == flag)
            }
            Value::Object => matches!(self, Self::Present),
            Value::Null => false,
        }
    }
}

/// Texts that cannot be JSON numbers are most: one look spares their parse.
pub(super) fn looks_like_number(text: &str) -> bool {
    text.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || *b == b'-')
}

/// True when a folded text contains a folded part.
pub(super) fn contains(folded: &str, part: &str) -> bool {
    memchr::memmem::find(folded.as_bytes(), part.as_bytes()).is_some()
}

fn within<T: PartialOrd>(value: T, low: Option<(T, bool)>, high: Option<(T, bool)>) -> bool {
    low.is_none_or(|(bound, inclusive)| if inclusive { value >= bound } else { value > bound })
        && high.is_none_or(|(bound, inclusive)| if inclusive { value <= bound } else { value < bound })
}

fn in_network(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32_u32.saturating_sub(u32::from(prefix));
            let cut = |bits: u32| bits.checked_shr(shift).unwrap_or(0);
            cut(a.to_bits()) == cut(b.to_bits())
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128_u32.saturating_sub(u32::from(prefix));
            let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
            cut(a.to_bits()) == cut(b.to_bits())
        }
        _ => false,
    }
}
