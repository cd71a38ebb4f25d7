//! What an archived segment is, in a text that outlives this program: `stele.segment/v1`.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{KINDS, object_name};
use crate::chain::Hash;
use crate::merkle::{self, Node};

/// What a manifest calls itself.
const FORMAT: &str = "stele.segment/v1";

/// Longest manifest that is read: a checkpoint with many signatures and 128 subtrees are far below.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// Largest object of a segment that is read.
pub const OBJECT_BYTES_MAX: u64 = 2 << 30;

/// Most records of a segment.
const RECORDS_MAX: u64 = u32::MAX as u64;

/// A segment's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The log.
    pub origin: String,
    /// First sequence.
    pub a: u64,
    /// The sequence after the last one.
    pub b: u64,
    /// h(a - 1).
    pub prev: Hash,
    /// h(b - 1).
    pub last: Hash,
    /// The maximal aligned subtrees of `[a, b)`, left to right.
    pub subtrees: Vec<Node>,
    /// The objects, one for each of [`KINDS`], in that order.
    pub objects: Vec<Object>,
    /// A signed checkpoint whose tree has at least `b` leaves.
    pub checkpoint: String,
}

/// An object of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its name in the store.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// Its version, where the store has versions.
    pub version_id: Option<String>,
}

/// The members as they stand in the text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: String,
    origin: String,
    a: u64,
    b: u64,
    prev: String,
    last: String,
    subtrees: Vec<String>,
    objects: Vec<Object>,
    checkpoint: String,
}

impl Manifest {
    /// The manifest as bytes: the same ones for the same content.
    ///
    /// # Errors
    /// What the encoder says; it has no reason to.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        let text = Text {
            format: FORMAT.to_owned(),
            origin: self.origin.clone(),
            a: self.a,
            b: self.b,
            prev: HEXLOWER.encode(&self.prev),
            last: HEXLOWER.encode(&self.last),
            subtrees: self.subtrees.iter().map(|node| HEXLOWER.encode(node)).collect(),
            objects: self.objects.clone(),
            checkpoint: self.checkpoint.clone(),
        };
        serde_json::to_vec(&text).map_err(|e| e.to_string())
    }

    /// Reads a manifest; nothing in it is believed yet but its form.
    ///
    /// # Errors
    /// The rule that is broken, in words.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(format!("a manifest of {} bytes, {MANIFEST_BYTES_MAX} at most", bytes.len()));
        }
        let text: Text = serde_json::from_slice(bytes).map_err(|e| format!("is no manifest: {e}"))?;
        if text.format != FORMAT {
            return Err(format!("is of format {:?}, this build reads {FORMAT:?}", text.format));
        }
        let manifest = Self {
            prev: hash(&text.prev, "prev")?,
            last: hash(&text.last, "last")?,
            subtrees: text.subtrees.iter().map(|node| hash(node, "subtrees")).collect::<Result<_, _>>()?,
            origin: text.origin,
            a: text.a,
            b: text.b,
            objects: text.objects,
            checkpoint: text.checkpoint,
        };
        manifest.fits()?;
        Ok(manifest)
    }

    /// Whether the parts can belong together.
    fn fits(&self) -> Result<(), String> {
        if self.b <= self.a || self.b - self.a > RECORDS_MAX {
            return Err(format!("covers [{}, {}), which is no segment", self.a, self.b));
        }
        let subtrees = merkle::subtrees(self.a, self.b).len();
        if self.subtrees.len() != subtrees {
            return Err(format!("names {} subtrees, its range has {subtrees}", self.subtrees.len()));
        }
        if self.objects.len() != KINDS.len() {
            return Err(format!("names {} objects, a segment has {}", self.objects.len(), KINDS.len()));
        }
        for (object, kind) in self.objects.iter().zip(KINDS) {
            let name = object_name(&self.origin, self.a, kind);
            if object.name != name {
                return Err(format!("names the object {:?} in the place of {name:?}", object.name));
            }
            hash(&object.sha256, "sha256")?;
        }
        Ok(())
    }
}

impl Object {
    /// What was put into a store.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8], version_id: Option<String>) -> Self {
        let sha256 = HEXLOWER.encode(&sha256(bytes));
        Self { name: name.to_owned(), bytes: bytes.len() as u64, sha256, version_id }
    }

    /// Whether these bytes are the object's.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn is(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 != self.bytes {
            return Err(format!("has {} bytes, {} were archived", bytes.len(), self.bytes));
        }
        let found = HEXLOWER.encode(&sha256(bytes));
        if found == self.sha256 {
            Ok(())
        } else {
            Err(format!("its SHA-256 is {found}, {} was archived", self.sha256))
        }
    }
}

/// SHA-256 of a whole object.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

fn hash(text: &str, what: &str) -> Result<Hash, String> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| Hash::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("{what}: {text:?} is no hash of 64 lower-case hex digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let origin = "example.com/stele/0123";
        let object = |kind: &str| Object::of(&object_name(origin, 100, kind), kind.as_bytes(), None);
        Manifest {
            origin: origin.to_owned(),
            a: 100,
            b: 200,
            prev: [1; 32],
            last: [2; 32],
            subtrees: merkle::subtrees(100, 200).iter().map(|_| [3; 32]).collect(),
            objects: KINDS.iter().map(|kind| object(kind)).collect(),
            checkpoint: "a note".to_owned(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = manifest().encode().unwrap();
        assert!(
            bytes.starts_with(br#"{"format":"stele.segment/v1","origin":"example.com/stele/0123","a":100,"#)
        );
        assert_eq!(Manifest::read(&bytes).unwrap(), manifest());
        assert_eq!(manifest().objects[0].name, "0123/00000000000000000100.cold");
    }

    /// Goal: bytes from a store never bring the reader down, and what cannot be a manifest is refused with
    /// its reason.
    #[test]
    fn what_is_no_manifest_is_refused() {
        let whole = manifest().encode().unwrap();
        for cut in 0..whole.len() {
            assert!(Manifest::read(&whole[..cut]).is_err(), "{cut}");
        }
        let refused = |change: &dyn Fn(&mut Manifest), why: &str| {
            let mut changed = manifest();
            change(&mut changed);
            let error = Manifest::read(&changed.encode().unwrap()).unwrap_err();
            assert!(error.contains(why), "{error} / {why}");
        };
        refused(&|m| m.b = 100, "no segment");
        refused(&|m| m.b = u64::MAX, "no segment");
        refused(&|m| m.subtrees.truncate(1), "names 1 subtrees");
        refused(&|m| m.objects.truncate(2), "names 2 objects");
        refused(&|m| m.objects.swap(0, 1), "in the place of");
        refused(&|m| m.objects[2].name = "../../etc/passwd".to_owned(), "in the place of");
        refused(&|m| m.objects[0].sha256 = "00".to_owned(), "no hash");
        refused(&|m| m.checkpoint = "x".repeat(70_000), "at most");
        let text = String::from_utf8(whole).unwrap();
        for (from, to) in
            [("segment/v1", "segment/v2"), ("\"a\":", "\"z\":"), ("\"prev\":\"01", "\"prev\":\"XX")]
        {
            assert!(Manifest::read(text.replace(from, to).as_bytes()).is_err(), "{from}");
        }
    }

    #[test]
    fn other_bytes_are_told_from_an_object() {
        let object = Object::of("0123/1.cold", b"bytes", None);
        object.is(b"bytes").unwrap();
        assert!(object.is(b"byte").unwrap_err().contains("has 4 bytes, 5 were"));
        assert!(object.is(b"bytez").unwrap_err().contains("SHA-256"));
    }
}
