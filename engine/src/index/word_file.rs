//! The stored words: sorted, in blocks of front-coded entries, read in place.
//!
//! Section: blocks u32, then for each block its offset u32 from the end of that table, then the
//! blocks. An entry is: shared prefix with the word before (varint; 0 for the first of a block),
//! length of the rest (varint), the rest, length of the body (varint), body. A body is: terms * 2 + wide
//! (varint), the differences of ascending terms (varints), then 0 (no documents), 1 and an encoded
//! list, or 2 and the offset of one among the posting lists (varint).
//!
//! Not a finite-state transducer: the one that the field trusts panics on damaged bytes, and ids
//! share too little for it to be smaller.

use super::pairs::BETWEEN;
use crate::codec::sections::u32_at;
use crate::codec::varint;

const BLOCK: usize = 16;

/// Lists up to this many bytes stand in the word's own body.
pub(super) const INLINE_BYTES_MAX: usize = 24;

/// Documents of a word, beside those of its terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Docs<'a> {
    None,
    /// An encoded list.
    Inline(&'a [u8]),
    /// An offset into the posting lists.
    At(u32),
}

/// What a word's body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body<'a> {
    pub terms: Vec<u32>,
    pub wide: bool,
    pub docs: Docs<'a>,
}

/// Writes the section; words come in ascending byte order.
#[derive(Default)]
pub(super) struct WordWriter {
    offsets: Vec<u32>,
    blocks: Vec<u8>,
    last: Vec<u8>,
    count: usize,
}

impl WordWriter {
    /// Adds a word, or a pair of them with a space between; `None` when the section passes 4 GiB.
    pub(super) fn add(&mut self, word: &[u8], body: &[u8]) -> Option<()> {
        let mut shared = 0;
        if self.count.is_multiple_of(BLOCK) {
            self.offsets.push(u32::try_from(self.blocks.len()).ok()?);
        } else {
            shared = word.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        }
        self.count += 1;
        varint::put(shared as u64, &mut self.blocks);
        varint::put((word.len() - shared) as u64, &mut self.blocks);
        self.blocks.extend_from_slice(&word[shared..]);
        self.last.clear();
        self.last.extend_from_slice(word);
        varint::put(body.len() as u64, &mut self.blocks);
        self.blocks.extend_from_slice(body);
        Some(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.offsets.len() * 4 + self.blocks.len());
        out.extend_from_slice(&(self.offsets.len() as u32).to_le_bytes());
        self.offsets.iter().for_each(|offset| out.extend_from_slice(&offset.to_le_bytes()));
        out.extend_from_slice(&self.blocks);
        out
    }
}

impl<'a> Body<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put((self.terms.len() as u64) << 1 | u64::from(self.wide), &mut out);
        let mut next = 0;
        for &term in &self.terms {
            varint::put(u64::from(term - next), &mut out);
            next = term + 1;
        }
        match self.docs {
            Docs::None => out.push(0),
            Docs::Inline(list) => {
                out.push(1);
                out.extend_from_slice(list);
            }
            Docs::At(offset) => {
                out.push(2);
                varint::put(u64::from(offset), &mut out);
            }
        }
        out
    }

    fn decode(mut rest: &'a [u8]) -> Option<Self> {
        let head = varint::take_u32(&mut rest)?;
        let count = (head >> 1) as usize;
        // A difference takes at least one byte: a wrong count cannot ask for more than there is.
        if count > rest.len() {
            return None;
        }
        let mut terms = Vec::with_capacity(count);
        let mut next = 0_u32;
        for _ in 0..count {
            let term = next.checked_add(varint::take_u32(&mut rest)?)?;
            terms.push(term);
            next = term.checked_add(1)?;
        }
        let (&kind, mut rest) = rest.split_first()?;
        let docs = match kind {
            0 => Docs::None,
            1 => Docs::Inline(rest),
            2 => Docs::At(varint::take_u32(&mut rest)?),
            _ => return None,
        };
        Some(Self { terms, wide: head & 1 == 1, docs })
    }
}

/// The words of a sealed segment.
#[derive(Clone, Copy)]
pub(super) struct WordFile<'a> {
    table: &'a [u8],
    blocks: &'a [u8],
}

impl<'a> WordFile<'a> {
    /// Takes the section apart; `None` when its table is cut.
    pub(super) fn open(section: &'a [u8]) -> Option<Self> {
        let (count, rest) = section.split_first_chunk::<4>()?;
        let (table, blocks) = rest.split_at_checked((u32::from_le_bytes(*count) as usize).checked_mul(4)?)?;
        Some(Self { table, blocks })
    }

    fn count(&self) -> usize {
        self.table.len() / 4
    }

    fn block(&self, number: usize) -> Option<&'a [u8]> {
        let start = u32_at(self.table, number * 4) as usize;
        let end = if number + 1 < self.count() {
            u32_at(self.table, number * 4 + 4) as usize
        } else {
            self.blocks.len()
        };
        self.blocks.get(start..end)
    }

    /// The first word of a block, which is not shortened.
    fn first(&self, number: usize) -> Option<&'a [u8]> {
        let mut block = self.block(number)?;
        varint::take(&mut block)?;
        let len = varint::take_u32(&mut block)? as usize;
        block.get(..len)
    }

    /// Calls `visit` for each word not below `from`, in order, until it returns false. `None` where the
    /// section is not what was written.
    pub(super) fn each_from(
        &self,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &'a [u8]) -> Option<bool>,
    ) -> Option<()> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.first(middle)? <= from { low = middle + 1 } else { high = middle }
        }
        let mut word = Vec::new();
        for number in low.saturating_sub(1)..self.count() {
            let mut rest = self.block(number)?;
            word.clear();
            while !rest.is_empty() {
                let shared = varint::take_u32(&mut rest)? as usize;
                let len = varint::take_u32(&mut rest)? as usize;
                let (tail, after) = rest.split_at_checked(len)?;
                rest = after;
                if shared > word.len() {
                    return None;
                }
                word.truncate(shared);
                word.extend_from_slice(tail);
                let len = varint::take_u32(&mut rest)? as usize;
                let (body, after) = rest.split_at_checked(len)?;
                rest = after;
                if *word >= *from && !visit(&word, body)? {
                    return Some(());
                }
            }
        }
        Some(())
    }

    /// The body of a word; `Some(None)` when it is not here.
    pub(super) fn find(&self, word: &[u8]) -> Option<Option<Body<'a>>> {
        let mut found = None;
        self.each_from(word, |at, body| {
            if at == word {
                found = Some(Body::decode(body)?);
            }
            Some(false)
        })?;
        Some(found)
    }

    /// The bodies of words that begin with `prefix` and are wanted, until `go_on` says no. Pairs are none.
    pub(super) fn find_with(
        &self,
        prefix: &str,
        go_on: &dyn Fn() -> bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Option<Vec<Body<'a>>> {
        let mut found = Vec::new();
        self.each_from(prefix.as_bytes(), |word, body| {
            if !word.starts_with(prefix.as_bytes()) || !go_on() {
                return Some(false);
            }
            if memchr::memchr(BETWEEN, word).is_none() && std::str::from_utf8(word).is_ok_and(wanted) {
                found.push(Body::decode(body)?);
            }
            Some(true)
        })?;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(words: &[String]) -> Vec<u8> {
        let mut writer = WordWriter::default();
        for (number, word) in words.iter().enumerate() {
            let number = number as u32;
            let terms = (0..number % 5).map(|i| number + i * 7).collect();
            let docs = [Docs::None, Docs::Inline(b"list"), Docs::At(number * 300)][number as usize % 3];
            let body = Body { terms, wide: number.is_multiple_of(7), docs };
            writer.add(word.as_bytes(), &body.encode()).unwrap();
        }
        writer.finish()
    }

    fn vocabulary() -> Vec<String> {
        let mut words: Vec<String> = (0..500_u32).map(|i| format!("w{:o}", i * i)).collect();
        words.extend(["a", "a w", "é", "日本", "w1 a", "zz", "w"].map(str::to_owned));
        words.sort_unstable();
        words.dedup();
        words
    }

    #[test]
    fn every_word_is_found_with_its_body_and_no_other() {
        let words = vocabulary();
        let bytes = section(&words);
        let file = WordFile::open(&bytes).unwrap();
        for (number, word) in words.iter().enumerate() {
            let body = file.find(word.as_bytes()).unwrap().unwrap();
            assert_eq!(body.terms.len(), number % 5);
            assert_eq!(body.wide, number % 7 == 0);
            assert!(
                words.contains(&format!("{word}x"))
                    || file.find(format!("{word}x").as_bytes()).unwrap().is_none()
            );
        }
        for absent in ["", "0", "b", "w99", "zzz"] {
            assert!(file.find(absent.as_bytes()).unwrap().is_none(), "{absent}");
        }
        for prefix in ["", "w", "w1", "w17", "é", "x", "zzz"] {
            let is_word =
                |w: &&String| !w.contains(' ') && w.starts_with(prefix) && w.len().is_multiple_of(2);
            let wanted = words.iter().filter(is_word).count();
            assert_eq!(
                file.find_with(prefix, &|| true, &|w| w.len() % 2 == 0).unwrap().len(),
                wanted,
                "{prefix}"
            );
        }
        let nothing = section(&[]);
        assert!(WordFile::open(&nothing).unwrap().find(b"x").unwrap().is_none());
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let bytes = section(&vocabulary()[..60]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Some(file) = WordFile::open(&damaged) {
                    let _ = (file.find(b"w1"), file.find_with("w", &|| true, &|_| true));
                }
            }
            if let Some(file) = WordFile::open(&bytes[..at]) {
                let _ = (file.find(b"w1"), file.find_with("", &|| true, &|_| true));
            }
        }
    }
}
