//! Files as streams of cells: CSV in any common encoding, Parquet, and spreadsheets.
//!
//! A file is first *probed* (what it really is, whatever its name says; its hash; its encoding), then opened as one or
//! more [`Input`]s (a workbook has several sheets), then streamed in [`Chunk`]s. Reading runs on its own thread, so
//! that decoding and building tables overlap.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use calamine::{Data, Reader as _};
use csv::ByteRecord;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use restock_core::Day;

use crate::ImportError;
use crate::date::day_of;
use crate::mapping::FormatHints;
use crate::tables;

/// Rows in one chunk.
const CHUNK_ROWS: usize = 16_384;
/// Columns of a sheet, A to XFD (ECMA-376).
const MAX_SHEET_COLUMNS: u32 = 16_384;
/// The most cells of the rectangle around the cells of a sheet, because all of it is held: a million rows of 32 columns.
/// Two cells at the corners of a sheet would be 17 billion.
const MAX_SHEET_CELLS: u64 = 32 * 1024 * 1024;

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Empty,
    Text(&'a [u8]),
    Whole(i64),
    Single(f32),
    Double(f64),
    Decimal(i128, u32),
    Flag(bool),
    Day(Day),
    /// Microseconds since 1970-01-01 on the clock of `zone` (empty when the file names none).
    Moment(i64, &'a str),
}

/// One column of a chunk.
#[derive(Debug)]
pub(crate) enum Column {
    /// Not read.
    Skipped,
    Text(StringArray),
    Dict(PrimitiveArray<Int32Type>, StringArray),
    Whole(PrimitiveArray<Int64Type>),
    Single(PrimitiveArray<Float32Type>),
    Double(PrimitiveArray<Float64Type>),
    Decimal(PrimitiveArray<Decimal128Type>, u32),
    Flag(arrow_array::BooleanArray),
    Day(PrimitiveArray<Date32Type>),
    Moment(PrimitiveArray<TimestampMicrosecondType>, String, i64),
    Sheet(Vec<Data>),
}

impl Column {
    #[inline]
    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Skipped => Cell::Empty,
            Self::Text(array) if array.is_valid(row) => text_cell(array.value(row).as_bytes()),
            Self::Dict(keys, values) if keys.is_valid(row) => {
                text_cell(values.value(keys.value(row) as usize).as_bytes())
            }
            Self::Whole(array) if array.is_valid(row) => Cell::Whole(array.value(row)),
            // Not-a-number is how data frames write an empty cell.
            Self::Single(array) if array.is_valid(row) && !array.value(row).is_nan() => Cell::Single(array.value(row)),
            Self::Double(array) if array.is_valid(row) && !array.value(row).is_nan() => Cell::Double(array.value(row)),
            Self::Decimal(array, scale) if array.is_valid(row) => Cell::Decimal(array.value(row), *scale),
            Self::Flag(array) if array.is_valid(row) => Cell::Flag(array.value(row)),
            Self::Day(array) if array.is_valid(row) => Cell::Day(Day(array.value(row))),
            Self::Moment(array, zone, shift) if array.is_valid(row) => {
                Cell::Moment(array.value(row).saturating_add(*shift), zone)
            }
            Self::Sheet(cells) => sheet_cell(&cells[row]),
            _ => Cell::Empty,
        }
    }
}

fn text_cell(text: &[u8]) -> Cell<'_> {
    let mut text = text.trim_ascii();
    // Blanks of other alphabets and invisible marks come with copied text; they must not make two ids of one.
    if let [first, .., last] = text
        && !(first.is_ascii() && last.is_ascii())
        && let Ok(wide) = std::str::from_utf8(text)
    {
        let is_blank = |character: char| character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}');
        text = wide.trim_matches(is_blank).as_bytes();
    }
    if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
}

fn sheet_cell(cell: &Data) -> Cell<'_> {
    match cell {
        Data::Empty => Cell::Empty,
        Data::Int(value) => Cell::Whole(*value),
        Data::Float(value) if value.is_nan() => Cell::Empty,
        Data::Float(value) => Cell::Double(*value),
        Data::Bool(value) => Cell::Flag(*value),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text_cell(text.as_bytes()),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            match day_of(i32::from(year), u32::from(month), u32::from(day)) {
                Some(date) if moment.is_datetime() => {
                    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
                    Cell::Moment((i64::from(date.0) * 86_400 + seconds) * 1_000_000, "")
                }
                _ => Cell::Double(moment.as_f64()),
            }
        }
        Data::Error(error) => Cell::Text(match error {
            calamine::CellErrorType::Div0 => b"#DIV/0!",
            calamine::CellErrorType::NA => b"#N/A",
            calamine::CellErrorType::Name => b"#NAME?",
            calamine::CellErrorType::Null => b"#NULL!",
            calamine::CellErrorType::Num => b"#NUM!",
            calamine::CellErrorType::Ref => b"#REF!",
            _ => b"#VALUE!",
        }),
    }
}

/// Rows that are read together.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Records and their row numbers; only the first `len` count. `broken` holds the index and the line of records
    /// whose quotation marks do not match.
    Csv { records: Vec<ByteRecord>, rows: Vec<u64>, len: usize, broken: Vec<(usize, String)> },
    /// Columns, the row number of the first, and the number of rows.
    Columns { columns: Vec<Column>, first_row: u64, len: usize },
}

impl Chunk {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Csv { len, .. } | Self::Columns { len, .. } => *len,
        }
    }

    #[inline]
    pub(crate) fn cell(&self, column: usize, row: usize) -> Cell<'_> {
        match self {
            Self::Csv { records, .. } => records[row].get(column).map_or(Cell::Empty, text_cell),
            Self::Columns { columns, .. } => columns[column].cell(row),
        }
    }

    /// A cell that holds an id or another text: without the apostrophe that keeps it from being a formula. Numbers are
    /// not read this way, because nobody writes them with one.
    #[inline]
    pub(crate) fn label(&self, column: usize, row: usize) -> Cell<'_> {
        match (self, self.cell(column, row)) {
            (Self::Csv { .. }, Cell::Text(text @ [b'\'', ..])) => Cell::Text(restock_core::formula::unguarded(text)),
            (_, cell) => cell,
        }
    }

    /// The row number as a spreadsheet counts.
    #[inline]
    pub(crate) fn row_number(&self, row: usize) -> u64 {
        match self {
            Self::Csv { rows, .. } => rows[row],
            Self::Columns { first_row, .. } => first_row + row as u64,
        }
    }

    /// The record of a CSV row.
    pub(crate) fn record(&self, row: usize) -> Option<&ByteRecord> {
        match self {
            Self::Csv { records, .. } => Some(&records[row]),
            Self::Columns { .. } => None,
        }
    }

    /// The line of a CSV row whose quotation marks do not match.
    pub(crate) fn broken_line(&self, row: usize) -> Option<&str> {
        match self {
            Self::Csv { broken, .. } => broken.iter().find(|(idx, _)| *idx == row).map(|(_, line)| line.as_str()),
            Self::Columns { .. } => None,
        }
    }

    /// The dictionary of a column, where it has one: the key of each row and the texts.
    pub(crate) fn dictionary(&self, column: usize) -> Option<(&PrimitiveArray<Int32Type>, &StringArray)> {
        match self {
            Self::Columns { columns, .. } => match &columns[column] {
                Column::Dict(keys, values) => Some((keys, values)),
                _ => None,
            },
            Self::Csv { .. } => None,
        }
    }
}

/// What a file really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Parquet,
    Workbook,
}

/// One table-shaped part of a file.
pub(crate) struct Input {
    /// File name for messages, with the sheet where there are several.
    pub file: String,
    /// File or sheet name that may name a table.
    pub stem: String,
    /// Header texts.
    pub headers: Vec<String>,
    /// Columns that cannot be read, such as lists.
    pub unreadable: Vec<bool>,
    /// Rows, where known beforehand.
    pub n_rows: Option<u64>,
    /// What was noticed when opening it.
    pub notes: Vec<String>,
    /// Whether day numbers of spreadsheets may occur.
    pub is_sheet: bool,
    /// Whether some cell holds a NUL byte.
    pub has_nul: bool,
    /// Rows above the header of a CSV file that were skipped.
    n_title_rows: u64,
    body: Body,
}

enum Body {
    Csv { text: CsvText, delimiter: u8 },
    Parquet { path: PathBuf },
    Sheet { rows: Vec<Vec<Data>>, first_row: u64 },
}

enum CsvText {
    /// UTF-8 on disk, after so many bytes.
    File(PathBuf, u64),
    /// Decoded.
    Memory(Vec<u8>),
}

/// A file that was probed.
pub(crate) struct Probed {
    pub path: PathBuf,
    /// File name for messages.
    pub name: String,
    /// BLAKE3 of the content.
    pub hash: blake3::Hash,
    pub n_bytes: u64,
    kind: Kind,
    is_utf8: bool,
    n_nul: u64,
    head: Vec<u8>,
}

/// Looks at a whole file once: hash, encoding, kind.
pub(crate) fn probe(path: &Path) -> Result<Probed, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0_u8; 1 << 20];
    let mut head = Vec::new();
    let (mut n_bytes, mut n_nul, mut is_utf8) = (0_u64, 0_u64, true);
    let mut carry: Vec<u8> = Vec::new();
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        if n == 0 {
            break;
        }
        let part = &buffer[..n];
        hasher.update(part);
        n_bytes += n as u64;
        if head.len() < 1 << 16 {
            head.extend_from_slice(&part[..n.min((1 << 16) - head.len())]);
        }
        let binary = head.starts_with(b"PAR1") || head.starts_with(b"PK\x03\x04");
        if !binary {
            n_nul += part.iter().filter(|&&byte| byte == 0).count() as u64;
            if is_utf8 {
                let whole;
                let text = if carry.is_empty() {
                    part
                } else {
                    carry.extend_from_slice(part);
                    whole = std::mem::take(&mut carry);
                    &whole[..]
                };
                match std::str::from_utf8(text) {
                    Ok(_) => {}
                    // A character cut by the buffer's end continues in the next part.
                    Err(error) if error.error_len().is_none() => carry = text[error.valid_up_to()..].to_vec(),
                    Err(_) => is_utf8 = false,
                }
            }
        }
    }
    is_utf8 &= carry.is_empty();
    let not_a_table = |reason: &str, fix: &str| {
        Err(ImportError::NotATable { file: name.clone(), reason: reason.to_owned(), fix: fix.to_owned() })
    };
    let kind = if head.starts_with(b"PAR1") {
        Kind::Parquet
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"\xd0\xcf\x11\xe0") {
        Kind::Workbook
    } else if head.starts_with(b"%PDF") {
        return not_a_table("its content is a PDF document", "export the table as CSV or XLSX");
    } else if head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return not_a_table("its content is compressed (gzip or zstd)", "unpack it first");
    } else if looks_like_markup(&head) {
        return not_a_table(
            "its content is a web page or XML, perhaps a login or error page saved under this name",
            "download the file again, or export the table as CSV or XLSX",
        );
    } else if head.trim_ascii_start().starts_with(b"{") || head.trim_ascii_start().starts_with(b"[{") {
        return not_a_table("its content is JSON", "export the table as CSV, Parquet or XLSX");
    } else if !is_utf16(&head) && n_nul * 20 > n_bytes {
        return not_a_table(
            "its content is binary, neither text nor Parquet nor a workbook",
            "check how the file was made",
        );
    } else {
        Kind::Text
    };
    Ok(Probed { path: path.to_owned(), name, hash: hasher.finalize(), n_bytes, kind, is_utf8, n_nul, head })
}

fn looks_like_markup(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    let lower: Vec<u8> = start.iter().take(15).map(u8::to_ascii_lowercase).collect();
    lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") || lower.starts_with(b"<?xml")
}

fn is_utf16(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    // Without a mark: digits, commas and line ends in UTF-16 have a zero in one of their two bytes, always the same one.
    let sample = &head[..head.len().min(512) & !1];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    sample.len() >= 8 && even.max(odd) * 6 > sample.len() && even.min(odd) * 20 <= sample.len()
}

/// Opens every table-shaped part of a file; an empty file has none.
pub(crate) fn open(probed: &Probed, sheet: Option<&str>, hints: &FormatHints) -> Result<Vec<Input>, ImportError> {
    if probed.n_bytes == 0 {
        return Ok(Vec::new());
    }
    let mut inputs = match probed.kind {
        Kind::Text => open_csv(probed, hints)?.into_iter().collect(),
        Kind::Parquet => vec![open_parquet(probed)?],
        Kind::Workbook => open_workbook(probed, sheet)?,
    };
    let extension =
        probed.path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    let (claimed, really) = match (extension.as_str(), probed.kind) {
        ("parquet" | "xlsx" | "xlsm" | "xls" | "ods", Kind::Text) => (true, "text"),
        ("csv" | "tsv" | "txt" | "xlsx" | "xlsm" | "xls" | "ods", Kind::Parquet) => (true, "Parquet"),
        ("csv" | "tsv" | "txt" | "parquet", Kind::Workbook) => (true, "a workbook"),
        _ => (false, ""),
    };
    if claimed && let Some(input) = inputs.first_mut() {
        input
            .notes
            .push(format!("{}: the name says {extension}, the content is {really} and was read as such", probed.name));
    }
    Ok(inputs)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Without blanks, marks and NUL bytes: headers become names of attributes, and those are written again.
fn header_text(raw: &str) -> String {
    let text = raw.replace('\0', "");
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}').to_owned()
}

// ---------------------------------------------------------------- CSV

fn open_csv(probed: &Probed, hints: &FormatHints) -> Result<Option<Input>, ImportError> {
    let mut notes = Vec::new();
    let io = |source| ImportError::Io { path: probed.path.clone(), source };
    let stated = match &hints.encoding {
        Some(label) => Some(encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            ImportError::Option(format!(
                "encoding is {label:?}, must be a label such as utf-8, gb18030 or windows-1252"
            ))
        })?),
        None => None,
    };
    let bom = encoding_rs::Encoding::for_bom(&probed.head);
    let encoding = match (stated, bom) {
        (Some(encoding), _) => Some(encoding),
        (None, Some((encoding, _))) if encoding != encoding_rs::UTF_8 => Some(encoding),
        (None, _) if is_utf16(&probed.head) => {
            let first_zero = probed.head.iter().position(|&byte| byte == 0).unwrap_or(1);
            Some(if first_zero % 2 == 0 { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE })
        }
        (None, _) if probed.is_utf8 => None,
        (None, _) => {
            let bytes = std::fs::read(&probed.path).map_err(io)?;
            let encoding = guess_encoding(&bytes);
            if encoding != encoding_rs::UTF_8 {
                notes.push(format!(
                    "{}: not UTF-8, read as {} (state encoding in the mapping file if names look wrong)",
                    probed.name,
                    encoding.name()
                ));
            }
            Some(encoding)
        }
    };
    let mut has_nul = probed.n_nul > 0;
    let (text, sample) = match encoding {
        Some(encoding) if encoding != encoding_rs::UTF_8 || !probed.is_utf8 => {
            let bytes = std::fs::read(&probed.path).map_err(io)?;
            let (decoded, used, had_errors) = encoding.decode(&bytes);
            if had_errors {
                notes.push(format!(
                    "{}: some bytes are not {}; they were read as the replacement character \u{fffd}",
                    probed.name,
                    used.name()
                ));
            }
            let decoded = decoded.into_owned().into_bytes();
            let decoded = decoded.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec).unwrap_or(decoded);
            has_nul = decoded.contains(&0);
            let sample = decoded[..decoded.len().min(1 << 16)].to_vec();
            (CsvText::Memory(decoded), sample)
        }
        _ => {
            let skip = if probed.head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            (CsvText::File(probed.path.clone(), skip), probed.head[skip as usize..].to_vec())
        }
    };
    // Spreadsheets may announce the delimiter on a line of its own.
    let mut announced = None;
    let mut skip_lines = 0;
    if sample.len() >= 5 && sample[..4].eq_ignore_ascii_case(b"sep=") {
        announced = Some(sample[4]);
        skip_lines = sample.iter().position(|&byte| byte == b'\n').map_or(sample.len(), |at| at + 1);
    }
    let text = match text {
        CsvText::File(path, skip) => CsvText::File(path, skip + skip_lines as u64),
        CsvText::Memory(bytes) => CsvText::Memory(bytes[skip_lines..].to_vec()),
    };
    let delimiter = match hints.delimiter {
        Some(delimiter) => u8::try_from(delimiter).map_err(|_| {
            ImportError::Option(format!("delimiter is {delimiter:?}, must be one ASCII character such as , or ;"))
        })?,
        None => announced.unwrap_or_else(|| guess_delimiter(&sample[skip_lines..])),
    };
    let mut reader = csv_reader(&text, delimiter).map_err(io)?;
    let mut record = ByteRecord::new();
    let found = reader.read_byte_record(&mut record).map_err(|error| csv_error(&probed.name, &error))?;
    if !found {
        return Ok(None);
    }
    let titles = title_rows(&mut reader, &mut record, &stem(&probed.path));
    let headers = header_texts(&record);
    drop(reader);
    let (text, n_title_rows) = match titles {
        None => (text, 0),
        Some(titles) => {
            notes.push(match titles.n_rows {
                1 => format!("{}: row 1 stands above the header and was skipped ({:?})", probed.name, titles.shown),
                n => format!(
                    "{}: rows 1 to {n} stand above the header and were skipped ({:?})",
                    probed.name, titles.shown
                ),
            });
            let text = match text {
                CsvText::File(path, skip) => CsvText::File(path, skip + titles.n_bytes),
                CsvText::Memory(bytes) => CsvText::Memory(bytes[titles.n_bytes as usize..].to_vec()),
            };
            skip_lines += titles.n_bytes as usize;
            (text, titles.n_rows)
        }
    };
    let sample = sample.get(skip_lines..).unwrap_or_default();
    if record.as_slice().contains(&b'\n') && quotes_are_broken(sample, delimiter, true) {
        return Err(ImportError::NotATable {
            file: probed.name.clone(),
            reason: "a quotation mark in its first row is not closed".to_owned(),
            fix: "close the quotation mark, or double it where it belongs to the text".to_owned(),
        });
    }
    Ok(Some(Input {
        file: probed.name.clone(),
        stem: stem(&probed.path),
        unreadable: vec![false; headers.len()],
        headers,
        n_rows: None,
        notes,
        is_sheet: false,
        has_nul,
        n_title_rows,
        body: Body::Csv { text, delimiter },
    }))
}

fn header_texts(record: &ByteRecord) -> Vec<String> {
    record.iter().map(|cell| header_text(&String::from_utf8_lossy(cell))).collect()
}

/// What stands above the header of a CSV file.
struct Titles {
    n_rows: u64,
    n_bytes: u64,
    /// The text of the first of them.
    shown: String,
}

/// Looks for a header below the first `record`, which becomes it; `None` (and `record` as it was) where the first record
/// is the header or nothing below is one. Titles have fewer cells than the header; a row is a header when a table known
/// by the file's name or by its columns finds all it requires in it.
fn title_rows(reader: &mut csv::Reader<Box<dyn ReadSeek + '_>>, record: &mut ByteRecord, stem: &str) -> Option<Titles> {
    const MOST_TITLES: usize = 10;
    let is_header = |record: &ByteRecord| tables::is_header(stem, &header_texts(record));
    let n_cells = |record: &ByteRecord| record.iter().filter(|cell| !cell.trim_ascii().is_empty()).count();
    if is_header(record) {
        return None;
    }
    let shown: Vec<String> = header_texts(record).into_iter().filter(|text| !text.is_empty()).collect();
    let mut most_cells = n_cells(record);
    let mut below = ByteRecord::new();
    for _ in 0..MOST_TITLES {
        let position = reader.position().clone();
        if !matches!(reader.read_byte_record(&mut below), Ok(true)) {
            return None;
        }
        if n_cells(&below) > most_cells && is_header(&below) {
            *record = below;
            return Some(Titles {
                n_rows: position.line() - 1,
                n_bytes: position.byte(),
                shown: shown.join(" ").chars().take(60).collect(),
            });
        }
        most_cells = most_cells.max(n_cells(&below));
    }
    None
}

fn csv_error(file: &str, error: &csv::Error) -> ImportError {
    ImportError::NotATable {
        file: file.to_owned(),
        reason: error.to_string(),
        fix: "check that the file is a delimited text table".to_owned(),
    }
}

/// A file or its decoded text.
trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

impl CsvText {
    /// Bytes before the header.
    fn skipped(&self) -> u64 {
        match self {
            Self::File(_, skip) => *skip,
            Self::Memory(_) => 0,
        }
    }

    /// The bytes from `from` to `to`, counted from the header.
    fn part(&self, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
        match self {
            Self::File(path, skip) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(from + skip))?;
                let mut bytes = Vec::new();
                file.take(to - from).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Memory(bytes) => Ok(bytes[from as usize..to as usize].to_vec()),
        }
    }
}

/// Whether the first record of `raw` has a quotation mark that is not closed, or text after a closing one.
///
/// A reader of CSV takes everything up to the next quotation mark for one cell, so such a mark swallows rows. `is_part`
/// says that more text follows `raw`.
fn quotes_are_broken(raw: &[u8], delimiter: u8, is_part: bool) -> bool {
    let (mut idx, mut at_start) = (0, true);
    while idx < raw.len() {
        let byte = raw[idx];
        if at_start && byte == b'"' {
            idx += 1;
            loop {
                match raw.get(idx) {
                    None => return !is_part,
                    Some(b'"') if raw.get(idx + 1) == Some(&b'"') => idx += 2,
                    Some(b'"') => break,
                    Some(_) => idx += 1,
                }
            }
            idx += 1;
            if raw.get(idx).is_some_and(|&next| next != delimiter && next != b'\r' && next != b'\n') {
                return true;
            }
            at_start = false;
            continue;
        }
        if byte == b'\n' || byte == b'\r' {
            return false;
        }
        at_start = byte == delimiter;
        idx += 1;
    }
    false
}

fn csv_reader(text: &CsvText, delimiter: u8) -> std::io::Result<csv::Reader<Box<dyn ReadSeek + '_>>> {
    let read: Box<dyn ReadSeek + '_> = match text {
        CsvText::File(path, skip) => {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(*skip))?;
            Box::new(file)
        }
        CsvText::Memory(bytes) => Box::new(Cursor::new(&bytes[..])),
    };
    Ok(csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(1 << 20)
        .from_reader(read))
}

/// GB18030 or Windows-1252, the two that are left when a text is not UTF-8, or UTF-8 with a few damaged bytes.
///
/// In Chinese text the bytes above 127 come in pairs of two such bytes; in Western text they stand alone between
/// letters.
fn guess_encoding(bytes: &[u8]) -> &'static encoding_rs::Encoding {
    let (mut n_characters, mut n_damaged) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        n_characters += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        n_damaged += usize::from(!chunk.invalid().is_empty());
    }
    if n_characters > 4 * n_damaged {
        return encoding_rs::UTF_8;
    }
    let (mut pairs, mut singles, mut idx) = (0_u64, 0_u64, 0);
    while idx < bytes.len() {
        if bytes[idx] < 0x80 {
            idx += 1;
        } else if bytes.get(idx + 1).is_some_and(|&next| next >= 0xa1) && bytes[idx] >= 0xa1 {
            pairs += 1;
            idx += 2;
        } else {
            singles += 1;
            idx += 1;
        }
    }
    if pairs > 2 * singles { encoding_rs::GB18030 } else { encoding_rs::WINDOWS_1252 }
}

fn guess_delimiter(sample: &[u8]) -> u8 {
    const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut lines: Vec<[usize; 4]> = Vec::new();
    let mut counts = [0; 4];
    let (mut quoted, mut has_content) = (false, false);
    for &byte in sample {
        if byte == b'"' {
            quoted = !quoted;
        } else if (byte == b'\n' || byte == b'\r') && !quoted {
            if has_content {
                lines.push(counts);
            }
            (counts, has_content) = ([0; 4], false);
            if lines.len() == 32 {
                break;
            }
            continue;
        } else if !quoted && let Some(idx) = CANDIDATES.iter().position(|&candidate| candidate == byte) {
            counts[idx] += 1;
        }
        has_content = true;
    }
    if lines.is_empty() {
        lines.push(counts);
    }
    // A title above the header holds no delimiter.
    let header = lines.iter().find(|line| line.iter().any(|count| *count > 0)).copied().unwrap_or_default();
    // The delimiter occurs in the header and as often in most other lines.
    let same = |idx: usize| lines.iter().filter(|line| line[idx] == header[idx]).count();
    let best = (0..4).filter(|&idx| header[idx] > 0).max_by_key(|&idx| (same(idx), header[idx], 4 - idx));
    CANDIDATES[best.unwrap_or(0)]
}

// ---------------------------------------------------------------- Parquet

fn parquet_error(file: &str, error: impl std::fmt::Display) -> ImportError {
    ImportError::NotATable {
        file: file.to_owned(),
        reason: format!("its Parquet content cannot be read: {error}"),
        fix: "write the file again, or export it as CSV".to_owned(),
    }
}

/// The type a column is read as; `None` for types that are no cells.
fn cell_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value)
            if matches!(**value, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) =>
        {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        DataType::Dictionary(_, value) => cell_type(value)?,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        // Beyond i64 an id would be cut; twenty digits hold every value.
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 | DataType::Float32 => DataType::Float32,
        DataType::Float64 => DataType::Float64,
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale)
            if *scale >= 0 =>
        {
            DataType::Decimal128(38, *scale)
        }
        DataType::Boolean => DataType::Boolean,
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => return None,
    })
}

fn open_parquet(probed: &Probed) -> Result<Input, ImportError> {
    let file = File::open(&probed.path).map_err(|source| ImportError::Io { path: probed.path.clone(), source })?;
    let builder = caught(|| ParquetRecordBatchReaderBuilder::try_new(file))
        .map_err(|error| parquet_error(&probed.name, error))?
        .map_err(|error| parquet_error(&probed.name, error))?;
    let schema = builder.schema();
    let n_rows = builder.metadata().file_metadata().num_rows();
    Ok(Input {
        file: probed.name.clone(),
        stem: stem(&probed.path),
        headers: schema.fields().iter().map(|field| header_text(field.name())).collect(),
        unreadable: schema.fields().iter().map(|field| cell_type(field.data_type()).is_none()).collect(),
        n_rows: u64::try_from(n_rows).ok(),
        notes: Vec::new(),
        is_sheet: false,
        has_nul: false,
        n_title_rows: 0,
        body: Body::Parquet { path: probed.path.clone() },
    })
}

fn column_of(array: &ArrayRef) -> Result<Column, String> {
    let Some(wanted) = cell_type(array.data_type()) else { return Ok(Column::Skipped) };
    let array = if array.data_type() == &wanted {
        array.clone()
    } else {
        arrow_cast::cast(array, &wanted).map_err(|error| error.to_string())?
    };
    Ok(match &wanted {
        DataType::Utf8 => Column::Text(array.as_string::<i32>().clone()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            Column::Dict(dictionary.keys().clone(), dictionary.values().as_string::<i32>().clone())
        }
        DataType::Int64 => Column::Whole(array.as_primitive::<Int64Type>().clone()),
        DataType::Float32 => Column::Single(array.as_primitive::<Float32Type>().clone()),
        DataType::Float64 => Column::Double(array.as_primitive::<Float64Type>().clone()),
        DataType::Decimal128(_, scale) => {
            Column::Decimal(array.as_primitive::<Decimal128Type>().clone(), scale.unsigned_abs().into())
        }
        DataType::Boolean => Column::Flag(array.as_boolean().clone()),
        DataType::Date32 => Column::Day(array.as_primitive::<Date32Type>().clone()),
        DataType::Timestamp(_, zone) => {
            let (name, shift) = match zone.as_deref() {
                None => (String::new(), 0),
                Some(zone) => {
                    fixed_offset(zone).map_or_else(|| ("UTC".to_owned(), 0), |shift| (zone.to_owned(), shift))
                }
            };
            Column::Moment(array.as_primitive::<TimestampMicrosecondType>().clone(), name, shift)
        }
        _ => Column::Skipped,
    })
}

/// Microseconds of an offset such as `+08:00`; instants in a Parquet file are stored in UTC.
fn fixed_offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?) * 60_000_000)
}

// ---------------------------------------------------------------- workbooks

fn open_workbook(probed: &Probed, wanted_sheet: Option<&str>) -> Result<Vec<Input>, ImportError> {
    let wrong = |error: &dyn std::fmt::Display| ImportError::NotATable {
        file: probed.name.clone(),
        reason: format!("it cannot be read as a workbook: {error}"),
        fix: "save it again as XLSX, or export the sheet as CSV".to_owned(),
    };
    let bytes = std::fs::read(&probed.path).map_err(|source| ImportError::Io { path: probed.path.clone(), source })?;
    let bytes: std::sync::Arc<[u8]> = bytes.into();
    let opened = caught(|| calamine::open_workbook_auto_from_rs(Cursor::new(bytes))).map_err(|error| wrong(&error))?;
    let mut workbook = opened.map_err(|error| wrong(&error))?;
    let names = workbook.sheet_names();
    if let Some(wanted) = wanted_sheet
        && !names.iter().any(|name| name == wanted)
    {
        return Err(ImportError::NotATable {
            file: probed.name.clone(),
            reason: format!("it has no sheet {wanted:?} (found: {})", names.join(", ")),
            fix: "correct sheet in the mapping file".to_owned(),
        });
    }
    let mut inputs = Vec::new();
    for name in names.iter().filter(|name| wanted_sheet.is_none_or(|wanted| wanted == *name)) {
        let range = caught(|| match &mut workbook {
            calamine::Sheets::Xlsx(book) => xlsx_range(book, name),
            other => other.worksheet_range(name).map_err(|error| error.to_string()),
        });
        let range = range.and_then(|range| range).map_err(|error| wrong(&error))?;
        let start_row = range.start().map_or(0, |(row, _)| u64::from(row));
        let mut rows: Vec<Vec<Data>> = range.rows().map(<[Data]>::to_vec).collect();
        let is_blank = |row: &Vec<Data>| row.iter().all(|cell| matches!(sheet_cell(cell), Cell::Empty));
        let Some(header_at) = rows.iter().position(|row| !is_blank(row)) else { continue };
        let headers: Vec<String> = rows[header_at].iter().map(|cell| header_text(&cell.to_string())).collect();
        rows.drain(..=header_at);
        while rows.last().is_some_and(is_blank) {
            rows.pop();
        }
        inputs.push(Input {
            file: if names.len() == 1 { probed.name.clone() } else { format!("{} [{name}]", probed.name) },
            stem: name.clone(),
            unreadable: vec![false; headers.len()],
            headers,
            n_rows: Some(rows.len() as u64),
            notes: Vec::new(),
            is_sheet: true,
            n_title_rows: 0,
            has_nul: false,
            // The header may stand below blank rows; data rows follow it.
            body: Body::Sheet { rows, first_row: start_row + header_at as u64 + 2 },
        });
    }
    // A workbook with one sheet goes by the file's name, unless the sheet's own name names a table.
    if let [input] = &mut inputs[..]
        && crate::tables::Table::from_file_name(&input.stem).is_none()
    {
        input.stem = stem(&probed.path);
    }
    Ok(inputs)
}

/// The cells of a sheet as a rectangle, where that is not too large.
fn xlsx_range<R: Read + Seek>(book: &mut calamine::Xlsx<R>, name: &str) -> Result<calamine::Range<Data>, String> {
    let mut reader = match book.worksheet_cells_reader(name) {
        Ok(reader) => reader,
        Err(calamine::XlsxError::NotAWorksheet(_)) => return Ok(calamine::Range::default()),
        Err(error) => return Err(error.to_string()),
    };
    let mut cells = Vec::new();
    let (mut rows, mut columns) = ((u32::MAX, 0), (u32::MAX, 0));
    while let Some(cell) = reader.next_cell().map_err(|error| error.to_string())? {
        let (row, column) = cell.get_position();
        let value = Data::from(cell.get_value().clone());
        if value != Data::Empty {
            rows = (rows.0.min(row), rows.1.max(row));
            columns = (columns.0.min(column), columns.1.max(column));
            cells.push(calamine::Cell::new((row, column), value));
        }
    }
    if !cells.is_empty() {
        let n_rows = u64::from(rows.1 - rows.0) + 1;
        let n_columns = u64::from(columns.1 - columns.0) + 1;
        // A column beyond the last that a spreadsheet has is damage: to read so many takes long.
        if columns.1 >= MAX_SHEET_COLUMNS {
            return Err(format!(
                "sheet {name:?} has a cell in column {}, a sheet has at most {MAX_SHEET_COLUMNS}: save it again",
                u64::from(columns.1) + 1
            ));
        }
        if n_rows.saturating_mul(n_columns) > MAX_SHEET_CELLS {
            return Err(format!(
                "sheet {name:?} has cells across {n_rows} rows and {n_columns} columns, at most {MAX_SHEET_CELLS} cells \
                 are supported; clear the stray cells far from the table"
            ));
        }
    }
    Ok(calamine::Range::from_sparse(cells))
}

/// What `read` gives. Readers of binary formats fail by panicking on some damaged files, and a file from outside must
/// not end the program.
fn caught<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).map_err(|_| "its content is damaged".to_owned())
}

// ---------------------------------------------------------------- streaming

/// What to do after a chunk.
pub(crate) enum Next {
    Continue,
    Stop,
}

impl Input {
    /// Streams the rows; `wanted` tells which columns are needed.
    pub(crate) fn for_each_chunk(
        &self,
        wanted: &[bool],
        handle: &mut dyn FnMut(&Chunk) -> Result<Next, ImportError>,
    ) -> Result<(), ImportError> {
        match &self.body {
            Body::Csv { text, delimiter } => self.stream_csv(text, *delimiter, handle),
            Body::Parquet { path } => self.stream_parquet(path, wanted, handle),
            Body::Sheet { rows, first_row } => {
                for (chunk_idx, part) in rows.chunks(CHUNK_ROWS).enumerate() {
                    let columns = (0..self.headers.len())
                        .map(|column| {
                            Column::Sheet(part.iter().map(|row| row.get(column).cloned().unwrap_or_default()).collect())
                        })
                        .collect();
                    let first_row = first_row + (chunk_idx * CHUNK_ROWS) as u64;
                    if let Next::Stop = handle(&Chunk::Columns { columns, first_row, len: part.len() })? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    fn stream_csv(
        &self,
        text: &CsvText,
        delimiter: u8,
        handle: &mut dyn FnMut(&Chunk) -> Result<Next, ImportError>,
    ) -> Result<(), ImportError> {
        let io = |source| ImportError::Io { path: PathBuf::from(&self.file), source };
        let mut reader = csv_reader(text, delimiter).map_err(io)?;
        let (send, receive) = sync_channel::<Result<Chunk, csv::Error>>(3);
        let (give_back, take_back) = std::sync::mpsc::channel::<Chunk>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut row_number = self.n_title_rows;
                let mut is_header = true;
                let mut line = reader.position().line();
                loop {
                    let mut chunk = match take_back.try_recv() {
                        Ok(chunk) => chunk,
                        Err(_) => Chunk::Csv {
                            records: (0..CHUNK_ROWS).map(|_| ByteRecord::new()).collect(),
                            rows: vec![0; CHUNK_ROWS],
                            len: 0,
                            broken: Vec::new(),
                        },
                    };
                    let Chunk::Csv { records, rows, len, broken } = &mut chunk else { unreachable!("CSV chunks only") };
                    *len = 0;
                    broken.clear();
                    while *len < CHUNK_ROWS {
                        let record = &mut records[*len];
                        let start = reader.position().byte();
                        match reader.read_byte_record(record) {
                            Ok(true) => {}
                            Ok(false) => break,
                            Err(error) => {
                                let _ = send.send(Err(error));
                                return;
                            }
                        }
                        // Blank lines count as rows; lines inside quotation marks do not.
                        let line_now = reader.position().line();
                        let consumed = line_now - line;
                        if consumed > 1 && !is_header && record.as_slice().contains(&b'\n') {
                            match self.recover(text, &mut reader, delimiter, (start, line), record.len()) {
                                Ok(Some((first_line, n_blank))) => {
                                    line += n_blank + 1;
                                    row_number += n_blank + 1;
                                    rows[*len] = row_number;
                                    broken.push((*len, first_line));
                                    *len += 1;
                                    continue;
                                }
                                Ok(None) => {}
                                Err(error) => {
                                    let _ = send.send(Err(error));
                                    return;
                                }
                            }
                        }
                        line = line_now;
                        row_number += if consumed > 1 {
                            let inner = record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
                            consumed.saturating_sub(inner).max(1)
                        } else {
                            1
                        };
                        if is_header {
                            is_header = false;
                            continue;
                        }
                        rows[*len] = row_number;
                        *len += 1;
                    }
                    let done = *len < CHUNK_ROWS;
                    if send.send(Ok(chunk)).is_err() || done {
                        return;
                    }
                }
            });
            while let Ok(chunk) = receive.recv() {
                let chunk = chunk.map_err(|error| csv_error(&self.file, &error))?;
                if chunk.len() > 0
                    && let Next::Stop = handle(&chunk)?
                {
                    break;
                }
                let _ = give_back.send(chunk);
            }
            drop(receive);
            Ok(())
        })
    }

    /// Where the quotation marks of the record just read do not match, or took so many lines together that the number
    /// of fields is wrong, goes back to the line after its first and
    /// returns that line and the number of blank lines before it, so that one bad row costs no other.
    fn recover(
        &self,
        text: &CsvText,
        reader: &mut csv::Reader<Box<dyn ReadSeek + '_>>,
        delimiter: u8,
        (start, line): (u64, u64),
        n_fields: usize,
    ) -> Result<Option<(String, u64)>, csv::Error> {
        let raw = text.part(start, reader.position().byte())?;
        let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let at = raw.iter().position(|byte| !is_break(byte)).unwrap_or(0);
        if n_fields == self.headers.len() && !quotes_are_broken(&raw[at..], delimiter, false) {
            return Ok(None);
        }
        let n_blank = raw[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
        let end = raw[at..].iter().position(|&byte| byte == b'\n').map_or(raw.len(), |len| at + len);
        let first_line = String::from_utf8_lossy(&raw[at..end]).trim_end().to_owned();
        let next = start + (end as u64 + 1).min(raw.len() as u64);
        let mut position = csv::Position::new();
        position.set_byte(next).set_line(line + n_blank + 1);
        reader.seek_raw(SeekFrom::Start(text.skipped() + next), position)?;
        Ok(Some((first_line, n_blank)))
    }

    fn stream_parquet(
        &self,
        path: &Path,
        wanted: &[bool],
        handle: &mut dyn FnMut(&Chunk) -> Result<Next, ImportError>,
    ) -> Result<(), ImportError> {
        let file = File::open(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
        let wrong = |error: &dyn std::fmt::Display| parquet_error(&self.file, error);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| wrong(&error))?;
        let roots: Vec<usize> =
            (0..self.headers.len()).filter(|&column| wanted[column] && !self.unreadable[column]).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
        let mut reader = caught(|| builder.with_projection(mask).with_batch_size(CHUNK_ROWS).build())
            .map_err(|error| wrong(&error))?
            .map_err(|error| wrong(&error))?;
        let (send, receive) = sync_channel::<Result<RecordBatch, String>>(4);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut next =
                    || caught(|| reader.next()).unwrap_or_else(|error| Some(Err(ArrowError::ParquetError(error))));
                while let Some(batch) = next() {
                    let failed = batch.is_err();
                    if send.send(batch.map_err(|error| error.to_string())).is_err() || failed {
                        return;
                    }
                }
            });
            let mut first_row = 2;
            while let Ok(batch) = receive.recv() {
                let batch = batch.map_err(|error| wrong(&error))?;
                let mut columns: Vec<Column> = (0..self.headers.len()).map(|_| Column::Skipped).collect();
                for (&root, array) in roots.iter().zip(batch.columns()) {
                    columns[root] =
                        caught(|| column_of(array)).and_then(|column| column).map_err(|error| wrong(&error))?;
                }
                let len = batch.num_rows();
                if let Next::Stop = handle(&Chunk::Columns { columns, first_row, len })? {
                    break;
                }
                first_row += len as u64;
            }
            drop(receive);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_found() {
        assert_eq!(guess_delimiter(b"a,b,c\n1,2,3\n"), b',');
        assert_eq!(guess_delimiter(b"a;b;c\n1,5;2,5;3,5\n"), b';');
        assert_eq!(guess_delimiter(b"a\tb\n\"x,y,z\"\t2\n"), b'\t');
        assert_eq!(guess_delimiter(b"only\n1\n"), b',');
        assert_eq!(guess_delimiter("名称|数量\n苹果|3\n".as_bytes()), b'|');
    }

    #[test]
    fn encodings_are_told_apart() {
        let (chinese, _, _) = encoding_rs::GB18030.encode("日期,商品编码,销量\n2026-03-02,苹果,3\n");
        assert_eq!(guess_encoding(&chinese), encoding_rs::GB18030);
        let (western, _, _) = encoding_rs::WINDOWS_1252.encode("date,article,quantité\n2026-03-02,Müller Käse,3\n");
        assert_eq!(guess_encoding(&western), encoding_rs::WINDOWS_1252);
    }
}
