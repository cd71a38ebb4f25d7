//! Signed notes (c2sp.org/signed-note): a text, an empty line, a line for each signature.

use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{Context, SHA256};
use ring::signature::{ED25519, UnparsedPublicKey};

/// Longest note that is read.
const NOTE_BYTES_MAX: usize = 64 << 10;
/// Most signature lines that are read.
const SIGNATURES_MAX: usize = 100;
/// What a signature line begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";
/// The type byte of Ed25519 keys.
const ED25519_TYPE: u8 = 1;

/// The first four bytes of the hash of a key's name, type and public part.
pub type KeyId = [u8; 4];

/// A signed note, taken apart. Nothing in it is proved before [`Note::verify`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, its last line end included.
    pub text: String,
    /// The signature lines in order.
    pub signatures: Vec<SignatureLine>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// Who is said to have signed.
    pub name: String,
    /// The key that is said to have been used.
    pub key_id: KeyId,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

impl Note {
    /// Takes a note apart, strictly: what this reads, [`Note`]'s `Display` writes back byte for byte.
    ///
    /// # Errors
    /// What is wrong with its form, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(format!("a note has at most {NOTE_BYTES_MAX} bytes"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| "the note is not UTF-8")?;
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err("the note has a control character".to_owned());
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or("no empty line divides text and signatures")?;
        let lines = lines.strip_suffix('\n').ok_or("the last signature line does not end")?;
        let signatures = lines.split('\n').map(SignatureLine::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(format!("a note has at most {SIGNATURES_MAX} signatures"));
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Checks that `key` signed the text. Signatures of other keys are left alone; more than one of
    /// this key, or a wrong one, is refused.
    ///
    /// # Errors
    /// Why nothing is proved, in words.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), String> {
        let mut own = self.signatures.iter().filter(|line| line.name == key.name && line.key_id == key.id());
        let line = own.next().ok_or_else(|| format!("the note is not signed by {key}"))?;
        if own.next().is_some() {
            return Err(format!("the note is signed more than once by {key}"));
        }
        if key.signed(&self.text, &line.signature) {
            Ok(())
        } else {
            Err(format!("the signature is not one of {key} over this text"))
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl SignatureLine {
    fn parse(line: &str) -> Result<Self, String> {
        let rest = line.strip_prefix(MARK).ok_or("a signature line begins with an em dash and a space")?;
        let (name, encoded) = rest.split_once(' ').ok_or("a signature line has a name and a signature")?;
        check_name(name)?;
        let bytes = unbase64(encoded).ok_or("a signature is not base64")?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: *id, signature: signature.to_vec() })
            }
            _ => Err("a signature has a key id and at least one byte more".to_owned()),
        }
    }
}

impl std::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [&self.key_id[..], &self.signature].concat();
        write!(f, "{MARK}{} {}", self.name, BASE64.encode(&bytes))
    }
}

/// The public part of a key and its name: all that a verifier needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// A key of a name.
    ///
    /// # Errors
    /// The rule for names that is broken, in words.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, String> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), public })
    }

    /// Reads `<name>+<key id>+<base64(type, public key)>`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a verifier key is <name>+<key id>+<key>".to_owned());
        };
        let bytes = unbase64(key).ok_or("the key is not base64")?;
        let public = match bytes.split_first() {
            Some((&ED25519_TYPE, public)) => public.try_into().map_err(|_| "the key has not 32 bytes")?,
            _ => return Err("the key is not an Ed25519 key (type 1)".to_owned()),
        };
        let key = Self::new(name, public)?;
        if id == HEXLOWER.encode(&key.id()) { Ok(key) } else { Err("the key id is another key's".to_owned()) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's short name, in signature lines.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut context = Context::new(&SHA256);
        context.update(self.name.as_bytes());
        context.update(&[b'\n', ED25519_TYPE]);
        context.update(&self.public);
        let mut id = [0; 4];
        id.copy_from_slice(&context.finish().as_ref()[..4]);
        id
    }

    /// True when `signature` is this key's over `text`.
    #[must_use]
    pub fn signed(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [&[ED25519_TYPE][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }
}

/// Bytes of base64 in its one form: the decoder also takes several padded texts one behind the other.
#[must_use]
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace()) {
        return Err("a key's name is not empty and has no space or `+`".to_owned());
    }
    Ok(())
}
