//! Disks as they may look when the power is back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::faults::Faults;
use super::file::{Inode, put_sector};
use super::names::Names;
use super::{InodeId, SimDisk, State};

/// What survives of the effects that no sync had made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// Names and lengths, but no bytes: what was written reads as before, or as zeros.
    NamesAndLengths,
    /// Names only: new files are empty.
    Names,
    /// Bytes and lengths, but no names.
    Bytes,
    /// All operations up to a random one, none after it.
    InOrder,
    /// Each sector, each length and each directory on its own: out of order and torn.
    Torn,
}

impl Survival {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Torn,
        Self::Nothing,
        Self::Everything,
        Self::NamesAndLengths,
        Self::InOrder,
        Self::Names,
        Self::Bytes,
    ];
}

/// The small generator of the simulation (splitmix64): equal seeds give equal images everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// Decides, effect by effect.
struct Choice {
    survival: Survival,
    random: Random,
    /// Last operation that survives, in order.
    until: u64,
    /// Torn: chance in 100 that a sector changed at all.
    chance: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Names,
    Lengths,
    Bytes,
}

impl Choice {
    /// How many of these effects, oldest first, survive; the newest survivor counts.
    fn kept(&mut self, what: What, ops: &[u64]) -> usize {
        let all = ops.len();
        let yes = |yes: bool| if yes { all } else { 0 };
        match self.survival {
            Survival::Nothing => 0,
            Survival::Everything => all,
            Survival::NamesAndLengths => yes(what != What::Bytes),
            Survival::Names => yes(what == What::Names),
            Survival::Bytes => yes(what != What::Names),
            Survival::InOrder => ops.iter().filter(|&&op| op <= self.until).count(),
            Survival::Torn if what == What::Bytes && self.random.below(100) >= self.chance => 0,
            Survival::Torn if what == What::Bytes => 1 + self.random.below(all as u64) as usize,
            Survival::Torn => self.random.below(all as u64 + 1) as usize,
        }
    }
}

impl SimDisk {
    /// A disk as it may look after a power cut now. The same arguments give the same image; its
    /// operations count from 0, and it has no faults.
    #[must_use]
    pub fn image(&self, survival: Survival, seed: u64) -> Self {
        self.state().image(survival, seed)
    }

    /// Up to `how_many` images of different kinds, with which kind each is; one alone where
    /// nothing was pending. Which kinds come first depends on the seed, so that a campaign that
    /// takes few images an operation sees them all over its run.
    #[must_use]
    pub fn images(&self, seed: u64, how_many: usize) -> Vec<(Survival, Self)> {
        let state = self.state();
        if state.is_settled() {
            return vec![(Survival::Nothing, state.image(Survival::Nothing, seed))];
        }
        let kinds = Survival::ALL.iter().cycle().skip(seed as usize % Survival::ALL.len());
        let kinds = kinds.take(how_many).enumerate();
        // Not `seed + i`: with the rotation above, one kind would see every seventh seed only.
        let seeds = seed.wrapping_mul(31);
        kinds.map(|(i, &kind)| (kind, state.image(kind, seeds.wrapping_add(i as u64)))).collect()
    }

    /// The disk as the next process finds it when this one is killed and the machine stays up:
    /// everything written is seen, and no more of it is durable than before.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let mut state = self.state().clone();
        let before = state.faults.stamp();
        state.writers.clear();
        state.faults = Faults { before, ..Faults::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.names.is_settled() && self.inodes.iter().all(Inode::is_settled)
    }

    fn image(&self, survival: Survival, seed: u64) -> SimDisk {
        let mut random = Random(seed);
        let until = self.random_op(&mut random);
        let chance = [10, 50, 90][random.below(3) as usize];
        let mut choice = Choice { survival, random, until, chance };
        let found = self.names.after_power_loss(&mut |ops| choice.kept(What::Names, ops));
        let mut inodes = Vec::new();
        let mut names: BTreeMap<PathBuf, InodeId> = BTreeMap::new();
        for (path, id) in found {
            let inode = &self.inodes[id];
            let bytes = bytes_after_power_loss(inode, &mut choice);
            let read_only = match survival {
                Survival::Nothing | Survival::Bytes => inode.durable_read_only,
                Survival::InOrder | Survival::Torn if choice.random.below(2) == 0 => inode.durable_read_only,
                _ => inode.read_only,
            };
            names.insert(path.clone(), inodes.len());
            inodes.push(Inode::settled(&path, bytes, read_only));
        }
        let names = Names::settled(names, self.names.dirs().clone());
        let state = Self { names, inodes, ..Self::default() };
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// An operation among those that are pending: older ones would keep nothing.
    fn random_op(&self, random: &mut Random) -> u64 {
        let newest = self.faults.stamp();
        let bytes = self.inodes.iter().flat_map(|inode| inode.dirty.values());
        let bytes = bytes.filter_map(|dirty| dirty.versions.first()).map(|(op, _)| *op);
        let lengths = self.inodes.iter().filter_map(|inode| inode.lengths.first()).map(|(op, _)| *op);
        let oldest = bytes.chain(lengths).min().unwrap_or(newest);
        oldest + random.below(newest.saturating_sub(oldest) + 1)
    }
}

fn bytes_after_power_loss(inode: &Inode, choice: &mut Choice) -> Arc<Vec<u8>> {
    if inode.dirty.is_empty() && inode.lengths.is_empty() {
        return Arc::clone(&inode.durable);
    }
    let ops: Vec<u64> = inode.lengths.iter().map(|(op, _)| *op).collect();
    let len = match choice.kept(What::Lengths, &ops) {
        0 => inode.durable.len(),
        kept => inode.lengths[kept - 1].1 as usize,
    };
    // Sectors first, on the longest the file ever was: a shorter length then hides some again.
    let longest = inode.lengths.iter().map(|(_, len)| *len as usize).max().unwrap_or(0);
    let mut bytes = inode.durable.to_vec();
    bytes.resize(longest.max(bytes.len()), 0);
    for (&index, dirty) in &inode.dirty {
        let ops: Vec<u64> = dirty.versions.iter().map(|(op, _)| *op).collect();
        if let Some(last) = choice.kept(What::Bytes, &ops).checked_sub(1) {
            put_sector(&mut bytes, index, &dirty.versions[last].1);
        }
    }
    bytes.resize(len, 0);
    Arc::new(bytes)
}
