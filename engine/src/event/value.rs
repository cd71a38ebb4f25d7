//! Any JSON value to canonical bytes: the structural half, with the rules that hold everywhere.
//!
//! Walks with its own stack, so that depth costs memory (bounded by the size limit) and never the
//! thread's stack. Refuses duplicate member names, halves of surrogate pairs, reserved strings and
//! values that are nested too deep; the first three do not stop it, so all are reported.

use super::fault::{Faults, push_step};
use super::json::{Reader, Span, Syntax};
use super::names::Names;

/// String values that begin like this are kept for the server.
pub(super) const RESERVED: &str = "stele:p1:";

/// Why a value could not be read to its end.
pub(super) enum Stop {
    Syntax(Syntax),
    /// The canonical text is over the limit.
    TooLarge,
}

impl From<Syntax> for Stop {
    fn from(e: Syntax) -> Self {
        Self::Syntax(e)
    }
}

/// What the value may hold.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub depth_max: usize,
    pub bytes_max: usize,
    /// Whether strings may begin with [`RESERVED`].
    pub reserved: bool,
}

#[derive(Clone, Copy)]
enum Frame {
    /// Where the object's names begin in `Names`.
    Object(usize),
    /// Index of the current element.
    Array(usize),
}

/// Walks one value. `place` is the pointer of the value itself.
pub(super) struct Walk<'w, 'a> {
    reader: &'w mut Reader<'a>,
    place: &'w str,
    bounds: Bounds,
    frames: Vec<Frame>,
    names: Names,
    faults: &'w mut Faults,
    too_deep: bool,
}

/// Reads the value at the reader's position (white space before it is dropped).
pub(super) fn walk(
    reader: &mut Reader<'_>,
    place: &str,
    bounds: Bounds,
    faults: &mut Faults,
) -> Result<(), Stop> {
    reader.space();
    let frames = Vec::with_capacity(8);
    Walk { reader, place, bounds, frames, names: Names::new(), faults, too_deep: false }.run()
}

impl Walk<'_, '_> {
    fn run(mut self) -> Result<(), Stop> {
        loop {
            let complete = self.value()?;
            if complete && !self.next()? {
                return Ok(());
            }
        }
    }

    /// Reads a scalar or an empty container (true), or enters a container (false).
    #[inline]
    fn value(&mut self) -> Result<bool, Stop> {
        match self.reader.peek() {
            Some(b'"') => {
                let span = self.reader.string()?;
                self.check_string(span);
                Ok(true)
            }
            Some(b'-' | b'0'..=b'9') => self.reader.number().map(|()| true).map_err(Stop::from),
            Some(b'{') => self.enter_object(),
            Some(b'[') => self.enter_array(),
            _ => self.reader.literal().map(|()| true).map_err(Stop::from),
        }
    }

    #[inline]
    fn check_string(&mut self, span: Span) {
        if self.reader.lone_surrogate {
            self.fault_here("holds half of a surrogate pair, which is no character");
            self.reader.lone_surrogate = false;
        }
        if !self.bounds.reserved && self.reader.bytes(span).starts_with(RESERVED.as_bytes()) {
            self.fault_here("strings that begin with stele:p1: are reserved");
        }
    }

    fn enter_object(&mut self) -> Result<bool, Stop> {
        self.reader.take(b'{');
        self.reader.space();
        self.enter(Frame::Object(self.names.open()));
        if self.reader.take(b'}') {
            self.frames.pop();
            return Ok(true);
        }
        self.name()?;
        Ok(false)
    }

    fn enter_array(&mut self) -> Result<bool, Stop> {
        self.reader.take(b'[');
        self.reader.space();
        self.enter(Frame::Array(0));
        if self.reader.take(b']') {
            self.frames.pop();
            return Ok(true);
        }
        Ok(false)
    }

    /// Pushes a frame; the first that is too deep is reported.
    #[inline]
    fn enter(&mut self, frame: Frame) {
        if self.frames.len() >= self.bounds.depth_max && !self.too_deep {
            self.too_deep = true;
            self.fault_here(&format!("nested deeper than {} levels", self.bounds.depth_max));
        }
        self.frames.push(frame);
    }

    /// After a value: goes to the next one, leaving containers that end. False when all have ended.
    #[inline]
    fn next(&mut self) -> Result<bool, Stop> {
        if self.reader.written() > self.bounds.bytes_max {
            return Err(Stop::TooLarge);
        }
        loop {
            let Some(frame) = self.frames.last_mut() else { return Ok(false) };
            self.reader.space();
            match frame {
                Frame::Object(base) => {
                    let base = *base;
                    if self.reader.take(b',') {
                        self.reader.space();
                        self.name()?;
                        return Ok(true);
                    }
                    self.reader.expect(b'}', "`,` or `}`")?;
                    self.names.close(base);
                }
                Frame::Array(index) => {
                    if self.reader.take(b',') {
                        *index += 1;
                        self.reader.space();
                        return Ok(true);
                    }
                    self.reader.expect(b']', "`,` or `]`")?;
                }
            }
            self.frames.pop();
        }
    }

    /// Reads a member name and its colon.
    #[inline]
    fn name(&mut self) -> Result<(), Stop> {
        let Some(Frame::Object(base)) = self.frames.last().copied() else { return Ok(()) };
        let span = self.reader.string().map_err(|e| named(e, self.reader.pos()))?;
        let fresh = self.names.add(base, span, self.reader);
        if self.reader.lone_surrogate {
            self.reader.lone_surrogate = false;
            let parent = self.pointer(self.frames.len() - 1);
            self.faults.invalid(parent, "a member name holds half of a surrogate pair");
        } else if !fresh {
            self.fault_here("duplicate member name");
        }
        self.reader.space();
        self.reader.expect(b':', "`:`")?;
        self.reader.space();
        Ok(())
    }

    #[cold]
    fn fault_here(&mut self, detail: &str) {
        let pointer = self.pointer(self.frames.len());
        self.faults.invalid(pointer, detail);
    }

    /// The pointer of the value that `depth` frames lead to.
    fn pointer(&self, depth: usize) -> String {
        let mut pointer = self.place.to_owned();
        for (level, frame) in self.frames[..depth].iter().enumerate() {
            match frame {
                Frame::Array(index) => {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                }
                Frame::Object(_) => {
                    // The object's current name is the last one before those of the next object inside it.
                    let inner = self.frames[level + 1..].iter().find_map(|f| match f {
                        Frame::Object(base) => Some(*base),
                        Frame::Array(_) => None,
                    });
                    let name = inner.map_or_else(|| self.names.last(), |b| self.names.at(b.wrapping_sub(1)));
                    push_step(&mut pointer, name.map_or("", |n| self.reader.get(n)));
                }
            }
        }
        pointer
    }
}

/// A missing name is told as such where nothing of it was read.
fn named(error: Syntax, pos: usize) -> Syntax {
    if error.at == pos && error.expected == "a string" {
        Syntax { at: pos, expected: "a member name in quotes" }
    } else {
        error
    }
}
