//! `restock ingest`: events into the ledger of the project.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use jiff::Timestamp;
use restock_ledger::{Batch, Incoming, Ledger, Outcome, wire};
use serde_json::json;

use crate::cli::IngestArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::ledger::{explained, open};
use crate::project::Project;
use crate::session::{Output, Session};

/// Lines of one transaction: as many as make a commit cheap, and few enough to be seen as progress.
const N_LINES_PER_BATCH: usize = 1_000;

/// Quarantined entries that are printed; all of them stay in the ledger.
const N_SHOWN: usize = 10;

/// What became of the entries so far.
#[derive(Default)]
struct Counts {
    accepted: usize,
    duplicate: usize,
    quarantined: usize,
    /// Where it was, and why it was refused.
    refused: Vec<Refused>,
}

struct Refused {
    file: String,
    position: String,
    id: u64,
    reason: String,
}

pub(crate) fn run(session: &Session, args: &IngestArgs) -> Result<Output, CliError> {
    let dir = Project::folder_of(session)?;
    let mut ledger = open(&dir)?;
    let mut counts = Counts::default();
    let progress = session.progress(session.text(Text::Reading));
    for path in &args.files {
        let name = path.display().to_string();
        progress.say(&format!("{} {name}", session.text(Text::Reading)));
        if path == Path::new("-") {
            ingest_lines(&mut *ledger, &name, &mut BufReader::new(std::io::stdin().lock()), session.now, &mut counts)?;
            continue;
        }
        let fails = |error: std::io::Error| {
            CliError::usage(format!("cannot read {name}: {error}"))
                .hint("give files of events, a JSON object on each line, or - for standard input")
        };
        let mut file = std::fs::File::open(path).map_err(fails)?;
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(fails)?;
            // Some programs call lines of JSON a .json file.
            let is_one = serde_json::from_slice::<&serde_json::value::RawValue>(&bytes).is_ok();
            let entries = if is_one { wire::read_json(&bytes) } else { wire::read_ndjson(&bytes, 1) };
            append(&mut *ledger, &name, entries, session.now, &mut counts)?;
        } else {
            ingest_lines(&mut *ledger, &name, &mut BufReader::new(file), session.now, &mut counts)?;
        }
        progress.set((counts.accepted + counts.duplicate + counts.quarantined) as u64, 0);
    }
    drop(progress);
    let last_sequence = ledger.last_sequence().map_err(|error| explained(&error))?;
    let mut output = if session.json {
        let refused = counts.refused.iter().map(|Refused { file, position, id, reason }| {
            json!({ "file": file, "position": position, "quarantine_id": id, "reason": reason })
        });
        Output::json(&json!({
            "accepted": counts.accepted, "duplicate": counts.duplicate, "quarantined": counts.quarantined,
            "quarantine": refused.collect::<Vec<_>>(), "last_sequence": last_sequence,
        }))?
    } else {
        let number = |n: usize| format::count(n);
        let mut text = session.fill(
            Text::Ingested,
            &[&number(counts.accepted), &number(counts.duplicate), &number(counts.quarantined), &last_sequence],
        );
        text.push('\n');
        for Refused { file, position, id, reason } in counts.refused.iter().take(N_SHOWN) {
            let (word, reason) = (session.text(Text::QuarantineWord), session.said(reason));
            text.push_str(&format!("  · {word} {id} · {file} {position} · {reason}\n"));
        }
        if counts.refused.len() > N_SHOWN {
            let left = number(counts.refused.len() - N_SHOWN);
            text.push_str(&format!("{}\n", session.dim(&session.fill(Text::QuarantineMore, &[&left]))));
        }
        Output::text(text)
    };
    output.findings = counts.quarantined > 0;
    Ok(output)
}

/// Reads a stream of lines batch by batch: what is in the ledger when it is cut off stays, and may be sent again.
fn ingest_lines(
    ledger: &mut dyn Ledger,
    name: &str,
    input: &mut dyn BufRead,
    now: Timestamp,
    counts: &mut Counts,
) -> Result<(), CliError> {
    let cannot = |error: std::io::Error| CliError::usage(format!("cannot read {name}: {error}"));
    let first = input.fill_buf().map_err(cannot)?.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(cannot)?;
        return append(ledger, name, wire::read_json(&bytes), now, counts);
    }
    let (mut chunk, mut n_lines, mut first_line) = (Vec::new(), 0, 1);
    loop {
        let n_bytes = input.read_until(b'\n', &mut chunk).map_err(cannot)?;
        n_lines += usize::from(n_bytes > 0);
        let is_over = n_bytes == 0;
        if is_over || n_lines == N_LINES_PER_BATCH {
            append(ledger, name, wire::read_ndjson(&chunk, first_line), now, counts)?;
            first_line += n_lines as u64;
            chunk.clear();
            n_lines = 0;
        }
        if is_over {
            return Ok(());
        }
    }
}

fn append(
    ledger: &mut dyn Ledger,
    name: &str,
    entries: Vec<Incoming>,
    now: Timestamp,
    counts: &mut Counts,
) -> Result<(), CliError> {
    if entries.is_empty() {
        return Ok(());
    }
    let batch = Batch::new(entries, now);
    let outcomes = ledger.append(&batch).map_err(|error| explained(&error))?;
    for (entry, outcome) in batch.entries.iter().zip(outcomes) {
        let (id, reason) = match outcome {
            Outcome::Accepted { .. } => {
                counts.accepted += 1;
                continue;
            }
            Outcome::Duplicate { .. } => {
                counts.duplicate += 1;
                continue;
            }
            Outcome::Conflict { quarantine_id, sequence } => {
                (quarantine_id, format!("event {sequence} has the same source and id and says something else"))
            }
            Outcome::Quarantined { quarantine_id, reason } => (quarantine_id, reason.to_string()),
        };
        counts.quarantined += 1;
        let position = entry.position.to_string();
        counts.refused.push(Refused { file: name.to_owned(), position, id, reason });
    }
    Ok(())
}
