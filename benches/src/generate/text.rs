//! Sentences and stack traces.

use super::json::Json as _;
use super::rng::{Rng, Zipf};
use super::words;

const VOCABULARY: usize = 12_000;
const TRACES: usize = 700;

/// Words by rank and ready-made traces: programs fail at few places, so traces repeat.
#[derive(Debug)]
pub(crate) struct Texts {
    words: Vec<String>,
    word_rank: Zipf,
    traces: Vec<String>,
    trace_rank: Zipf,
}

impl Texts {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::keyed(seed, 0x0074_6578_7473);
        let mut all: Vec<String> = words::COMMON.iter().map(|word| (*word).to_owned()).collect();
        all.resize_with(VOCABULARY, || {
            let syllables = 2 + rng.below(3);
            (0..syllables).map(|_| *rng.pick(words::SYLLABLES)).collect()
        });
        let traces = (0..TRACES).map(|at| trace(words::FAULTS[at % words::FAULTS.len()], &mut rng)).collect();
        Self {
            words: all,
            word_rank: Zipf::new(VOCABULARY, 3),
            traces,
            trace_rank: Zipf::new(TRACES / words::FAULTS.len(), 2),
        }
    }
    pub(crate) fn sentence(&self, out: &mut Vec<u8>, rng: &mut Rng, words: usize) {
        for at in 0..words {
            if at > 0 {
                out.push(b' ');
            }
            out.raw(&self.words[self.word_rank.draw(rng)]);
        }
    }
    /// A trace of the given row of [`words::FAULTS`].
    pub(crate) fn trace_of(&self, rng: &mut Rng, fault: usize) -> &str {
        &self.traces[self.trace_rank.draw(rng) * words::FAULTS.len() + fault]
    }
}

/// As Python prints it, escaped for JSON.
fn trace(fault: (&str, &str), rng: &mut Rng) -> String {
    let mut text = String::from("Traceback (most recent call last):");
    for _ in 0..4 + rng.below(8) {
        let (module, function) = (rng.pick(words::MODULES), rng.pick(words::FUNCTIONS));
        text += &format!("\\n  File \\\"/srv/{module}\\\", line {}, in {function}", rng.within(12, 900));
    }
    text + &format!("\\n{}: {}", fault.0, fault.1)
}
