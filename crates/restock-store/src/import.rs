//! The import: files to inputs, inputs to jobs, jobs to rows, rows to a finished dataset.

use std::collections::BTreeMap;
use std::path::PathBuf;

use restock_core::finding::in_singular;
use restock_core::time::Bucket;
use restock_core::{Day, RowError};

use crate::date::{self, DateReading, DateStyle, DateVerdict};
use crate::draft::Draft;
use crate::error::Ambiguity;
use crate::finish::finish;
use crate::job::{Bad, Job, Lookups, cell_text};
use crate::mapping::{FormatHints, Mapping, Names, TableMapping, matches_pattern};
use crate::number::{self, Mark, Reading, Verdict};
use crate::source::{self, Chunk, Input, Next, Probed};
use crate::tables::{self, Field, Table};
use crate::{Duplicates, Import, ImportError, ImportOptions, TableSummary};

/// See [`crate::import`].
pub(crate) fn import(
    sources: &[PathBuf],
    mapping: Option<&Mapping>,
    options: &ImportOptions,
    progress: &dyn Fn(&str, u64, Option<u64>),
) -> Result<Import, ImportError> {
    let mut import = Import::default();
    let mut hints = mapping.map(|mapping| mapping.format.clone()).unwrap_or_default();
    hints.decimal = options.decimal.or(hints.decimal);
    hints.date = options.date_format.clone().or(hints.date);

    let paths = list_files(sources, &mut import.notes)?;
    let mut probed = Vec::new();
    let ignored = mapping.map(|mapping| Names(mapping.ignore_files.clone())).unwrap_or_default();
    for path in &paths {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if fits_names(&ignored, &name) {
            import.notes.push(format!("{name} was left out, because the mapping says to ignore it"));
            continue;
        }
        progress(&name, 0, None);
        let file = source::probe(path)?;
        let twin = probed.iter().find(|other: &&Probed| other.hash == file.hash && file.n_bytes > 0);
        if let Some(twin) = twin {
            import.notes.push(format!("{} has the same content as {} and was read once", file.name, twin.name));
            continue;
        }
        probed.push(file);
    }
    import.hash = content_hash(&probed, mapping, options);

    let lookups = read_lookups(&probed, mapping, &hints)?;
    let duplicates = options.duplicates.or(mapping.and_then(|mapping| mapping.duplicates)).unwrap_or(Duplicates::Keep);
    let mut draft = Draft::default();
    draft.as_of = options.as_of;
    draft.today = options.today;
    let mut state = State { import, draft, options, duplicates, sales_columns: Vec::new() };
    let mut unmatched: Vec<&TableMapping> = mapping.map(|mapping| mapping.tables.iter().collect()).unwrap_or_default();
    let is_only_file = probed.len() == 1;
    // A file that was named by itself, not one that happens to be alone in its folder.
    let is_named_file = is_only_file && sources.len() == 1 && !sources[0].is_dir();
    for file in &probed {
        let mut entries: Vec<&TableMapping> = mapping
            .map(|mapping| mapping.tables.iter().filter(|entry| fits(entry, file, is_only_file)).collect())
            .unwrap_or_default();
        unmatched.retain(|entry| !entries.iter().any(|other| std::ptr::eq(*other, *entry)));
        // What was decided about this very file goes before what holds for many.
        if entries.iter().any(|entry| entry.is_of_one_file) {
            entries.retain(|entry| entry.is_of_one_file);
        }
        let sheet = entries.iter().find_map(|entry| entry.sheet.as_deref());
        let inputs = source::open(file, sheet, &hints)?;
        if inputs.is_empty() {
            state.import.notes.push(format!("{} is empty", file.name));
        }
        let is_only_input = is_only_file && inputs.len() == 1;
        for input in inputs {
            state.import.notes.extend(input.notes.iter().cloned());
            let only = Only { input: is_only_input, named: is_only_input && is_named_file };
            let jobs = find_jobs(&input, mapping, &entries, &lookups, &hints, only, &mut state.import.notes)?;
            if !jobs.is_empty() {
                state.read_input(&input, jobs, progress)?;
            }
        }
    }
    if let Some(mapping) = mapping {
        if unmatched.len() == mapping.tables.len() && !mapping.tables.is_empty() && !probed.is_empty() {
            let mut patterns: Vec<String> = unmatched.iter().flat_map(|entry| entry.file.0.clone()).collect();
            patterns.sort_unstable();
            patterns.dedup();
            let files: Vec<&str> = probed.iter().map(|file| file.name.as_str()).collect();
            return Err(ImportError::Mapping {
                file: mapping.file.clone(),
                message: format!("no file fits its patterns {} (files: {})", patterns.join(", "), files.join(", ")),
            });
        }
        for entry in unmatched {
            let file = entry.file.shown();
            let note = format!("table {} of the mapping was not read: no file {file} was given", entry.table);
            if !state.import.notes.contains(&note) {
                state.import.notes.push(note);
            }
        }
    }
    let State { mut import, draft, .. } = state;
    if let (Some(as_of), Some(first_day)) = (options.as_of, draft.dataset.facts.first_later_sale)
        && draft.dataset.sales.is_empty()
    {
        return Err(ImportError::NoHistory { as_of, first_day });
    }

    let n_accepted: u64 = import.tables.iter().map(|table| table.n_accepted).sum();
    if n_accepted == 0 {
        if import.n_row_errors > 0 {
            import.row_errors.truncate(10);
            return Err(ImportError::NoRowAccepted { n_row_errors: import.n_row_errors, first: import.row_errors });
        }
        return Err(ImportError::NothingToImport {
            sources: sources.iter().map(|path| path.display().to_string()).collect(),
        });
    }
    if options.strict && import.n_row_errors > 0 {
        import.row_errors.truncate(10);
        return Err(ImportError::Strict { n_row_errors: import.n_row_errors, first: import.row_errors });
    }
    if let Some(mapping) = mapping {
        import.settings = mapping.settings.clone();
    }
    finish(&mut import, draft, duplicates);
    import.notes.iter_mut().for_each(|note| *note = in_singular(note));
    import.bucket = match import.settings.get("bucket").and_then(toml::Value::as_str) {
        Some("day") => None,
        Some("week") => Some(Bucket::Week),
        Some("month") => Some(Bucket::Month),
        _ => guess_bucket(&mut import),
    };
    Ok(import)
}

/// Dates that are all first days of months, or all the same weekday, tell the planning period.
fn guess_bucket(import: &mut Import) -> Option<Bucket> {
    let mut days: Vec<Day> = import.dataset.sales.day.clone();
    days.sort_unstable();
    days.dedup();
    if days.len() < 3 {
        return None;
    }
    let (bucket, name) = if days.iter().all(|day| day.to_date().day() == 1) {
        (Bucket::Month, "monthly")
    } else if days.iter().all(|day| day.weekday_idx() == days[0].weekday_idx()) {
        (Bucket::Week, "weekly")
    } else {
        return None;
    };
    import.notes.push(format!("sales are {name}: every date is the first day of its period"));
    Some(bucket)
}

fn content_hash(probed: &[Probed], mapping: Option<&Mapping>, options: &ImportOptions) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut files: Vec<(&str, &blake3::Hash)> = probed.iter().map(|file| (file.name.as_str(), &file.hash)).collect();
    files.sort_unstable_by(|a, b| a.0.cmp(b.0).then_with(|| a.1.as_bytes().cmp(b.1.as_bytes())));
    for (name, hash) in files {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(hash.as_bytes());
    }
    hasher.update(mapping.map_or("", |mapping| &mapping.text).as_bytes());
    hasher.update(format!("{:?} {:?} {:?}", options.decimal, options.date_format, options.duplicates).as_bytes());
    if let Some(as_of) = options.as_of {
        hasher.update(as_of.to_string().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

pub(crate) fn list_files(sources: &[PathBuf], notes: &mut Vec<String>) -> Result<Vec<PathBuf>, ImportError> {
    const EXTENSIONS: [&str; 9] = ["csv", "tsv", "txt", "parquet", "pq", "xlsx", "xlsm", "xls", "ods"];
    let mut files = Vec::new();
    for source in sources {
        let io = |error| ImportError::Io { path: source.clone(), source: error };
        if !std::fs::metadata(source).map_err(io)?.is_dir() {
            files.push(source.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(source).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let extension =
                path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
            // "~$" marks the lock file of an open workbook.
            if !path.is_file() || name.starts_with('.') || name.starts_with("~$") {
                continue;
            }
            if EXTENSIONS.contains(&extension.as_str()) && !name.to_lowercase().starts_with("readme") {
                inside.push(path);
            } else if !matches!(extension.as_str(), "toml" | "md") {
                notes.push(format!("{name} is no CSV, Parquet or XLSX file and was left out"));
            }
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// Whether a mapping entry is about this file.
fn fits(entry: &TableMapping, file: &Probed, is_only_file: bool) -> bool {
    if entry.file.0.is_empty() {
        return is_only_file
            || Table::from_file_name(&file.path.file_stem().map(|s| s.to_string_lossy()).unwrap_or_default())
                .is_some_and(|table| table.name() == entry.table);
    }
    fits_names(&entry.file, &file.name)
}

fn fits_names(patterns: &Names, name: &str) -> bool {
    patterns.0.iter().any(|pattern| matches_pattern(pattern, name))
}

/// Reads the files that expressions look values up in.
fn read_lookups(probed: &[Probed], mapping: Option<&Mapping>, hints: &FormatHints) -> Result<Lookups, ImportError> {
    let mut lookups = Lookups::new();
    let Some(mapping) = mapping else { return Ok(lookups) };
    let wrong = |message: String| ImportError::Mapping { file: mapping.file.clone(), message };
    for entry in &mapping.tables {
        // A table that is not read needs no lookup.
        if !probed.iter().any(|file| fits(entry, file, probed.len() == 1)) {
            continue;
        }
        for lookup in entry.columns.values().filter_map(|expression| expression.lookup.as_ref()) {
            if lookups.iter().any(|(known, _)| known == lookup) {
                continue;
            }
            let file = probed.iter().find(|file| fits_names(&lookup.file, &file.name)).ok_or_else(|| {
                wrong(format!("table {}: no file {} to look {} up in", entry.table, lookup.file.shown(), lookup.value))
            })?;
            let mut values = BTreeMap::new();
            for input in source::open(file, None, hints)? {
                let column = |name: &String| {
                    input.headers.iter().position(|header| header == name).ok_or_else(|| {
                        let found = input.headers.join(", ");
                        wrong(format!("lookup: {} has no column {name:?} (found: {found})", input.file))
                    })
                };
                let (key, value) = (column(&lookup.key)?, column(&lookup.value)?);
                let wanted: Vec<bool> = (0..input.headers.len()).map(|idx| idx == key || idx == value).collect();
                input.for_each_chunk(&wanted, &mut |chunk| {
                    for row in 0..chunk.len() {
                        let (key, value) = (cell_text(chunk.cell(key, row)), cell_text(chunk.cell(value, row)));
                        if let (Some(key), Some(value)) = (key, value) {
                            values.entry(key.into_owned()).or_insert_with(|| value.into_owned());
                        }
                    }
                    Ok(Next::Continue)
                })?;
            }
            lookups.push((lookup.clone(), values));
        }
    }
    Ok(lookups)
}

/// Whether an input is all there is to read.
#[derive(Clone, Copy)]
struct Only {
    /// There is no other file or sheet.
    input: bool,
    /// And its file was named by itself, not found in a folder.
    named: bool,
}

/// What tells the table of an input.
pub(crate) struct Recognised {
    /// Its name, that of the file or of the sheet.
    pub(crate) by_name: Option<Table>,
    /// Its columns.
    pub(crate) by_columns: Option<Table>,
}

/// Which table an input is by its name, and which by its columns.
pub(crate) fn recognise(input: &Input) -> Recognised {
    // A count sheet is one whatever it is called: "Store 12 counts" is no table of stores.
    let by_name = if tables::is_count_sheet(&input.headers) {
        Some(Table::Inventory)
    } else {
        Table::from_file_name(&input.stem)
    };
    Recognised { by_name, by_columns: tables::guess(&input.headers) }
}

/// Which tables an input holds.
fn find_jobs(
    input: &Input,
    mapping: Option<&Mapping>,
    entries: &[&TableMapping],
    lookups: &Lookups,
    hints: &FormatHints,
    only: Only,
    notes: &mut Vec<String>,
) -> Result<Vec<Job>, ImportError> {
    let mut jobs = Vec::new();
    for entry in entries {
        let table = Table::from_name(&entry.table).ok_or_else(|| ImportError::Mapping {
            file: mapping.map_or_else(String::new, |mapping| mapping.file.clone()),
            message: format!(
                "table is {:?}, must be one of {}",
                entry.table,
                tables::TABLES.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
            ),
        })?;
        // A sheet that no entry asks for is not this table.
        if entry
            .sheet
            .as_ref()
            .is_some_and(|sheet| input.is_sheet && !input.file.ends_with(&format!("[{sheet}]")) && *sheet != input.stem)
        {
            continue;
        }
        let mut job = Job::new(table, input, mapping, Some(entry), lookups, hints)?;
        job.idx = jobs.len();
        jobs.push(job);
    }
    if !jobs.is_empty() {
        return Ok(jobs);
    }
    let Recognised { by_name, by_columns } = recognise(input);
    let table = match (by_name, by_columns) {
        // Somebody who names one file wants its sales planned, whatever it is called.
        (Some(named), Some(Table::Sales)) if only.named && named != Table::Sales => {
            notes.push(format!(
                "{} was read as sales, judging by its columns; in a folder its name makes it the table {}",
                input.file,
                named.name()
            ));
            Some(Table::Sales)
        }
        (Some(table), _) => Some(table),
        (None, Some(table)) => {
            if !(only.input && table == Table::Sales) {
                notes.push(format!("{} was read as {}, judging by its columns", input.file, table.name()));
            }
            Some(table)
        }
        (None, None) if only.input => Some(Table::Sales),
        (None, None) => None,
    };
    let Some(table) = table else {
        notes.push(format!(
            "{} was left out: neither its name nor its columns ({}) tell which table it is",
            input.file,
            input.headers.join(", ")
        ));
        return Ok(Vec::new());
    };
    Ok(vec![Job::new(table, input, mapping, None, lookups, hints)?])
}

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub accepted: u64,
    /// Copies left out.
    pub duplicates: u64,
    /// Left out by a filter.
    pub filtered: u64,
    /// Not yet known on the day looked back from.
    pub later: u64,
    pub rejected: u64,
}

/// What one pass over an input gave.
#[derive(Default)]
struct Pass {
    errors: Vec<RowError>,
    n_errors: u64,
    n_rows: u64,
    counts: Vec<Counts>,
    /// Errors by job and column, for the trial on the first rows.
    by_column: Vec<(usize, String, u64)>,
}

struct State<'a> {
    import: Import,
    draft: Draft,
    options: &'a ImportOptions,
    duplicates: Duplicates,
    /// How the sales of each file were recognised.
    sales_columns: Vec<String>,
}

impl State<'_> {
    fn read_input(
        &mut self,
        input: &Input,
        mut jobs: Vec<Job>,
        progress: &dyn Fn(&str, u64, Option<u64>),
    ) -> Result<(), ImportError> {
        let file_idx = u16::try_from(self.import.dataset.files.len())
            .map_err(|_| ImportError::Option("more than 65,535 files; join them first".to_owned()))?;
        self.import.dataset.files.push(input.file.clone());
        self.draft.start_file();
        let mark = self.draft.mark();
        let quiet = |_: &str, _: u64, _: Option<u64>| {};

        // A trial on the first rows finds the usual styles, and optional columns that are not what their header says.
        let mut trial = self.pass(input, &mut jobs, file_idx, true, &quiet)?;
        self.draft.rewind(&mark, file_idx);
        // A row ends at its first bad cell, so each trial may reveal the style of one more column.
        let mut n_trials = jobs.iter().map(|job| job.active().count()).sum::<usize>();
        while self.adjust_styles(input, &mut jobs, false)? && n_trials > 0 {
            trial = self.pass(input, &mut jobs, file_idx, true, &quiet)?;
            self.draft.rewind(&mark, file_idx);
            n_trials -= 1;
        }
        self.drop_misread_columns(input, &mut jobs, &trial);
        self.drop_texts(input, &mut jobs);

        // A style decides which later cells are read, so one column after the other settles, each in one pass.
        let max_passes = 2 + jobs.iter().map(|job| job.active().count()).sum::<usize>();
        let mut n_passes = 0;
        let pass = loop {
            jobs.iter_mut().for_each(|job| job.all_plans_mut().for_each(crate::job::Plan::restart));
            let pass = self.pass(input, &mut jobs, file_idx, false, progress)?;
            n_passes += 1;
            // The whole column has spoken; where the first rows misled us, read again.
            if !self.adjust_styles(input, &mut jobs, true)? {
                break pass;
            }
            if n_passes > max_passes {
                return Err(ImportError::NotATable {
                    file: input.file.clone(),
                    reason: "its columns contradict each other about decimal marks or the order of day and month"
                        .to_owned(),
                    fix: "state decimal and date in the mapping file".to_owned(),
                });
            }
            self.draft.rewind(&mark, file_idx);
        };
        if let Some(plan) = jobs.iter().flat_map(Job::all_plans).find(|plan| plan.shares.is_mixed()) {
            return Err(mixed_shares(input, plan));
        }
        self.conclude(input, &jobs, pass);
        Ok(())
    }

    fn pass(
        &mut self,
        input: &Input,
        jobs: &mut [Job],
        file_idx: u16,
        is_trial: bool,
        progress: &dyn Fn(&str, u64, Option<u64>),
    ) -> Result<Pass, ImportError> {
        let mut wanted = vec![false; input.headers.len()];
        let drops_copies = self.duplicates == Duplicates::Drop;
        for job in jobs.iter_mut() {
            job.is_trial = is_trial;
            job.mark_wanted(&mut wanted, drops_copies);
        }
        let mut pass = Pass { counts: vec![Counts::default(); jobs.len()], ..Pass::default() };
        let max_errors = self.options.max_row_errors.saturating_sub(self.import.row_errors.len());
        let draft = &mut self.draft;
        let mut skip: Vec<bool> = Vec::new();
        input.for_each_chunk(&wanted, &mut |chunk| {
            skip.clear();
            let n_rejected_before = pass.n_errors;
            if let Chunk::Csv { .. } = chunk {
                skip_malformed(input, chunk, &mut skip, &mut |row, bad| {
                    pass.n_errors += 1;
                    pass.counts.iter_mut().for_each(|counts| counts.rejected += 1);
                    if pass.errors.len() < max_errors {
                        pass.errors.push(row_error(input, row, *bad));
                    }
                });
            } else if input.is_sheet {
                let n_columns = input.headers.len();
                skip.extend(
                    (0..chunk.len())
                        .map(|row| (0..n_columns).all(|column| chunk.cell(column, row) == source::Cell::Empty)),
                );
            }
            let n_skipped = skip.iter().filter(|&&skip| skip).count() as u64;
            pass.n_rows += chunk.len() as u64 - n_skipped + (pass.n_errors - n_rejected_before);
            for (job_idx, job) in jobs.iter_mut().enumerate() {
                let (errors, n_errors, by_column) = (&mut pass.errors, &mut pass.n_errors, &mut pass.by_column);
                let mut n_rejected = 0;
                let counts = draft.take_chunk(job, chunk, file_idx, &skip, &mut |row, bad| {
                    n_rejected += 1;
                    *n_errors += 1;
                    if is_trial {
                        match by_column.iter_mut().find(|(idx, column, _)| *idx == job_idx && *column == bad.column) {
                            Some((_, _, count)) => *count += 1,
                            None => by_column.push((job_idx, bad.column.clone(), 1)),
                        }
                    }
                    if errors.len() < max_errors {
                        errors.push(row_error(input, row, *bad));
                    }
                });
                pass.counts[job_idx].accepted += counts.accepted;
                pass.counts[job_idx].duplicates += counts.duplicates;
                pass.counts[job_idx].filtered += counts.filtered;
                pass.counts[job_idx].later += counts.later;
                pass.counts[job_idx].rejected += n_rejected;
            }
            progress(&input.file, pass.n_rows, input.n_rows);
            Ok(if is_trial { Next::Stop } else { Next::Continue })
        })?;
        Ok(pass)
    }

    /// Sets decimal marks and date orders by what was seen; `true` where something changed. At the end, what stays open
    /// is refused.
    fn adjust_styles(&mut self, input: &Input, jobs: &mut [Job], is_final: bool) -> Result<bool, ImportError> {
        let mut changed = false;
        // One program wrote the file: a column that is open follows the others if they agree.
        let known: Vec<Mark> = jobs
            .iter()
            .flat_map(Job::all_plans)
            .filter(|plan| plan.numbers.n_point + plan.numbers.n_comma > 0)
            .filter_map(|plan| match plan.numbers.verdict() {
                Verdict::Known(mark, false) => Some(mark),
                _ => None,
            })
            .collect();
        let agreed = known.first().filter(|first| known.iter().all(|mark| mark == *first)).copied();
        let known_orders: Vec<bool> = jobs
            .iter()
            .flat_map(Job::all_plans)
            .filter(|plan| plan.dates.n_dmy + plan.dates.n_mdy > 0)
            .filter_map(|plan| match plan.dates.verdict() {
                DateVerdict::Known(month_first, false) => Some(month_first),
                _ => None,
            })
            .collect();
        let agreed_order =
            known_orders.first().filter(|first| known_orders.iter().all(|order| order == *first)).copied();
        for job in jobs.iter_mut() {
            // Sensors write no thousands: 1.234 kg is no ton.
            let is_of_machines = job.table == Table::Readings;
            for plan in job.all_plans_mut() {
                let (mark, refuse) = match plan.numbers.verdict() {
                    Verdict::Known(mark, refuse) => (mark, refuse),
                    Verdict::Open if let Some(mark) = agreed => (mark, false),
                    Verdict::Open if is_of_machines && let Some(mark) = plan.numbers.mark_of_machines() => {
                        (mark, false)
                    }
                    verdict @ (Verdict::Open | Verdict::Mixed) => {
                        if is_final {
                            return Err(ambiguous_numbers(input, &plan.header, &plan.numbers, verdict));
                        }
                        continue;
                    }
                };
                if plan.numbers.verdict() == Verdict::Open && is_final && !plan.numbers.fixed {
                    let text = match mark {
                        Mark::Point => "decimal points (so commas divide thousands)",
                        Mark::Comma => "decimal commas (so points divide thousands)",
                    };
                    let why = if agreed.is_some() { "like the other columns of the file" } else { "as sensors write" };
                    self.import.notes.push(format!(
                        "{}: column {:?} alone could be read in two ways; it was read with {text}, {why}",
                        input.file, plan.header
                    ));
                    plan.numbers.fixed = true;
                }
                if (plan.numbers.mark, plan.numbers.refuse_either) != (mark, refuse) {
                    changed |= plan.numbers.n_point + plan.numbers.n_comma + plan.numbers.n_either > 0;
                    (plan.numbers.mark, plan.numbers.refuse_either) = (mark, refuse);
                }
                let (month_first, refuse) = match plan.dates.verdict() {
                    DateVerdict::Known(month_first, refuse) => (month_first, refuse),
                    DateVerdict::Open if let Some(month_first) = agreed_order => (month_first, false),
                    verdict => {
                        if is_final {
                            return Err(ambiguous_dates(input, &plan.header, &plan.dates, verdict));
                        }
                        continue;
                    }
                };
                let style = if month_first { DateStyle::MonthFirst } else { DateStyle::DayFirst };
                if !matches!(plan.dates.style, DateStyle::Format(_))
                    && (&plan.dates.style, plan.dates.refuse_either) != (&style, refuse)
                {
                    changed |= plan.dates.n_dmy + plan.dates.n_mdy + plan.dates.n_either > 0;
                    (plan.dates.style, plan.dates.refuse_either) = (style, refuse);
                }
            }
        }
        Ok(changed)
    }

    /// Columns of a wide signals table that hold texts are no signals.
    fn drop_texts(&mut self, input: &Input, jobs: &mut [Job]) {
        for job in jobs.iter_mut().filter(|job| job.is_wide_signals()) {
            for (plan, ..) in job.wide.extract_if(.., |(_, n_numbers, n_texts)| *n_texts > *n_numbers) {
                self.import.notes.push(format!(
                    "{}: column {:?} was not taken as a signal, because most of its cells are no numbers",
                    input.file, plan.header
                ));
            }
        }
    }

    /// A column found by its header whose cells are mostly something else is left alone.
    fn drop_misread_columns(&mut self, input: &Input, jobs: &mut [Job], trial: &Pass) {
        for (job_idx, job) in jobs.iter_mut().enumerate() {
            let doubtful: Vec<(Field, String, String)> = job
                .active()
                .filter(|plan| !plan.explicit)
                .filter(|plan| !job.spec.fields.iter().any(|field| field.field == plan.field && field.required))
                .filter(|plan| {
                    let n_errors = trial
                        .by_column
                        .iter()
                        .find(|(idx, column, _)| *idx == job_idx && *column == plan.header)
                        .map_or(0, |(_, _, count)| *count);
                    n_errors >= 10 && n_errors * 2 > trial.n_rows
                })
                .map(|plan| (plan.field, plan.name.to_owned(), plan.header.clone()))
                .collect();
            for (field, name, header) in doubtful {
                let example = trial
                    .errors
                    .iter()
                    .find(|error| error.column == header)
                    .map(|error| format!(" ({:?} is not {})", error.value, error.expected))
                    .unwrap_or_default();
                self.import.notes.push(format!(
                    "{}: column {header:?} was not taken as {name}, because most of its cells are something else{example}",
                    input.file
                ));
                job.drop_field(field);
            }
        }
    }

    fn conclude(&mut self, input: &Input, jobs: &[Job], mut pass: Pass) {
        // Rows of a wrong shape are found before cells are read.
        pass.errors.sort_by_key(|error| error.row);
        self.import.row_errors.extend(pass.errors);
        self.import.n_row_errors += usize::try_from(pass.n_errors).unwrap_or(usize::MAX);
        for (job_idx, (job, counts)) in jobs.iter().zip(pass.counts).enumerate() {
            let (n_accepted, n_filtered) = (counts.accepted, counts.filtered);
            self.import.notes.extend(job.notes.iter().cloned());
            for plan in job.all_plans() {
                if plan.n_rounded > 0 {
                    self.import.notes.push(format!(
                        "{}: {} values of column {:?} have more decimals than are kept and were rounded, first in row {}",
                        input.file,
                        thousands(plan.n_rounded),
                        plan.header,
                        plan.first_rounded
                    ));
                }
                if plan.n_serials > 0 {
                    self.import.notes.push(format!(
                        "{}: {} cells of column {:?} are day numbers of a spreadsheet and were read as dates (calendar of 1900)",
                        input.file,
                        thousands(plan.n_serials),
                        plan.header
                    ));
                }
                if plan.dates.n_dmy + plan.dates.n_mdy + plan.dates.n_either > 0 && !plan.dates.fixed {
                    let order =
                        if plan.dates.style == DateStyle::MonthFirst { "month/day/year" } else { "day/month/year" };
                    self.import
                        .notes
                        .push(format!("{}: dates of column {:?} were read as {order}", input.file, plan.header));
                }
                if plan.numbers.mark == Mark::Comma {
                    self.import
                        .notes
                        .push(format!("{}: column {:?} was read with decimal commas", input.file, plan.header));
                }
                if job.table == Table::Sales {
                    let offsets = &mut self.draft.dataset.facts.utc_offsets;
                    for (zone, count) in plan.dates.zones() {
                        match offsets.iter_mut().find(|(known, _)| known == zone) {
                            Some((_, total)) => *total += count,
                            None => offsets.push((zone.clone(), *count)),
                        }
                    }
                }
            }
            if job.table == Table::Sales {
                self.describe_sales(input, job, n_accepted);
            }
            // Of a file that serves several tables, the first names the columns that none of them takes.
            let unread: Vec<String> = job
                .others
                .iter()
                .filter(|(column, _)| {
                    job_idx == 0 && jobs.iter().all(|job| job.others.iter().any(|(other, _)| other == column))
                })
                .filter(|(_, header)| !job.wide.iter().any(|(plan, ..)| plan.header == *header))
                .map(|(_, header)| header.clone())
                .collect();
            let keeps_others =
                matches!(job.table, Table::Items | Table::Locations | Table::Suppliers) || job.is_wide_signals();
            self.import.tables.push(TableSummary {
                table: job.spec.name.to_owned(),
                file: input.file.clone(),
                n_rows: pass.n_rows,
                n_accepted,
                n_duplicates: counts.duplicates,
                n_filtered: n_filtered + counts.later,
                n_row_errors: counts.rejected,
                columns: job.all_plans().map(|plan| (plan.name.to_owned(), plan.header.clone())).collect(),
                unused: if keeps_others { Vec::new() } else { unread.clone() },
                headers: input.headers.clone(),
            });
            if n_filtered > 0 {
                self.import.notes.push(format!(
                    "{}: {} rows were left out of {} by the mapping's conditions",
                    input.file,
                    thousands(n_filtered),
                    job.spec.name
                ));
            }
            if counts.later > 0
                && let Some(as_of) = self.options.as_of
            {
                let facts = &mut self.draft.dataset.facts;
                facts.n_later_sales += counts.later;
                let later = [facts.first_later_sale, self.draft.counts.first_later];
                facts.first_later_sale = later.into_iter().flatten().min();
                self.import.notes.push(format!(
                    "{}: {} sales rows of {as_of} and later are not yet known on that morning and take no part",
                    input.file,
                    thousands(counts.later)
                ));
            }
            if jobs.len() == 1 && !keeps_others && !unread.is_empty() && job.table_mapping().is_none() {
                let is_stock = |header: &String| job.table == Table::Sales && tables::is_stock(header);
                let (stock, others): (Vec<String>, Vec<String>) = unread.into_iter().partition(is_stock);
                for header in stock {
                    self.import.notes.push(format!(
                        "{}: column {header:?} is stock and is not used beside sales; give stock as inventory.csv",
                        input.file
                    ));
                }
                if !others.is_empty() {
                    self.import.notes.push(format!("{}: columns not used: {}", input.file, others.join(", ")));
                }
            }
        }
    }

    /// Says in words what the sales columns were taken for.
    fn describe_sales(&mut self, input: &Input, job: &Job, n_accepted: u64) {
        let counts = self.draft.counts.clone();
        let header = |field: Field| job.plan(field).map(|plan| plan.header.clone());
        let mut notes = Vec::new();
        let span = match (counts.first_day, counts.last_day) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => "no dates".to_owned(),
        };
        let rows = if job.has(Field::OrderId) { "order lines" } else { "sales rows" };
        let n_sales = usize::try_from(n_accepted).unwrap_or(0).saturating_sub(counts.n_corrections);
        let from_row = self.draft.dataset.sales.len().saturating_sub(n_sales);
        let n_items = distinct(self.draft.dataset.sales.item[from_row..].iter().map(|item| item.0));
        let n_locations = distinct(self.draft.dataset.sales.location[from_row..].iter().map(|location| location.0));
        let locations = if job.has(Field::LocationId) {
            format!("{} location{}", thousands(n_locations as u64), if n_locations == 1 { "" } else { "s" })
        } else {
            format!("one location (no column names it; it is called {:?})", crate::DEFAULT_LOCATION_ID)
        };
        notes.push(format!(
            "{}: {} {rows} of {} item{} at {locations}, {span}",
            input.file,
            thousands(n_accepted),
            thousands(n_items as u64),
            if n_items == 1 { "" } else { "s" }
        ));
        if let Some(order) = header(Field::OrderId) {
            self.draft.dataset.facts.n_order_lines += counts.n_order_lines;
            notes
                .push(format!("order lines recognised ({order:?} is the order number): lines of one day are added up"));
        }
        if counts.n_returns > 0 {
            self.draft.dataset.facts.n_returns += counts.n_returns;
            let cancelled = if counts.n_cancelled > 0 {
                format!(
                    " ({} of them have an order number that begins with C, a cancellation)",
                    thousands(counts.n_cancelled as u64)
                )
            } else {
                String::new()
            };
            notes.push(format!(
                "{} rows have a negative quantity and count as returns{cancelled}: {} units come off the sales of their day",
                thousands(counts.n_returns as u64),
                thousands(counts.returned.round() as u64)
            ));
        }
        if counts.n_corrections > 0 {
            notes.push(format!(
                "{} negative lines at a price of zero are stock corrections rather than returns; they went to adjustments",
                thousands(counts.n_corrections as u64)
            ));
        }
        let share = |count: usize| 100.0 * count as f64 / (n_accepted.max(1)) as f64;
        if job.has(Field::StockoutShare) {
            notes.push(format!(
                "share of the day without stock recognised: {:.1} % of rows have some",
                share(counts.n_stockout_days)
            ));
        } else if let Some(column) = header(Field::StockoutHours) {
            notes.push(format!(
                "stock-out hours per day recognised: {column:?} out of {} hours, {} rows ({:.1} %) have some; sales of those \
                 days are less than demand",
                job.hours_per_day,
                thousands(counts.n_stockout_days as u64),
                share(counts.n_stockout_days)
            ));
        } else if let Some(column) = header(Field::InStock) {
            notes.push(format!(
                "availability recognised: {column:?} says out of stock in {} rows ({:.1} %)",
                thousands(counts.n_stockout_days as u64),
                share(counts.n_stockout_days)
            ));
        }
        if let Some(column) = header(Field::Promo).or_else(|| header(Field::PromoId)) {
            notes.push(format!(
                "promotions recognised: {column:?}, {} rows ({:.1} %)",
                thousands(counts.n_promo as u64),
                share(counts.n_promo)
            ));
        }
        if let Some(column) = header(Field::Holiday) {
            notes.push(format!(
                "holidays recognised: {column:?}, {} rows ({:.1} %)",
                thousands(counts.n_holiday as u64),
                share(counts.n_holiday)
            ));
        }
        if let Some(column) = header(Field::Open) {
            notes.push(format!("open days recognised: {column:?}, {} rows closed", thousands(counts.n_closed as u64)));
        }
        if let Some(column) = header(Field::UnitPrice) {
            notes.push(format!("prices recognised: {column:?}"));
        } else if let Some(column) = header(Field::SalesValue) {
            notes.push(format!("unit prices computed as {column:?} divided by the quantity"));
        }
        if job.has(Field::Discount)
            && !job.has(Field::PriceRatio)
            && let Some(note) = self.draft.settle_discount(from_row, &header(Field::Discount).unwrap_or_default())
        {
            notes.push(note);
        }
        if let Some(plan) = job.plan(Field::Quantity)
            && !plan.explicit
            && tables::squash(&plan.header) == "sales"
        {
            notes.push(format!(
                "column {:?} was taken as units sold; if it is money, map sales_value = {:?} and give a quantity",
                plan.header, plan.header
            ));
        }
        self.sales_columns.push(input.file.clone());
        self.import.notes.extend(notes);
    }
}

fn distinct(values: impl Iterator<Item = u32>) -> usize {
    let mut seen: Vec<bool> = Vec::new();
    let mut count = 0;
    for value in values {
        if seen.len() <= value as usize {
            seen.resize(value as usize + 1, false);
        }
        count += usize::from(!std::mem::replace(&mut seen[value as usize], true));
    }
    count
}

/// Rows whose number of fields is wrong, or that hold NUL bytes.
fn skip_malformed(input: &Input, chunk: &Chunk, skip: &mut Vec<bool>, reject: &mut dyn FnMut(u64, Box<Bad>)) {
    let n_headers = input.headers.len();
    // Columns without a header at the end are what a delimiter at the end of the header leaves behind.
    let n_least = input.headers.iter().rposition(|header| !header.is_empty()).map_or(n_headers, |last| last + 1);
    for row in 0..chunk.len() {
        let Some(record) = chunk.record(row) else { return };
        let extra_is_blank = || record.iter().skip(n_headers).all(|cell| cell.trim_ascii().is_empty());
        let bad = if let Some(line) = chunk.broken_line(row) {
            Some(Bad {
                column: String::new(),
                value: line.to_owned(),
                expected: "quotation marks in pairs around a whole cell".to_owned(),
                fix: "close the quotation mark, or double it where it belongs to the text".to_owned(),
            })
        } else if record.len() < n_least || (record.len() > n_headers && !extra_is_blank()) {
            let fix = if record.len() < n_least {
                "add the missing fields, or delete the row".to_owned()
            } else {
                "put quotation marks around text that holds the delimiter".to_owned()
            };
            let shown: String =
                record.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join("|").chars().take(80).collect();
            Some(Bad {
                column: String::new(),
                value: shown,
                expected: format!(
                    "{} fields, not {}",
                    if record.len() < n_least { n_least } else { n_headers },
                    record.len()
                ),
                fix,
            })
        } else if record.len() == 1 && n_headers == 1 && record[0].trim_ascii().is_empty() {
            skip.push(true);
            continue;
        } else if input.has_nul
            && let Some(column) = record.iter().position(|cell| cell.contains(&0))
        {
            Some(Bad {
                column: input.headers.get(column).cloned().unwrap_or_default(),
                value: String::from_utf8_lossy(&record[column]).into_owned(),
                expected: "text without NUL bytes".to_owned(),
                fix: "export the file again; it is damaged here".to_owned(),
            })
        } else {
            None
        };
        // A line of delimiters only is a blank row of a spreadsheet.
        let is_blank = chunk.broken_line(row).is_none() && record.iter().all(|cell| cell.trim_ascii().is_empty());
        skip.push(bad.is_some() || is_blank);
        if let Some(bad) = bad
            && !is_blank
        {
            reject(chunk.row_number(row), Box::new(bad));
        }
    }
}

fn row_error(input: &Input, row: u64, bad: Bad) -> RowError {
    const MOST_SHOWN: usize = 80;
    let Bad { column, mut value, expected, fix } = bad;
    if value.chars().count() > MOST_SHOWN {
        value = value.chars().take(MOST_SHOWN).chain(['…']).collect();
    }
    RowError { file: input.file.clone(), row, column, value, expected, fix }
}

fn ambiguous_numbers(input: &Input, header: &str, column: &number::NumberColumn, verdict: Verdict) -> ImportError {
    let (row, value) = column.first_either.clone().unwrap_or_default();
    let (as_point, as_comma) = match number::read(&value) {
        Ok(Reading::Either { point, comma }) => (point.to_string(), comma.to_string()),
        _ => (String::new(), String::new()),
    };
    let why = if verdict == Verdict::Mixed {
        format!(
            "the column mixes decimal points ({}) and decimal commas ({})",
            thousands(column.n_point),
            thousands(column.n_comma)
        )
    } else {
        "nothing else in the column or the file decides".to_owned()
    };
    ImportError::AmbiguousNumbers(Box::new(Ambiguity {
        file: input.file.clone(),
        row,
        column: header.to_owned(),
        value,
        first: as_point,
        second: as_comma,
        why,
    }))
}

/// A share without a percent sign in a column that has some: `20` beside `20%`.
fn mixed_shares(input: &Input, plan: &crate::job::Plan) -> ImportError {
    let (row, value) = plan.shares.first_plain.clone().unwrap_or_default();
    let (percent_row, percent) = plan.shares.first_percent.clone().unwrap_or_default();
    let as_share = match number::read(&value) {
        Ok(Reading::Plain(number) | Reading::Point(number) | Reading::Comma(number)) => {
            number.times(rust_decimal::Decimal::ONE_HUNDRED).map(|number| number.to_f64().to_string())
        }
        _ => None,
    };
    ImportError::MixedShares(Box::new(Ambiguity {
        file: input.file.clone(),
        row,
        column: plan.header.clone(),
        first: format!("{value}%"),
        second: format!("{}%", as_share.unwrap_or_else(|| format!("100 × {value}"))),
        value,
        why: format!("the column mixes numbers with and without a percent sign (row {percent_row} has {percent:?})"),
    }))
}

fn ambiguous_dates(input: &Input, header: &str, column: &date::DateColumn, verdict: DateVerdict) -> ImportError {
    let (row, value) = column.first_either.clone().unwrap_or_default();
    let (as_dmy, as_mdy) = match date::read(&value).map(|read| read.reading) {
        Ok(DateReading::YearLast { dmy: Some(dmy), mdy: Some(mdy), .. }) => (dmy.to_string(), mdy.to_string()),
        _ => (String::new(), String::new()),
    };
    let why = if verdict == DateVerdict::Mixed {
        format!(
            "the column mixes day first ({}) and month first ({})",
            thousands(column.n_dmy),
            thousands(column.n_mdy)
        )
    } else {
        "no other date of the file decides".to_owned()
    };
    ImportError::AmbiguousDates(Box::new(Ambiguity {
        file: input.file.clone(),
        row,
        column: header.to_owned(),
        value,
        first: as_dmy,
        second: as_mdy,
        why,
    }))
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_file_names() {
        for (pattern, name, fits) in [
            ("sales_*.parquet", "sales_CA_1.parquet", true),
            ("sales_*.parquet", "calendar.parquet", false),
            ("calendar.parquet", "calendar.parquet", true),
            ("*", "anything", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), fits, "{pattern} {name}");
        }
        assert_eq!(thousands(28_014), "28,014");
    }
}
