//! The desk: where reports wait to be made, and another one where exports do.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Bell;

/// Reports of one organization that may wait.
const WAITING_MAX: usize = 8;
/// Reports of all organizations that may wait.
const ALL_WAITING_MAX: usize = 64;

/// A report or an export to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose.
    pub org: String,
    /// Its id.
    pub id: String,
}

/// Tickets in their order.
#[derive(Debug)]
pub struct Desk {
    waiting: Mutex<VecDeque<Ticket>>,
    waiting_max: usize,
    all_waiting_max: usize,
    /// Rung when there is a ticket, and to stop.
    pub bell: Bell,
}

impl Default for Desk {
    fn default() -> Self {
        Self::of(WAITING_MAX, ALL_WAITING_MAX)
    }
}

impl Desk {
    /// A desk for so many tickets of one organization, and of all together.
    pub fn of(waiting_max: usize, all_waiting_max: usize) -> Self {
        Self { waiting: Mutex::default(), waiting_max, all_waiting_max, bell: Bell::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Ticket>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when an organization must come back later.
    pub fn is_full(&self, org: &str) -> bool {
        let waiting = self.waiting();
        waiting.len() >= self.all_waiting_max
            || waiting.iter().filter(|ticket| ticket.org == org).count() >= self.waiting_max
    }

    /// Takes a ticket in.
    pub fn put(&self, ticket: Ticket) {
        self.waiting().push_back(ticket);
        self.bell.ring();
    }

    /// The next ticket.
    pub(super) fn take(&self) -> Option<Ticket> {
        self.waiting().pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_organization_fills_its_own_part_of_the_desk() {
        let desk = Desk::default();
        let ticket = |org: &str, i: usize| Ticket { org: org.to_owned(), id: i.to_string() };
        for i in 0..WAITING_MAX {
            assert!(!desk.is_full("a"));
            desk.put(ticket("a", i));
        }
        assert!(desk.is_full("a") && !desk.is_full("b"));
        assert_eq!(desk.take(), Some(ticket("a", 0)));
        assert!(!desk.is_full("a"));
        for i in WAITING_MAX - 1..ALL_WAITING_MAX {
            desk.put(ticket(&format!("o{i}"), 0));
        }
        assert!(desk.is_full("b"));
    }
}
