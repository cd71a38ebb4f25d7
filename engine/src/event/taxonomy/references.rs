//! References within an organization's schema: held to what can be checked in bounded time.
//!
//! A schema that refers to itself can loop for ever on one value, and twenty definitions that each
//! name the next one twice make a million checks. So a reference stays within the schema, never leads
//! back to itself, and the schema with all references written out has at most [`PARTS_MAX`] parts.

use hashbrown::HashMap;
use serde_json::Value;

use super::TypeError;

const PARTS_MAX: u64 = 4096;
const NESTED_MAX: usize = 16;
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Checks `$schema` and every reference.
pub(super) fn check(schema: &Value) -> Result<(), TypeError> {
    if let Some(draft) = schema.get("$schema")
        && draft.as_str().map(|d| d.trim_end_matches('#')) != Some(DRAFT)
    {
        return Err(TypeError::new("/schema/$schema", format!("must be {DRAFT}")));
    }
    let mut expansion = Expansion { root: schema, open: Vec::new(), known: HashMap::new() };
    if expansion.parts(schema, true)? > PARTS_MAX {
        let detail = format!("has more than {PARTS_MAX} parts with its references written out");
        return Err(TypeError::new("/schema", detail));
    }
    Ok(())
}

struct Expansion<'s> {
    root: &'s Value,
    /// References being followed.
    open: Vec<&'s str>,
    /// Parts behind references that were followed to their end.
    known: HashMap<&'s str, u64>,
}

impl<'s> Expansion<'s> {
    /// Objects in a value, references written out. Depth is bounded: the schema's own is, and
    /// references nest at most [`NESTED_MAX`] deep.
    fn parts(&mut self, value: &'s Value, at_root: bool) -> Result<u64, TypeError> {
        let mut sum = 1u64;
        match value {
            Value::Array(items) => {
                for item in items {
                    sum = sum.saturating_add(self.parts(item, false)?);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let more = match (name.as_str(), member.as_str()) {
                        ("$ref", Some(target)) => self.reference(target)?,
                        ("$id", Some(_)) if at_root => 0,
                        ("$id" | "$anchor" | "$dynamicAnchor" | "$dynamicRef", Some(_)) => {
                            let detail =
                                format!("{name} is not taken here: refer by #/… from the schema's root");
                            return Err(TypeError::new("/schema", detail));
                        }
                        _ => self.parts(member, false)?,
                    };
                    sum = sum.saturating_add(more);
                }
            }
            _ => return Ok(0),
        }
        Ok(sum)
    }

    fn reference(&mut self, target: &'s str) -> Result<u64, TypeError> {
        if let Some(parts) = self.known.get(target) {
            return Ok(*parts);
        }
        let refused = |why: &str| TypeError::new("/schema", format!("$ref {target:.100}: {why}"));
        if self.open.contains(&target) || target == "#" {
            return Err(refused("leads back to itself"));
        }
        if self.open.len() >= NESTED_MAX {
            return Err(refused("too many references behind one another"));
        }
        let pointer = target.strip_prefix('#').filter(|p| p.starts_with('/') && !p.contains('%'));
        let pointer = pointer.ok_or_else(|| refused("must begin with #/ and hold no %"))?;
        let found = self.root.pointer(pointer).ok_or_else(|| refused("there is no such part"))?;
        self.open.push(target);
        let parts = self.parts(found, false)?;
        self.open.pop();
        self.known.insert(target, parts);
        Ok(parts)
    }
}
