//! The calls of the API, one file each.

pub mod archives;
pub mod asked;
mod chain;
mod changes;
mod dimensions;
mod errors;
mod event;
pub mod event_types;
mod exports;
mod facets;
mod fields;
mod figures;
mod files;
mod filters;
mod gaps;
mod health;
mod histogram;
mod history;
pub mod ingest;
mod keys;
mod orgs;
mod paging;
mod proofs;
mod reads;
mod reports;
pub mod restores;
mod retention;
pub mod run;
mod search;
mod sessions;
mod settings;
mod state;
mod tail;
mod times;
mod tlog;
mod users;
mod verify;
mod views;

pub use exports::scope as exported_scope;
pub use gaps::shown as show_gaps;
pub use times::{now_ns, of_us, parse as parse_time, show as show_time};

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Method, header};

use crate::app::App;
use crate::auth::{Caller, Verdict};
use crate::http::answer::Answer;
use crate::http::intake::Taken;
use crate::http::problem::Problem;
use crate::http::query::Params;
use crate::http::router::Call;
use crate::page;

/// One request, as its handler sees it.
pub struct Cx {
    /// What all share.
    pub app: Arc<App>,
    /// Method.
    pub method: Method,
    /// Headers.
    pub headers: HeaderMap,
    /// The decoded names in the path, in order.
    pub names: Vec<String>,
    /// Query parameters not taken yet.
    pub params: Params,
    /// The body, until it is taken.
    pub body: Option<Incoming>,
    /// The small JSON body that a handler took.
    pub small_body: Option<Bytes>,
    /// Who asks; set for every call that needs a key.
    pub caller: Option<Caller>,
    /// The client's address.
    pub address: IpAddr,
    /// True when the client's connection is known to be TLS.
    pub secure: bool,
    /// Body bytes taken from the wire.
    pub received_bytes: u64,
    /// What the rate says, for the answer's headers.
    pub rate: Option<Verdict>,
    /// The pattern of the path.
    pub route: &'static str,
}

impl Cx {
    /// Who asks.
    ///
    /// # Errors
    /// 500 on a call that the table opened to everybody, which has no caller.
    pub fn caller(&self) -> Result<Caller, Problem> {
        self.caller.clone().ok_or_else(Problem::internal)
    }

    /// The first name in the path.
    ///
    /// # Errors
    /// 404 on a path without one.
    pub fn name(&self) -> Result<String, Problem> {
        self.names.first().cloned().ok_or_else(Problem::not_found)
    }

    /// The `User-Agent` header, where it is text.
    pub fn user_agent(&self) -> Option<&str> {
        self.headers.get(header::USER_AGENT).and_then(|v| std::str::from_utf8(v.as_bytes()).ok())
    }

    /// Takes the whole body.
    ///
    /// # Errors
    /// As [`crate::http::intake::Intake::take`].
    pub async fn take_body(&mut self) -> Result<Taken, Problem> {
        let body = self.body.as_mut().ok_or_else(Problem::internal)?;
        let taken = self.app.intake.take(&self.headers, body).await?;
        self.received_bytes = taken.wire_bytes;
        Ok(taken)
    }

    /// The media type of the body, lower case, without parameters; none when it names another
    /// charset than UTF-8, which is read nowhere.
    pub fn media_type(&self) -> Option<String> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("").to_owned();
        let charset = parts.find_map(|part| part.strip_prefix("charset="));
        charset.is_none_or(|name| name.trim_matches('"') == "utf-8").then_some(media_type)
    }
}

/// Answers a call; where its organization records reads, what it shows is an event first.
///
/// # Errors
/// Whatever the handler refuses, or the log when a read cannot be recorded now.
pub async fn dispatch(call: Call, cx: &mut Cx) -> Result<Answer, Problem> {
    let read = reads::Read::of(call, cx)?;
    let answer = handle(call, cx).await;
    match read {
        Some(read) => read.record(cx, answer).await,
        None => answer,
    }
}

async fn handle(call: Call, cx: &mut Cx) -> Result<Answer, Problem> {
    match call {
        Call::Ingest => ingest::post(cx).await,
        Call::Search => search::get(cx).await,
        Call::Event => event::get(cx).await,
        Call::Stream => tail::get(cx).await,
        Call::Facets => facets::get(cx).await,
        Call::Histogram => histogram::get(cx).await,
        Call::Figures => figures::get(cx).await,
        Call::Errors => errors::get(cx).await,
        Call::History => history::get(cx).await,
        Call::Chain => chain::get(cx).await,
        Call::RotateKey => chain::rotate_key(cx).await,
        Call::Checkpoint => proofs::checkpoint(cx).await,
        Call::Inclusion => proofs::inclusion(cx).await,
        Call::Consistency => proofs::consistency(cx).await,
        Call::Verify => verify::post(cx).await,
        Call::Reports => reports::list(cx).await,
        Call::AddReport => reports::add(cx).await,
        Call::Report => reports::get(cx).await,
        Call::DownloadReport => reports::download(cx).await,
        Call::VerifyHash => reports::verify(cx).await,
        Call::EventTypes => event_types::list(cx),
        Call::AddEventType => event_types::add(cx).await,
        Call::PutEventType => event_types::put(cx).await,
        Call::Keys => keys::list(cx),
        Call::AddKey => keys::add(cx).await,
        Call::RevokeKey => keys::revoke(cx).await,
        Call::SignIn => sessions::start(cx).await,
        Call::Session => sessions::get(cx),
        Call::SignOut => sessions::sign_out(cx).await,
        Call::AddLink => sessions::add_link(cx).await,
        Call::Sessions => sessions::list(cx),
        Call::EndSession => sessions::end(cx).await,
        Call::Users => users::list(cx),
        Call::AddUser => users::add(cx).await,
        Call::PutUser => users::put(cx).await,
        Call::RemoveUser => users::remove(cx).await,
        Call::AddToken => users::add_token(cx).await,
        Call::Settings => settings::get(cx),
        Call::PutSettings => settings::put(cx).await,
        Call::Views => views::list(cx).await,
        Call::AddView => views::add(cx).await,
        Call::PutView => views::put(cx).await,
        Call::DeleteView => views::delete(cx).await,
        Call::OrderViews => views::order(cx).await,
        Call::Exports => exports::list(cx).await,
        Call::AddExport => exports::add(cx).await,
        Call::PreviewExport => exports::preview(cx).await,
        Call::Export => exports::get(cx).await,
        Call::CancelExport => exports::cancel(cx).await,
        Call::DownloadExport => exports::download(cx).await,
        Call::ExportManifest => exports::manifest(cx).await,
        Call::State => state::get(cx).await,
        Call::Archives => archives::list(cx).await,
        Call::AddArchive => archives::add(cx).await,
        Call::Restores => restores::list(cx).await,
        Call::AddRestore => restores::add(cx).await,
        Call::Restore => restores::get(cx).await,
        Call::Retention => retention::get(cx),
        Call::PutRetention => retention::put(cx).await,
        Call::Orgs => orgs::list(cx),
        Call::AddOrg => orgs::add(cx).await,
        Call::Org => orgs::get(cx),
        Call::LogCheckpoint => tlog::checkpoint(cx).await,
        Call::LogTile => tlog::tile(cx).await,
        Call::Health => health::health(cx),
        Call::Ready => health::ready(cx),
        Call::Metrics => health::metrics(cx),
        Call::Version => health::version(cx),
        Call::Page => page::answer(&cx.name()?, &cx.headers),
    }
}
