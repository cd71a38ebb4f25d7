//! What each parser must do with any bytes at all: not panic, stay bounded, and agree with itself.
//!
//! Shared by the fuzz targets (`fuzz/targets`) and by the test that replays seeds and cheap mutations
//! of them in every test run (`tests/tests/fuzz`). Checksums and hashes would end almost every
//! mutated input at once, so where a format has them the harness also makes them right for the
//! mutated content, and the code behind them is reached.

mod custody;
mod files;
mod index;
mod language;
mod request;
mod text;

/// One parser: its name, what to do with an input, and inputs to start from.
pub struct Target {
    /// Name of the fuzz target and of its folder of seeds.
    pub name: &'static str,
    /// Runs one input.
    ///
    /// # Panics
    /// When the parser is wrong.
    pub run: fn(&[u8]),
    /// Sound inputs, made by the engine itself.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 13] = [
    Target { name: "normalize", run: text::normalize, seeds: text::events },
    Target { name: "fields", run: text::fields, seeds: text::bodies },
    Target { name: "cursor", run: text::cursor, seeds: text::cursors },
    Target { name: "body", run: request::body, seeds: request::bodies },
    Target { name: "query", run: request::query, seeds: request::queries },
    Target { name: "language", run: language::language, seeds: language::queries },
    Target { name: "frames", run: files::frames, seeds: files::frame_seeds },
    Target { name: "sections", run: files::sections, seeds: files::section_seeds },
    Target { name: "catalog", run: files::catalog, seeds: files::catalog_seeds },
    Target { name: "ids", run: files::ids, seeds: files::id_seeds },
    Target { name: "index", run: index::index, seeds: index::seeds },
    Target { name: "report", run: custody::report, seeds: custody::reports },
    Target { name: "notes", run: custody::notes, seeds: custody::note_seeds },
];

/// Runs an input on a target by name.
///
/// # Panics
/// When the parser is wrong, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of the table");
    (target.run)(data);
}

/// Splits an input into tagged pieces: a byte, a length of two bytes, content; what is cut short is
/// taken as it is.
fn pieces(mut data: &[u8]) -> Vec<(u8, &[u8])> {
    let mut pieces = Vec::new();
    while let [tag, low, high, rest @ ..] = data {
        let (piece, after) = rest.split_at(rest.len().min(u16::from_le_bytes([*low, *high]) as usize));
        pieces.push((*tag, piece));
        data = after;
    }
    pieces
}

/// The reverse of [`pieces`].
fn joined<'a>(pieces: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut data = Vec::new();
    for (tag, piece) in pieces {
        data.push(tag);
        data.extend_from_slice(&(piece.len() as u16).to_le_bytes());
        data.extend_from_slice(piece);
    }
    data
}
