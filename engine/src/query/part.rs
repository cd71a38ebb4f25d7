//! A segment as a query sees it: which of its documents are visible, and how to look at them.
//!
//! Keeps true: the lock of a growing segment is held only while that one part is looked at, so that
//! a query over many segments never keeps the writer from publishing for its whole time.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::StoreError;
use crate::index::View;
use crate::segment::Segment;

/// Reads the body of a document.
pub type Bodies<'a> = dyn Fn(u32) -> Result<Cow<'a, [u8]>, StoreError> + 'a;

/// What holds an index and the records that it is about.
pub trait Source: Send + Sync {
    /// Calls `look` once, with what does not change until it returns.
    ///
    /// # Errors
    /// `Damaged` when nothing can be shown, and what `look` returns.
    fn look(
        &self,
        look: &mut dyn for<'s> FnMut(View<'s>, &'s Bodies<'s>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

/// One segment of a snapshot. Cheap to clone, holds no lock.
#[derive(Clone)]
pub struct Part {
    /// Sequence of its document 0.
    pub first: u64,
    /// How many of its documents are visible (snapshot).
    pub docs: u32,
    /// No visible document is earlier or later; `None` when there is none.
    pub span: Option<(i64, i64)>,
    source: Arc<dyn Source>,
}

/// A part while it is looked at.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Sequence of its document 0.
    pub first: u64,
    /// How many of its documents are visible; the view may hold more.
    pub docs: u32,
    /// No visible document is earlier or later.
    pub span: Option<(i64, i64)>,
    /// Its index.
    pub view: View<'a>,
    bodies: &'a Bodies<'a>,
}

impl Part {
    /// Any source, of whose documents the first `docs` are visible.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn new(first: u64, docs: u32, source: Arc<dyn Source>) -> Result<Self, StoreError> {
        let (mut span, mut held) = (None, 0);
        source.look(&mut |view, _| {
            (span, held) = (view.span(), view.docs());
            Ok(())
        })?;
        let docs = docs.min(held);
        Ok(Self { first, docs, span: span.filter(|_| docs > 0), source })
    }

    /// A segment in a snapshot that ends before the sequence `head`.
    ///
    /// # Errors
    /// `Damaged`: an answer without the segment would be wrong.
    pub fn of(segment: &Arc<Segment>, head: u64) -> Result<Self, StoreError> {
        let first = segment.first();
        let docs = u32::try_from(head.saturating_sub(first)).unwrap_or(u32::MAX);
        Self::new(first, docs, Arc::<Segment>::clone(segment))
    }

    /// Shows the part to `look`. A growing segment publishes nothing until it returns: call
    /// [`super::Budget::check`] in it, and do not keep it long.
    ///
    /// # Errors
    /// `Damaged`, and what `look` returns.
    pub fn read<R>(&self, look: impl FnOnce(Seen<'_>) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let (mut look, mut answer) = (Some(look), None);
        self.source.look(&mut |view, bodies| {
            let seen = Seen { first: self.first, docs: self.docs, span: self.span, view, bodies };
            if let Some(look) = look.take() {
                answer = Some(look(seen)?);
            }
            Ok(())
        })?;
        answer.ok_or_else(|| StoreError::Refused("a segment showed nothing".to_owned()))
    }
}

impl<'a> Seen<'a> {
    /// The canonical bytes of a document.
    ///
    /// # Errors
    /// `Damaged` or `Io`.
    pub fn body(&self, doc: u32) -> Result<Cow<'a, [u8]>, StoreError> {
        (self.bodies)(doc)
    }

    /// Sequence of a document.
    #[must_use]
    pub fn sequence(&self, doc: u32) -> u64 {
        self.first + u64::from(doc)
    }
}

impl Source for Segment {
    fn look(
        &self,
        look: &mut dyn for<'s> FnMut(View<'s>, &'s Bodies<'s>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Growing(growing) => {
                let state = growing.state();
                look(View::Live(&state.live), &|doc| growing.body(&state, doc))
            }
            Self::Sealed(sealed) => look(View::Stored(sealed.index()), &|doc| sealed.body(doc)),
            Self::Archived(archived) => Err(archived.away()),
            Self::Damaged { .. } => match self.record(0) {
                Err(error) => Err(error),
                Ok(_) => Err(StoreError::Refused("a damaged segment cannot be searched".to_owned())),
            },
        }
    }
}
