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

/// Documents by stretches of time, as [`Times::cut`] made them.
pub struct Cuts<'a> {
    run: Run<'a>,
    /// Where each stretch begins in the run, and at the end where the last one ends.
    ranks: Vec<usize>,
    /// The late documents of a live segment, by stretch.
    late: Vec<(usize, u32)>,
}

impl<'a> Times<'a> {
    /// Cuts the documents at ascending times: stretch `i` holds those from `bounds[i]` on, before
    /// `bounds[i + 1]`. A search per bound, and in a live segment a step per late document.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn cut(&self, bounds: &[i64]) -> Result<Cuts<'a>, StoreError> {
        match self.0 {
            Form::Stored(columns) => {
                let ranks = bounds.iter().map(|&bound| columns.rank((bound, 0))).collect::<Result<_, _>>()?;
                Ok(Cuts { run: Run::Order(columns.order), ranks, late: Vec::new() })
            }
            Form::Live(live) => {
                let before = |bound| live.punctual.partition_point(|&doc| live.times[doc as usize] < bound);
                let ranks = bounds.iter().map(|&bound| before(bound)).collect();
                Ok(Cuts { run: Run::Punctual(live), ranks, late: cut_late(live, bounds) })
            }
        }
    }
}

/// The late documents within the bounds, ascending by stretch.
fn cut_late(live: &Live, bounds: &[i64]) -> Vec<(usize, u32)> {
    let (Some(&first), Some(&limit)) = (bounds.first(), bounds.last()) else { return Vec::new() };
    if first >= limit {
        return Vec::new();
    }
    let mut stretch = 0;
    let found = live.late.range((first, 0)..(limit, 0)).map(|&(time, doc)| {
        while bounds.get(stretch + 1).is_some_and(|&next| next <= time) {
            stretch += 1;
        }
        (stretch, doc)
    });
    found.collect()
}

impl Cuts<'_> {
    /// How many documents a stretch holds. Costs no look at them.
    #[must_use]
    pub fn count(&self, stretch: usize) -> u64 {
        (self.ranks(stretch).len() + self.late(stretch).len()) as u64
    }

    /// Calls `visit` for each document of a stretch, in no particular order.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn each(&self, stretch: usize, mut visit: impl FnMut(u32)) -> Result<(), StoreError> {
        let ranks = self.ranks(stretch);
        self.late(stretch).iter().for_each(|&(_, doc)| visit(doc));
        match self.run {
            Run::Punctual(live) => {
                live.punctual.get(ranks).unwrap_or_default().iter().for_each(|&doc| visit(doc));
                Ok(())
            }
            Run::Order(order) => order.each(ranks, |doc| visit(doc as u32)),
        }
    }

    fn ranks(&self, stretch: usize) -> std::ops::Range<usize> {
        match (self.ranks.get(stretch), self.ranks.get(stretch + 1)) {
            (Some(&start), Some(&end)) => start..end.max(start),
            _ => 0..0,
        }
    }

    fn late(&self, stretch: usize) -> &[(usize, u32)] {
        let start = self.late.partition_point(|&(at, _)| at < stretch);
        let end = self.late.partition_point(|&(at, _)| at <= stretch);
        &self.late[start..end]
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
