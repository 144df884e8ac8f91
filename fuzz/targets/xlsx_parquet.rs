//! Workbooks and Parquet files. The first byte says what the rest is:
//!
//! - `p` and a letter: a Parquet file, as it is;
//! - `x` and a letter: a workbook, XLSX or XLS, as it is;
//! - another byte and a letter: the parts of an XLSX file with the marker [`SPLIT`] between: sheet, shared texts, styles,
//!   workbook. They are packed here, because a compressed archive with a checksum lets nothing through that was changed.
//!
//! The letter names the table. Errors are fine; panics, endless loops and huge allocations are not, and rows that were
//! accepted are written and read back unchanged.
#![no_main]

use std::cell::LazyCell;
use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use restock_fuzz::{Folder, table_of};
use restock_store::write::Format;
use zip::write::SimpleFileOptions;

/// Between the parts of a workbook.
const SPLIT: &[u8] = b"\n--\n";

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>"#;
const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const SHEETS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>"#;

thread_local! {
    static FOLDER: LazyCell<Folder> = const { LazyCell::new(Folder::new) };
}

/// Panics of the libraries that read these formats are caught by the import, so a panic alone does not end the fuzzer;
/// one that is not caught does. With `RESTOCK_FUZZ_TELL` set, each is printed.
fn only_tell() {
    std::panic::set_hook(Box::new(|panic| {
        if std::env::var_os("RESTOCK_FUZZ_TELL").is_some() {
            eprintln!("{panic}");
        }
    }));
}

fuzz_target!(init: only_tell(), |data: &[u8]| {
    let [form, letter, content @ ..] = data else { return };
    let table = table_of(*letter);
    let (name, content) = match form {
        b'p' => (format!("{table}.parquet"), content.to_vec()),
        b'x' => (format!("{table}.xlsx"), content.to_vec()),
        _ => (format!("{table}.xlsx"), packed(content)),
    };
    FOLDER.with(|folder| {
        if let Ok(import) = folder.import_one(&name, &content) {
            let format = if *form == b'p' { Format::Csv } else { Format::Parquet };
            folder.there_and_back(&import, format);
        }
    });
});

/// The parts of a workbook in an archive that is not compressed.
fn packed(parts: &[u8]) -> Vec<u8> {
    let mut rest = Some(parts);
    let mut next = || {
        let text = rest?;
        let end = text.windows(SPLIT.len()).position(|window| window == SPLIT);
        rest = end.map(|end| &text[end + SPLIT.len()..]);
        Some(&text[..end.unwrap_or(text.len())])
    };
    let [sheet, texts, styles, workbook] = [next(), next(), next(), next()];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: &str, part: Option<&[u8]>| {
        if let Some(part) = part {
            archive.start_file(name, options).expect("an archive in memory");
            archive.write_all(part).expect("an archive in memory");
        }
    };
    add("[Content_Types].xml", Some(TYPES.as_bytes()));
    add("_rels/.rels", Some(RELATIONS.as_bytes()));
    add("xl/_rels/workbook.xml.rels", Some(SHEETS.as_bytes()));
    add("xl/workbook.xml", Some(workbook.unwrap_or(WORKBOOK.as_bytes())));
    add("xl/worksheets/sheet1.xml", sheet);
    add("xl/sharedStrings.xml", texts);
    add("xl/styles.xml", styles);
    archive.finish().expect("an archive in memory").into_inner()
}
