//! What an operator can do to a report who has the log and its secret, but not the signing key: every
//! hash that can be recomputed is.

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value as Json, json};
use stele_engine::ids::hex;
use stele_engine::log::Report;
use stele_engine::merkle::{self, InMemory, Node};
use stele_engine::record::{Record, record_hash};
use stele_engine::tags::{self, Axis, Filter, Leaf, postings_hash};

use super::world::world;

/// A report under work.
#[derive(Clone)]
pub struct Forge {
    pub json: Json,
    checkpoint: String,
    size: u64,
}

impl Forge {
    /// Starts from a true report.
    pub fn of(report: &Report) -> Self {
        let mut bytes = Vec::new();
        report.write_json(&mut bytes).unwrap();
        let checkpoint = &report.signed().checkpoint;
        let json = serde_json::from_slice(&bytes).unwrap();
        Self { json, checkpoint: checkpoint.text(), size: checkpoint.size }
    }

    pub fn entries(&self) -> usize {
        self.json["entries"].as_array().unwrap().len()
    }

    pub fn sequences(&self, list: &str) -> Vec<u64> {
        self.json[list].as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
    }

    pub fn filter(&self) -> Filter {
        Filter::parse(self.json["filter"].as_str().unwrap()).unwrap()
    }

    pub fn is_by_commit(&self) -> bool {
        self.filter().axis == Axis::Commit
    }

    /// Takes an item out of a list.
    pub fn take(&mut self, list: &str, at: usize) -> Json {
        self.json[list].as_array_mut().unwrap().remove(at)
    }

    /// Puts a record into a list, in its place.
    pub fn put(&mut self, list: &str, record: Json) {
        let list = self.json[list].as_array_mut().unwrap();
        let seq = record["seq"].as_u64();
        let at = list.partition_point(|other| other["seq"].as_u64() < seq);
        list.insert(at, record);
    }

    /// An entry in the form of a header.
    pub fn as_header(&self, at: usize) -> Json {
        let record = record(self.json["entries"][at]["seq"].as_u64().unwrap());
        let (_, time_ns) = stele_engine::event::id_and_time(&record.body).unwrap();
        json!({
            "seq": record.sequence,
            "ts": record.committed_us,
            "ev": stele_engine::event::event_us(time_ns),
            "prev": hex(&record.previous),
            "r": hex(&record_hash(&record.salt, &record.body)),
        })
    }

    /// True when a record can be added to the entries: it is below the checkpoint's size.
    pub fn can_show(&self, sequence: u64) -> bool {
        sequence < self.size
    }

    /// Adds a record of the log to the entries; a header of it has to go.
    pub fn show(&mut self, sequence: u64) {
        let record = record(sequence);
        let headers = self.json["headers"].as_array_mut().unwrap();
        headers.retain(|header| header["seq"] != json!(sequence));
        let entry = json!({
            "seq": sequence,
            "ts": record.committed_us,
            "salt": hex(&record.salt),
            "prev": hex(&record.previous),
            "body": String::from_utf8(record.body).unwrap(),
        });
        self.put("entries", entry);
    }

    /// Places of all lookups.
    pub fn lookups(&self) -> Vec<(usize, usize)> {
        let epochs = self.json["epochs"].as_array().unwrap().iter().enumerate();
        epochs
            .flat_map(|(at, epoch)| (0..epoch["lookups"].as_array().unwrap().len()).map(move |i| (at, i)))
            .collect()
    }

    /// Takes a record out of every list that has it, count and hash of the leaf recomputed; true when
    /// there was one.
    pub fn cut_from_lists(&mut self, sequence: u64) -> bool {
        let mut cut = false;
        for (epoch, at) in self.lookups() {
            let first = self.first_of(epoch);
            let lookup = &mut self.json["epochs"][epoch]["lookups"][at];
            let Some(postings) = lookup["postings"].as_array_mut() else { continue };
            let before = postings.len();
            postings.retain(|offset| first + offset.as_u64().unwrap() != sequence);
            if postings.len() < before {
                let offsets: Vec<u32> = postings.iter().map(|o| o.as_u64().unwrap() as u32).collect();
                let bytes =
                    HEXLOWER.decode(lookup["leaves"][0]["leaf"].as_str().unwrap().as_bytes()).unwrap();
                let mut leaf = Leaf::read(&bytes.try_into().unwrap());
                leaf.count = offsets.len() as u32;
                leaf.postings = postings_hash(&offsets);
                lookup["leaves"][0]["leaf"] = json!(hex(&leaf.bytes()));
                cut = true;
            }
        }
        cut
    }

    /// Says that no record has a value that some have, showing the leaf of another lookup of the same
    /// index event; false when there is no other.
    pub fn deny(&mut self, epoch: usize, at: usize) -> bool {
        let lookups = self.json["epochs"][epoch]["lookups"].as_array().unwrap();
        let other =
            lookups.iter().enumerate().find(|(i, _)| *i != at).map(|(_, lookup)| lookup["leaves"].clone());
        let Some(leaves) = other.filter(|_| !lookups[at]["postings"].is_null()) else { return false };
        let first = self.first_of(epoch);
        let offsets: Vec<u64> =
            lookups[at]["postings"].as_array().unwrap().iter().map(|o| o.as_u64().unwrap()).collect();
        let lookup = &mut self.json["epochs"][epoch]["lookups"][at];
        lookup["postings"] = Json::Null;
        lookup["leaves"] = leaves;
        let entries = self.json["entries"].as_array_mut().unwrap();
        entries.retain(|entry| !offsets.contains(&entry["seq"].as_u64().unwrap().wrapping_sub(first)));
        true
    }

    fn first_of(&self, epoch: usize) -> u64 {
        let seq = &self.json["epochs"][epoch]["seq"];
        let records = self.json["index_records"].as_array().unwrap();
        let record = records.iter().find(|record| record["seq"] == *seq).unwrap();
        tags::Statement::read(record["body"].as_str().unwrap().as_bytes()).unwrap().a
    }

    /// Takes the part of an index event out of `epochs`.
    pub fn drop_epoch(&mut self, seq: &Json) {
        self.json["epochs"].as_array_mut().unwrap().retain(|epoch| epoch["seq"] != *seq);
    }

    /// Ends the range before the last entry.
    pub fn narrow(&mut self) {
        let mut filter = self.filter();
        let entries = self.json["entries"].as_array().unwrap();
        filter.to_us = entries.iter().map(|entry| self.time_of(entry)).max().unwrap();
        self.json["filter"] = json!(filter.text());
    }

    /// Takes out the entries that lie outside the range; they become headers, unless they are shown as
    /// index events too.
    pub fn drop_outside(&mut self) {
        let (filter, index) = (self.filter(), self.sequences("index_records"));
        for at in (0..self.entries()).rev() {
            let time = self.time_of(&self.json["entries"][at]);
            if !(filter.from_us..filter.to_us).contains(&time) {
                let header = self.as_header(at);
                let taken = self.take("entries", at);
                if !index.contains(&taken["seq"].as_u64().unwrap()) {
                    self.put("headers", header);
                }
            }
        }
    }

    fn time_of(&self, entry: &Json) -> u64 {
        if self.is_by_commit() {
            return entry["ts"].as_u64().unwrap();
        }
        let (_, time_ns) =
            stele_engine::event::id_and_time(entry["body"].as_str().unwrap().as_bytes()).unwrap();
        stele_engine::event::event_us(time_ns)
    }

    /// Recomputes the proof over the log's real tree, and the verification hash.
    pub fn finish(&mut self) {
        let lists = ["entries", "headers", "index_records"].map(|list| self.sequences(list));
        let shown = lists.iter().flatten();
        let mut disclosed: Vec<u64> =
            shown.flat_map(|&seq| [seq.checked_sub(1), Some(seq)]).flatten().collect();
        disclosed.sort_unstable();
        disclosed.dedup();
        let leaves: Vec<Node> = world().leaves[..self.size as usize].to_vec();
        let proof = merkle::covers(&disclosed, self.size, &InMemory::new(leaves)).unwrap();
        self.json["proof"] = proof.iter().map(|hash| json!(BASE64.encode(hash))).collect();
        let entries = lists[0].iter().map(|&seq| world().leaves[seq as usize]).collect();
        let filter = self.json["filter"].as_str().unwrap();
        let hash = tags::verification_hash_of(&self.checkpoint, filter, entries);
        self.json["verification_hash"] = json!(hex(&hash));
    }
}

fn record(sequence: u64) -> Record {
    world().log.record(sequence).unwrap().unwrap()
}
