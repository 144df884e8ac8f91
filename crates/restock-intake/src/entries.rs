//! The entries of a file or a message, one after another, whatever its size: lines of JSON, a JSON list, or one JSON
//! object over several lines. What a file holds decides, not its name.
//!
//! No more than an entry is in memory. An entry that is longer than an event may be is cut, refused and passed over.

use std::io::{self, BufRead, Cursor, Read};

use restock_ledger::{Incoming, Position, Refusal, RefusalCode, wire};
use serde_json::value::RawValue;

/// What is looked at to see what a file holds, and the most bytes of one object over several lines.
const HEAD_BYTES: u64 = 1024 * 1024;

/// Bytes of an entry that are kept: one more than an event may have.
const MAX_KEPT_BYTES: usize = wire::MAX_EVENT_BYTES + 1;

const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// An entry on each line.
    Lines,
    /// A JSON list; the next byte is an entry, or a separator.
    List,
    /// What comes after the end of a list.
    AfterList,
    /// A list that broke off after a whole entry.
    BrokenOff,
    /// One entry.
    Whole,
}

/// Reads entries one after another.
///
/// ```
/// use restock_intake::Entries;
///
/// let text = b"[\n {\"event_id\": 1},\n {\"event_id\": 2}\n]";
/// let mut entries = Entries::new(&text[..])?;
/// assert_eq!(entries.next()?.unwrap().raw, b"{\"event_id\": 1}");
/// assert_eq!(entries.next()?.unwrap().position.to_string(), "index 1");
/// assert!(entries.next()?.is_none());
/// assert_eq!(entries.n_bytes(), text.len() as u64);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Entries<'a> {
    input: Box<dyn BufRead + 'a>,
    shape: Shape,
    /// Bytes that were read.
    n_bytes: u64,
    /// The line, from 1, or the index, from 0, of the next entry.
    number: u64,
}

/// The text of an entry, perhaps cut.
struct Raw {
    text: Vec<u8>,
    n_bytes: u64,
    position: Position,
    /// It is the place where a list broke off.
    is_break: bool,
}

impl Raw {
    fn at(position: Position) -> Self {
        Self { text: Vec::new(), n_bytes: 0, position, is_break: false }
    }
}

impl<'a> Entries<'a> {
    /// Looks at the first bytes to see what `input` holds.
    ///
    /// # Errors
    /// When `input` cannot be read.
    pub fn new(mut input: impl BufRead + 'a) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut input).take(HEAD_BYTES).read_to_end(&mut head)?;
        let n_bom = if head.starts_with(BOM) { BOM.len() } else { 0 };
        let text = head[n_bom..].trim_ascii();
        let is_all = (head.len() as u64) < HEAD_BYTES;
        let (shape, number) = match text.first() {
            Some(b'[') => (Shape::List, 0),
            Some(b'{') if is_all && text.contains(&b'\n') && serde_json::from_slice::<&RawValue>(text).is_ok() => {
                (Shape::Whole, 0)
            }
            _ => (Shape::Lines, 1),
        };
        let start = match shape {
            // The list begins after its bracket.
            Shape::List => head.iter().position(|byte| *byte == b'[').expect("it was seen") + 1,
            _ => n_bom,
        };
        let mut head = Cursor::new(head);
        head.set_position(start as u64);
        Ok(Self { input: Box::new(head.chain(input)), shape, n_bytes: start as u64, number })
    }

    /// Bytes that were read up to now: after the last entry all of them.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The next entry, or `None` after the last.
    ///
    /// # Errors
    /// When the input cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it fails, as reading does")]
    pub fn next(&mut self) -> io::Result<Option<Incoming>> {
        Ok(self.next_raw()?.map(|Raw { text, n_bytes, position, is_break }| {
            let event = match () {
                () if is_break => Err(broken_off()),
                () if n_bytes > text.len() as u64 => Err(too_long(n_bytes)),
                () => wire::read_event(&text),
            };
            Incoming { position, raw: text, event }
        }))
    }

    /// Passes over the entries up to byte `n_bytes`, where an earlier reader stopped.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn skip_to(&mut self, n_bytes: u64) -> io::Result<()> {
        while self.n_bytes < n_bytes && self.next_raw()?.is_some() {}
        Ok(())
    }

    /// What has not been read.
    pub(crate) fn into_rest(self) -> Box<dyn BufRead + 'a> {
        self.input
    }

    fn next_raw(&mut self) -> io::Result<Option<Raw>> {
        match self.shape {
            Shape::Lines => self.next_line(),
            Shape::List => self.next_of_list(),
            Shape::BrokenOff => {
                self.shape = Shape::AfterList;
                Ok(Some(Raw { is_break: true, ..Raw::at(Position::Index(self.number)) }))
            }
            Shape::AfterList | Shape::Whole => self.all(),
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Raw>> {
        loop {
            let mut raw = Raw::at(Position::Line(self.number));
            let mut is_over = false;
            let mut has_any = false;
            while !is_over {
                let buffer = self.input.fill_buf()?;
                if buffer.is_empty() {
                    break;
                }
                has_any = true;
                let end = buffer.iter().position(|byte| *byte == b'\n');
                keep(&mut raw, &buffer[..end.unwrap_or(buffer.len())]);
                let n_read = end.map_or(buffer.len(), |end| end + 1);
                is_over = end.is_some();
                self.input.consume(n_read);
                self.n_bytes += n_read as u64;
            }
            if !has_any {
                return Ok(None);
            }
            self.number += 1;
            if raw.text.ends_with(b"\r") && raw.n_bytes == raw.text.len() as u64 {
                raw.text.pop();
                raw.n_bytes -= 1;
            }
            if !raw.text.trim_ascii().is_empty() {
                return Ok(Some(raw));
            }
        }
    }

    fn next_of_list(&mut self) -> io::Result<Option<Raw>> {
        let mut raw = Raw::at(Position::Index(self.number));
        let (mut depth, mut in_text, mut is_escaped) = (0_u32, false, false);
        let mut end = None;
        while end.is_none() {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let mut n_entry = buffer.len();
            for (idx, byte) in buffer.iter().enumerate() {
                if in_text {
                    match byte {
                        _ if is_escaped => is_escaped = false,
                        b'\\' => is_escaped = true,
                        b'"' => in_text = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => in_text = true,
                    b'{' | b'[' => depth += 1,
                    b',' | b']' if depth == 0 => {
                        (end, n_entry) = (Some(*byte), idx);
                        break;
                    }
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            let entry = &buffer[..n_entry];
            // Blanks before an entry are not part of it.
            let entry = if raw.n_bytes == 0 { entry.trim_ascii_start() } else { entry };
            keep(&mut raw, entry);
            let n_read = n_entry + usize::from(end.is_some());
            self.input.consume(n_read);
            self.n_bytes += n_read as u64;
        }
        if end != Some(b',') {
            let breaks_off_unseen = end.is_none() && depth == 0 && !in_text && raw.n_bytes > 0;
            self.shape = if breaks_off_unseen { Shape::BrokenOff } else { Shape::AfterList };
        }
        if raw.n_bytes == raw.text.len() as u64 {
            raw.text.truncate(raw.text.trim_ascii_end().len());
            raw.n_bytes = raw.text.len() as u64;
        }
        match end {
            // `[]`, and a list whose last entry has been read.
            Some(b']') if raw.text.is_empty() && self.number == 0 => return self.all(),
            None if raw.text.is_empty() => raw.is_break = true,
            _ => {}
        }
        self.number += 1;
        Ok(Some(raw))
    }

    /// Everything that is left as one entry, `None` when that is nothing.
    fn all(&mut self) -> io::Result<Option<Raw>> {
        let position = match self.shape {
            Shape::Whole => Position::Whole,
            _ => Position::Index(self.number),
        };
        let mut raw = Raw::at(position);
        loop {
            let buffer = self.input.fill_buf()?;
            let n_read = buffer.len();
            if n_read == 0 {
                break;
            }
            let part = if raw.n_bytes == 0 { buffer.trim_ascii_start() } else { buffer };
            keep(&mut raw, part);
            self.input.consume(n_read);
            self.n_bytes += n_read as u64;
        }
        self.number += 1;
        if raw.n_bytes == raw.text.len() as u64 {
            raw.text.truncate(raw.text.trim_ascii_end().len());
            raw.n_bytes = raw.text.len() as u64;
        }
        Ok((!raw.text.is_empty()).then_some(raw))
    }
}

/// Adds bytes to an entry, as far as they are kept.
fn keep(raw: &mut Raw, bytes: &[u8]) {
    raw.n_bytes += bytes.len() as u64;
    let n_kept = bytes.len().min(MAX_KEPT_BYTES - raw.text.len());
    raw.text.extend_from_slice(&bytes[..n_kept]);
}

fn too_long(n_bytes: u64) -> Refusal {
    Refusal {
        code: RefusalCode::Malformed,
        field: String::new(),
        got: format!("{n_bytes} bytes, of which the first {MAX_KEPT_BYTES} are kept here"),
        expected: format!("an event of at most {} bytes", wire::MAX_EVENT_BYTES),
        fix: "send fewer or shorter attributes".to_owned(),
    }
}

fn broken_off() -> Refusal {
    Refusal {
        code: RefusalCode::Malformed,
        field: String::new(),
        got: "the end of the text".to_owned(),
        expected: "more entries, or the ] of a JSON list".to_owned(),
        fix: "send the whole list again; entries that came whole are known then".to_owned(),
    }
}
