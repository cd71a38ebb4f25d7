//! Event times of one segment, and the walk through its documents in their order.
//!
//! Both forms answer alike. The live one keeps the documents that came in order as one ascending
//! run and the late ones in a tree, and walks both at once; the stored one has the whole order as a
//! column.

use super::column::Column;
use super::live::Live;
use crate::error::StoreError;

/// A place in the order of a segment: (event time, document). Documents may lie past the last one.
pub type Position = (i64, u64);

/// Event times and their order.
#[derive(Clone, Copy)]
pub struct Times<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Live(&'a Live),
    Stored(Columns<'a>),
}

#[derive(Clone, Copy)]
struct Columns<'a> {
    times: Column<'a>,
    order: Column<'a>,
    docs: u32,
}

/// Documents between two positions, in order, forwards or backwards.
pub struct Walk<'a> {
    run: Run<'a>,
    /// Not yet walked: ranks of the run.
    rest: std::ops::Range<usize>,
    late: Option<Late<'a>>,
    descending: bool,
}

enum Run<'a> {
    Punctual(&'a Live),
    Order(Column<'a>),
}

struct Late<'a> {
    rest: std::collections::btree_set::Range<'a, (i64, u32)>,
    head: Option<(i64, u32)>,
}

impl<'a> Times<'a> {
    pub(super) fn of_live(live: &'a Live) -> Self {
        Self(Form::Live(live))
    }

    pub(super) fn of_columns(times: Column<'a>, order: Column<'a>, docs: u32) -> Self {
        Self(Form::Stored(Columns { times, order, docs }))
    }

    /// Event time of a document.
    ///
    /// # Errors
    /// `Damaged`, also when there is no such document.
    #[inline]
    pub fn at(&self, doc: u32) -> Result<i64, StoreError> {
        match &self.0 {
            Form::Stored(columns) => columns.times.get(doc as usize),
            Form::Live(live) => live.times.get(doc as usize).copied().ok_or_else(|| {
                StoreError::Refused(format!("document {doc} is not among the {} of the segment", live.docs()))
            }),
        }
    }

    /// The documents from `first` (inclusive) to `limit` (exclusive).
    ///
    /// # Errors
    /// `Damaged`.
    pub fn walk(&self, first: Position, limit: Position, descending: bool) -> Result<Walk<'a>, StoreError> {
        match self.0 {
            Form::Live(live) => Ok(walk_live(live, first, limit, descending)),
            Form::Stored(columns) => {
                let start = columns.rank(first)?;
                let end = columns.rank(limit)?.max(start);
                let run = Run::Order(columns.order);
                Ok(Walk { run, rest: start..end, late: None, descending })
            }
        }
    }
}

impl Columns<'_> {
    /// How many documents lie before a position.
    fn rank(&self, position: Position) -> Result<usize, StoreError> {
        let (mut low, mut high) = (0, self.docs as usize);
        while low < high {
            let middle = low + (high - low) / 2;
            let doc = self.order.get(middle)?;
            let time = self.times.get(doc as usize)?;
            if (time, doc as u64) < position {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

fn walk_live(live: &Live, first: Position, limit: Position, descending: bool) -> Walk<'_> {
    let rank = |position: Position| {
        live.punctual.partition_point(|&doc| (live.times[doc as usize], u64::from(doc)) < position)
    };
    let start = rank(first);
    let rest = start..rank(limit).max(start);
    // Past u32 there is no document: such a position lies before the next time.
    let bound = |(time, doc): Position| (time, u32::try_from(doc).unwrap_or(u32::MAX));
    let late = (first < limit && !live.late.is_empty()).then(|| {
        let mut late = Late { rest: live.late.range(bound(first)..bound(limit)), head: None };
        late.advance(descending);
        late
    });
    Walk { run: Run::Punctual(live), rest, late, descending }
}

impl Late<'_> {
    fn advance(&mut self, descending: bool) {
        self.head = if descending { self.rest.next_back() } else { self.rest.next() }.copied();
    }
}

impl Walk<'_> {
    /// How many documents are left. Costs nothing but the late ones of a live segment, one by one.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        let late = |late: &Late<'_>| late.rest.clone().count() + usize::from(late.head.is_some());
        (self.rest.len() + self.late.as_ref().map_or(0, late)) as u64
    }

    fn next_of_run(&mut self) -> Option<usize> {
        if self.descending { self.rest.next_back() } else { self.rest.next() }
    }

    fn next_live(&mut self, live: &Live) -> Option<u32> {
        let rank = if self.descending { self.rest.end.wrapping_sub(1) } else { self.rest.start };
        let punctual = (!self.rest.is_empty()).then(|| live.punctual[rank]);
        let late = self.late.as_ref().and_then(|late| late.head);
        let take_late = match (punctual, late) {
            (Some(doc), Some(late)) => ((live.times[doc as usize], doc) < late) == self.descending,
            (None, Some(_)) => true,
            _ => false,
        };
        if take_late {
            if let Some(rest) = &mut self.late {
                rest.advance(self.descending);
            }
            return late.map(|(_, doc)| doc);
        }
        self.next_of_run();
        punctual
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<u32, StoreError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.run {
            Run::Punctual(live) => self.next_live(live).map(Ok),
            Run::Order(order) => {
                let rank = self.next_of_run()?;
                Some(order.get(rank).map(|doc| doc as u32))
            }
        }
    }
}
