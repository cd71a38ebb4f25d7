//! From generated lines to batches, as a server would make them.

use stele_engine::event::{Event, Limits, Receipt, Taxonomy, normalize};

use crate::Failure;
use crate::generate::Generator;

/// Makes normalized events of a stream; one per thread, its buffer is used again.
pub(super) struct Input<'a> {
    generator: &'a Generator,
    taxonomy: Taxonomy,
    now_ns: i64,
    lines: Vec<u8>,
}

impl<'a> Input<'a> {
    pub(super) fn new(generator: &'a Generator, now_ns: i64) -> Self {
        Self { generator, taxonomy: Taxonomy::built_in(), now_ns, lines: Vec::new() }
    }
    /// Events `indexes`, and the bytes of their lines.
    pub(super) fn events(&mut self, indexes: std::ops::Range<u64>) -> Result<(Vec<Event>, usize), Failure> {
        self.lines.clear();
        let mut events = Vec::with_capacity((indexes.end - indexes.start) as usize);
        let receipt = Receipt {
            now_ns: self.now_ns,
            ip_address: None,
            user_agent: None,
            new_id: &|| unreachable!("generated events have ids"),
        };
        for index in indexes {
            let start = self.lines.len();
            self.generator.write(index, &mut self.lines);
            let line = self.lines[start..].trim_ascii_end();
            let event = normalize(line, &receipt, &self.taxonomy, &Limits::default());
            events.push(
                event.map_err(|rejected| format!("a generated event is refused: {:?}", rejected.faults))?,
            );
        }
        Ok((events, self.lines.len()))
    }
}
