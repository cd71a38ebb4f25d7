//! The tree: what the records give, held against the kept file and against signed roots.

use std::path::Path;

use super::heads::{Heads, Mark, Source};
use super::{Run, error_fault, fault};
use crate::merkle::{self, Node};
use crate::proof::{BLOCK, Frontier, KeptBlocks, links};
use crate::verify::{self, Fault, Piece, Verdict};

/// Goes over the blocks of the tree from left to right.
pub(super) struct TreeWalk<'a> {
    /// The file as it lies on the disk; `None` where it cannot be read, which is told.
    kept: Option<KeptBlocks>,
    /// Blocks that signed checkpoints cover.
    signed: u64,
    marks: &'a [Mark],
    outside: &'a [crate::proof::Checkpoint],
    ledger: &'a Path,
    /// `None` behind a block that nobody knows.
    frontier: Option<Frontier>,
    /// Leaves of the block under way; `None` where one of them is not known.
    row: Option<Vec<Node>>,
    /// Leaves passed.
    at: u64,
    /// Greatest size whose signed root is the log's.
    good: u64,
    /// The same of the checkpoints from outside.
    good_outside: u64,
    /// First size whose signed root is not.
    bad: Option<u64>,
    /// What a checkpoint from outside that does not fit leaves proved.
    forked: Option<u64>,
    /// The last signed root was not the log's.
    failing: bool,
    /// Signed roots that could not be computed.
    skipped: u64,
    /// Ranges of blocks that the file has otherwise, and whether it has zeros there.
    wrong: Vec<(u64, u64, bool)>,
    found: Vec<Fault>,
    first: u64,
}

/// Takes up the tree where the run begins.
pub(super) fn start<'a>(run: &Run<'_>, heads: &'a Heads) -> TreeWalk<'a> {
    let path = run.dir().join("tree");
    let size = run.snapshot.head.size;
    let mut found = Vec::new();
    // Before the file is looked at: what is signed is in it.
    let signed = run.log.notary.last().map_or(0, |last| last.checkpoint.size).min(size) / BLOCK;
    let kept = match KeptBlocks::open(run.disk(), &path) {
        Ok(kept) => Some(kept),
        Err(_) if heads.never_signed => None,
        Err(error) => {
            found.push(error_fault("tree", (0, size), &path, &error));
            None
        }
    };
    let first = run.span().0;
    // Segments that are not checked are taken as they are kept.
    let blocks = first / BLOCK;
    let frontier = Frontier::at(blocks, &run.log.notary.tree().over(run.snapshot)).ok();
    let before = links(run.snapshot, blocks * BLOCK, first).ok();
    let row = before.map(|links| links.iter().map(merkle::leaf).collect());
    let mut walk = TreeWalk {
        kept,
        signed,
        marks: &heads.marks,
        outside: heads.outside,
        ledger: &heads.path,
        frontier,
        row,
        at: first,
        good: heads.marks.iter().map(|mark| mark.size).filter(|&size| size < first).max().unwrap_or(0),
        good_outside: 0,
        bad: None,
        forked: None,
        failing: false,
        skipped: 0,
        wrong: Vec::new(),
        found,
        first,
    };
    let behind = heads.marks.partition_point(|mark| mark.size < first);
    walk.marks = &heads.marks[behind..];
    let at = walk.row.as_ref().filter(|row| !row.is_empty()).map(|row| verify::root(row));
    walk.compare(at);
    walk
}

impl TreeWalk<'_> {
    /// Faults so far.
    pub fn faults(&self) -> usize {
        self.found.len() + self.wrong.len()
    }

    /// Takes the leaves of the segment `[first, end)`.
    pub fn take(&mut self, first: u64, end: u64, piece: &Piece) {
        if first != self.at {
            // Segments that do not follow each other are a fault of their own.
            self.unknown_to(first.max(self.at));
        }
        for leaf in &piece.start {
            self.leaf(*leaf);
        }
        for block in &piece.blocks {
            self.inside(self.at + BLOCK, piece);
            self.at += BLOCK;
            self.block(Some(*block));
        }
        if !piece.rest.is_empty() {
            self.inside(self.at + piece.rest.len() as u64 + 1, piece);
            self.at += piece.rest.len() as u64;
            self.row = Some(piece.rest.clone());
        }
        if self.at < end {
            self.unknown_to(end);
        }
    }

    fn leaf(&mut self, leaf: Node) {
        self.at += 1;
        if let Some(row) = &mut self.row {
            row.push(leaf);
        }
        if self.at.is_multiple_of(BLOCK) {
            let block = self.row.take().map(|row| verify::root(&row));
            self.row = Some(Vec::new());
            self.block(block);
        } else if self.marks.first().is_some_and(|mark| mark.size == self.at) {
            match self.row.as_ref().map(|row| verify::root(row)) {
                Some(behind) => self.compare(Some(behind)),
                None => self.skip(),
            }
        }
    }

    /// Roots at sizes inside the block under way, below `limit`.
    fn inside(&mut self, limit: u64, piece: &Piece) {
        while let Some(size) = self.marks.first().map(|mark| mark.size).filter(|&size| size < limit) {
            let at = piece.partial.binary_search_by_key(&size, |&(size, _)| size);
            let before = std::mem::replace(&mut self.at, size);
            match at {
                Ok(at) => self.compare(Some(piece.partial[at].1)),
                Err(_) => self.skip(),
            }
            self.at = before;
        }
    }

    /// Records whose hashes nobody knows: the kept blocks stand for them.
    fn unknown_to(&mut self, end: u64) {
        while self.at < end && self.frontier.is_some() {
            let limit = (self.at + 1).next_multiple_of(BLOCK);
            if limit > end {
                break;
            }
            self.skip_below(limit);
            self.at = limit;
            self.row = Some(Vec::new());
            self.block(None);
        }
        self.skip_below(end + 1);
        self.at = end;
        self.row = end.is_multiple_of(BLOCK).then(Vec::new);
    }

    /// Takes the block that ends here.
    fn block(&mut self, computed: Option<Node>) {
        let index = self.at / BLOCK - 1;
        let kept = self.kept.as_mut().map_or(Ok(None), |kept| kept.get(index));
        let kept = kept.unwrap_or_else(|error| {
            let path = self.kept.take().map(|kept| kept.path().to_owned()).unwrap_or_default();
            self.found.push(error_fault("tree", (index * BLOCK, self.at), &path, &error));
            None
        });
        if let (Some(computed), Some(kept)) = (computed, kept)
            && computed != kept
        {
            self.differs(index, kept == [0; 32]);
        }
        match (self.frontier.as_mut(), computed.or(kept)) {
            (Some(frontier), Some(block)) => frontier.push(block),
            _ => self.frontier = None,
        }
        self.compare(None);
    }

    fn differs(&mut self, index: u64, zero: bool) {
        match self.wrong.last_mut() {
            Some(last) if last.1 == index && last.2 == zero => last.1 = index + 1,
            _ => self.wrong.push((index, index + 1, zero)),
        }
    }

    /// Holds the root at this size, with the hash over the leaves behind the last block, against what
    /// was signed there.
    fn compare(&mut self, behind: Option<Node>) {
        self.skip_below(self.at);
        while let Some(mark) = self.marks.first().filter(|mark| mark.size == self.at) {
            let Some(frontier) = &self.frontier else { return self.skip() };
            self.marks = &self.marks[1..];
            let fits = frontier.root(behind) == mark.root;
            match (&mark.source, fits) {
                (Source::Ledger(_), true) => (self.good, self.failing) = (mark.size, false),
                (Source::Ledger(place), false) => self.unfit(*place),
                (Source::Outside(_), true) => self.good_outside = mark.size,
                (Source::Outside(number), false) => self.unfit_outside(*number),
            }
        }
    }

    fn unfit(&mut self, place: u64) {
        self.bad.get_or_insert(self.at);
        // One fault until a root fits again: those behind it follow from it.
        if !std::mem::replace(&mut self.failing, true) {
            let detail = format!(
                "the log's root at size {} is not the one in this checkpoint; that at size {} fits: records \
                 between them, or the checkpoint, were changed",
                self.at, self.good
            );
            self.found.push(fault("root", (self.good, self.at), self.ledger, place, detail));
        }
    }

    fn unfit_outside(&mut self, number: usize) {
        let good = self.good_outside;
        self.forked.get_or_insert(good);
        self.found.push(super::heads::unfit(&self.outside[number], good));
    }

    fn skip(&mut self) {
        self.skip_below(self.at + 1);
    }

    fn skip_below(&mut self, size: u64) {
        let count = self.marks.partition_point(|mark| mark.size < size);
        self.skipped += count as u64;
        self.marks = &self.marks[count..];
    }

    /// The end of the run: what is left of the last block, and what the file has beside the log's blocks.
    pub fn finish(mut self, run: &Run<'_>, verdict: &mut Verdict) {
        let end = self.at;
        let whole = end.next_multiple_of(BLOCK);
        if end < whole
            && whole <= run.snapshot.head.size
            && let Ok(behind) = links(run.snapshot, end, whole)
        {
            self.marks = &[];
            behind.iter().for_each(|link| self.leaf(merkle::leaf(link)));
        }
        self.check_length(run, verdict);
        self.tell_wrong(run, verdict);
        if let Some(bad) = self.bad.filter(|&bad| bad > self.good || self.failing) {
            verdict.proved_to = verdict.proved_to.min(self.good.min(bad).max(self.first));
        }
        if let Some(good) = self.forked {
            verdict.proved_to = verdict.proved_to.min(good);
        }
        if self.skipped > 0 {
            verdict.notes.push(format!(
                "{} signed roots were not compared: records before them cannot be read, and the tree's file \
                 does not reach as far",
                self.skipped
            ));
        }
        verdict.faults.append(&mut self.found);
    }

    fn check_length(&mut self, run: &Run<'_>, verdict: &mut Verdict) {
        let Some(kept) = self.kept.as_ref().filter(|_| run.to_end) else { return };
        let size = run.snapshot.head.size;
        let (blocks, whole) = (kept.blocks(), size / BLOCK);
        let signed = self.signed;
        let mut tell = |at: u64, from: u64, is_fault: bool, detail: String| {
            if is_fault {
                self.found.push(fault("tree", (from, size), kept.path(), at, detail));
            } else {
                verdict.notes.push(format!("{}: {detail}", kept.path().display()));
            }
        };
        if blocks < signed {
            let detail = format!("has {blocks} blocks, the signed checkpoints cover {signed}");
            tell(KeptBlocks::place(blocks), blocks * BLOCK, run.live || run.clean, detail);
        }
        if blocks > whole && !run.live {
            let detail = format!("goes on behind the log's {whole} whole blocks");
            tell(KeptBlocks::place(whole), size.saturating_sub(1), true, detail);
        }
        if kept.torn() > 0 && !run.live {
            let detail = format!("{} bytes of a hash at its end", kept.torn());
            tell(KeptBlocks::place(blocks), size.saturating_sub(1), run.clean, detail);
        }
    }

    fn tell_wrong(&mut self, run: &Run<'_>, verdict: &mut Verdict) {
        let Some(kept) = &self.kept else { return };
        // A power cut may leave zeros where the last hashes were not on stable storage yet.
        let lost =
            |&(_, end, zero): &(u64, u64, bool)| zero && end == kept.blocks() && !run.live && !run.clean;
        for wrong in &self.wrong {
            let (first, end, _) = *wrong;
            let place = KeptBlocks::place(first);
            if lost(wrong) {
                let detail = format!("zeros from byte {place} on: not on stable storage when the power went");
                verdict.notes.push(format!("{}: {detail}", kept.path().display()));
            } else {
                let detail = "another hash than the records give".to_owned();
                self.found.push(fault("tree", (first * BLOCK, end * BLOCK), kept.path(), place, detail));
            }
        }
    }
}
