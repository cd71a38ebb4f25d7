//! Questions and answers.
#![allow(unused, missing_docs, clippy::unimplemented)]
use crate::error::StoreError;
use crate::ids::Secret;
use crate::index::View;
use roaring::RoaringBitmap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Desc,
    Asc,
}
/// The structured filters: values of one field are OR, fields are AND, empty means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Inclusive, nanoseconds since 1970.
    pub from_ns: Option<i64>,
    /// Exclusive.
    pub to_ns: Option<i64>,
    pub category: Vec<String>,
    pub event_type: Vec<String>,
    pub status: Vec<String>,
    pub action: Vec<String>,
    pub actor_type: Vec<String>,
    pub actor_id: Vec<String>,
    pub actor_email: Vec<String>,
    pub resource_type: Vec<String>,
    pub resource_id: Vec<String>,
    /// Also the log's own `stele.*` events, which are otherwise left out unless an `event_type` value begins with `stele`.
    pub own: bool,
}
/// One segment as a query sees it.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub first: u64,
    /// How many of its documents are visible (snapshot).
    pub docs: u32,
    pub view: View<'a>,
}
/// A page request.
pub struct Ask<'a> {
    pub filter: &'a Filter,
    pub order: Order,
    pub limit: usize,
    /// Position of the last row of the page before: (time_ns, sequence).
    pub after: Option<(i64, u64)>,
    pub count: bool,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// (time_ns, sequence), in order.
    pub hits: Vec<(i64, u64)>,
    pub more: bool,
    pub matched: Option<u64>,
}
/// One page over segments in ascending order of `first`.
pub fn page(parts: &[Part<'_>], ask: &Ask<'_>) -> Result<Hits, StoreError> {
    unimplemented!()
}
/// The documents of one segment that match, time range included: for tails, counts and later aggregations.
pub fn matches(part: &Part<'_>, filter: &Filter) -> Result<RoaringBitmap, StoreError> {
    unimplemented!()
}
/// What a page token holds; sealed and opened with a key of the log's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub head: u64,
    /// `now` of the first page.
    pub now_ns: i64,
    pub after: (i64, u64),
    /// Digest of the request's other parameters, made and compared by the caller.
    pub digest: [u8; 16],
}
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    #[error("not a cursor of this log")]
    Foreign,
    #[error("the cursor is older than 24 hours")]
    Expired,
}
/// Seals and opens cursors: base64url, authenticated.
pub struct CursorKey;
impl CursorKey {
    pub fn new(secret: &Secret) -> Self {
        unimplemented!()
    }
    pub fn seal(&self, cursor: &Cursor) -> String {
        unimplemented!()
    }
    pub fn open(&self, token: &str, now_ns: i64) -> Result<Cursor, CursorError> {
        unimplemented!()
    }
}
