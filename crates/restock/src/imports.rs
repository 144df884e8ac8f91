//! Files that are brought to a served project, until they are taken in: each lies in a folder of its own under
//! `.restock/imports`, with what was decided about it. How a file is read is kept beside it in the data folder, so that every
//! other verb reads it the same way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use restock_core::dataset::{InventoryRow, OpenOrderRow};
use restock_core::settings::Lang;
use restock_core::{Dataset, Day, ItemIdx, LocationIdx, RowError};
use restock_engine::health::MissingTable;
use restock_server::limits::MAX_STAGED_IMPORTS;
use restock_server::{
    AppliedImport, ImportAnswer, ImportChanges, ImportColumn, ImportExample, ImportField, ImportList, ImportNote,
    ImportPreview, ImportProblem, ImportQuestion, ImportRefusal, ImportRowError, ImportedTable, Imports,
    MissingTableRow, StagedImport, Upload,
};
use restock_store::{ALL_SHEETS, Choices, Doubt, ImportError, ImportOptions, Look, Mapping, OWN_MAPPING, TableSummary};
use serde::{Deserialize, Serialize};

use crate::catalogue::said;
use crate::config::Config;
use crate::error::CliError;
use crate::project::{Project, import_error};
use crate::session::Session;

/// Rows that are shown of those that cannot be read.
const N_ROW_ERRORS: usize = 5;

/// The longest name of a file in the data folder, bytes: a mapping of its own is called longer.
const MAX_NAME_BYTES: usize = 150;

/// Endings of files that are read from a data folder.
const ENDINGS: [&str; 9] = ["csv", "tsv", "txt", "parquet", "pq", "xlsx", "xlsm", "xls", "ods"];

/// What the last plan was made from; nothing before the first.
pub(crate) type Known = Arc<RwLock<Option<KnownFiles>>>;

/// What files of a project held when they were read last.
pub(crate) struct KnownFiles {
    /// Which file gave which table.
    pub(crate) tables: Vec<TableSummary>,
    pub(crate) dataset: Arc<Dataset>,
    /// What else would improve the plan.
    pub(crate) missing: Vec<MissingTable>,
}

/// Takes files into a project.
pub(crate) struct ProjectImports {
    session: Session,
    known: Known,
    /// What is decided about files is changed by one at a time.
    turn: Mutex<()>,
}

/// A file that waits, as its folder has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    file: String,
    author: String,
    at: Timestamp,
    n_bytes: u64,
    choices: Choices,
    /// `add` or `replace:FILE`, where somebody said so.
    place: Option<String>,
    /// What is being done: a start of the server goes on with it.
    applying: Option<Applying>,
}

/// What taking a file in comes to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Applying {
    /// The name of the file from now on.
    becomes: String,
    replaces: Option<String>,
    /// How it is read, as TOML.
    mapping: Option<String>,
}

const VERSION: u32 = 1;

/// The project as it is set up now.
struct Place {
    config: Config,
    data: PathBuf,
    mapping: Option<Mapping>,
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> ImportRefusal + '_ {
    move |error| ImportRefusal::Storage(format!("{}: {error}", path.display()))
}

fn unusable(error: &CliError) -> ImportRefusal {
    let fix = error.hint.clone().unwrap_or_else(|| "correct the settings of the project".to_owned());
    ImportRefusal::NotReady { detail: error.message.clone(), fix }
}

impl ProjectImports {
    /// For the project of `session`. What was being taken in when the program ended is taken in now; what was being brought
    /// is forgotten.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(crate) fn open(session: Session, known: Known) -> Result<Self, CliError> {
        let imports = Self { session, known, turn: Mutex::default() };
        imports.recover().map_err(|error| CliError::usage(error.to_string()))?;
        Ok(imports)
    }

    fn recover(&self) -> Result<(), ImportRefusal> {
        let folder = self.folder()?;
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.map_err(failed(&folder))?.path();
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            if name.starts_with(".im_") {
                fs::remove_dir_all(&path).map_err(failed(&path))?;
            } else if is_id(&name) {
                // One file that cannot be read or moved keeps no server from starting.
                if let Err(error) = self.go_on(&name, &path) {
                    tracing::error!(import = name, "a file that waits cannot be taken in: {error}");
                }
            }
        }
        Ok(())
    }

    /// Goes on with what was being done about a file when the program ended.
    fn go_on(&self, import_id: &str, folder: &Path) -> Result<(), ImportRefusal> {
        let state = self.state(import_id)?;
        let Some(applying) = &state.applying else { return Ok(()) };
        match self.finish(import_id, applying) {
            // Somebody decides about it again.
            Err(ImportRefusal::NotReady { detail, .. }) => {
                tracing::warn!(import = import_id, "a file was not taken in: {detail}");
                self.save(folder, &State { applying: None, ..state })
            }
            finished => finished,
        }
    }

    fn project_dir(&self) -> Result<PathBuf, ImportRefusal> {
        Project::folder_of(&self.session).map_err(|error| unusable(&error))
    }

    fn folder(&self) -> Result<PathBuf, ImportRefusal> {
        Ok(self.project_dir()?.join(".restock").join("imports"))
    }

    fn place(&self) -> Result<Place, ImportRefusal> {
        let (dir, config) = Project::config_of(&self.session).map_err(|error| unusable(&error))?;
        let mapping = config.mapping.as_ref().map(|file| Mapping::from_toml_file(dir.join(file))).transpose();
        let mapping = mapping.map_err(|error| unusable(&import_error(&error)))?;
        Ok(Place { data: dir.join(&config.data_path), config, mapping })
    }

    fn state(&self, import_id: &str) -> Result<State, ImportRefusal> {
        let unknown = || ImportRefusal::NoSuchImport(import_id.chars().take(60).collect());
        // An id is part of a path.
        if !is_id(import_id) {
            return Err(unknown());
        }
        let path = self.folder()?.join(import_id).join("state.json");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(unknown()),
            read => read.map_err(failed(&path))?,
        };
        let unreadable = |reason: String| ImportRefusal::Storage(format!("{}: {reason}", path.display()));
        let state: State = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if state.version != VERSION {
            let reason = format!("it has version {}, this program knows version {VERSION}", state.version);
            return Err(unreadable(reason));
        }
        Ok(state)
    }

    fn save(&self, folder: &Path, state: &State) -> Result<(), ImportRefusal> {
        let json = serde_json::to_vec_pretty(state).expect("what was decided is JSON");
        write_durably(&folder.join("state.json"), &json)
    }

    fn content(&self, import_id: &str, state: &State) -> Result<PathBuf, ImportRefusal> {
        Ok(self.folder()?.join(import_id).join("content").join(&state.file))
    }

    /// What a file would become.
    fn preview(&self, import_id: &str, state: &State) -> Result<Previewed, ImportRefusal> {
        let place = self.place()?;
        let options = ImportOptions {
            decimal: place.config.decimal,
            date_format: place.config.date.clone(),
            max_row_errors: N_ROW_ERRORS,
            ..ImportOptions::default()
        };
        let base = place.mapping.as_ref().map(|mapping| (mapping, place.data.as_path()));
        let path = self.content(import_id, state)?;
        let look = restock_store::look(&path, &state.choices, base, &options, &|_, _, _| {});
        let look = look.map_err(|error| not_a_table(&error))?;
        if let Err(error @ ImportError::Io { .. }) = &look.import {
            return Err(ImportRefusal::Storage(error.to_string()));
        }
        let (placing, mut questions) = self.placing(&place, state, &look)?;
        let mut all = questions_of(&look, &state.choices);
        all.append(&mut questions);
        let problem = problem_of(&place, state, &look, &placing)?;
        let is_ready = problem.is_none() && look.import.is_ok() && all.iter().all(|one| one.answer.is_some());
        let read = look.import.as_ref().ok();
        let row_errors = match &look.import {
            Ok(read) => &read.row_errors[..],
            Err(ImportError::NoRowAccepted { first, .. } | ImportError::Strict { first, .. }) => &first[..],
            Err(_) => &[],
        };
        let days = read.map(|read| &read.dataset.sales.day[..]).unwrap_or_default();
        let fields = restock_store::known_tables().find(|(name, _)| Some(*name) == look.table);
        let mapped_by = (look.table.is_none() && look.sheet.is_none())
            .then(|| place.config.mapping.as_ref().map(|file| file.display().to_string()))
            .flatten();
        let preview = ImportPreview {
            staged: staged(import_id, state),
            table: look.table.map(str::to_owned),
            fields: fields.map_or_else(Vec::new, |(_, fields)| fields.into_iter().map(field_row).collect()),
            columns: look.columns.iter().map(column_row).collect(),
            missing: look.missing.clone(),
            questions: all,
            read: read.map_or_else(Vec::new, |read| read.tables.iter().map(table_row).collect()),
            first_day: days.iter().min().map(ToString::to_string),
            last_day: days.iter().max().map(ToString::to_string),
            n_items: read.map_or(0, |read| read.dataset.items.len()),
            n_locations: read.map_or(0, |read| read.dataset.locations.len()),
            n_quarantined: match &look.import {
                Ok(read) => read.n_row_errors,
                Err(ImportError::NoRowAccepted { n_row_errors, .. }) => *n_row_errors,
                Err(_) => 0,
            },
            row_errors: row_errors.iter().take(N_ROW_ERRORS).map(row_error_row).collect(),
            notes: read.map_or_else(Vec::new, |read| read.notes.iter().map(|note| note_row(note)).collect()),
            problem,
            mapped_by,
            becomes: placing.becomes.clone(),
            replaces: placing.replaces.clone(),
            is_ready,
        };
        let mapping = look.entry.as_ref().map(|entry| entry.to_toml(&placing.becomes));
        Ok(Previewed { preview, applying: Applying { mapping, ..placing } })
    }

    /// Where a file would go, and what is asked about that.
    fn placing(
        &self,
        place: &Place,
        state: &State,
        look: &Look,
    ) -> Result<(Applying, Vec<ImportQuestion>), ImportRefusal> {
        let there = names_in(&place.data)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let tables: BTreeSet<&str> = match &look.import {
            Ok(read) => read.tables.iter().map(|table| table.table.as_str()).collect(),
            Err(_) => look.table.into_iter().collect(),
        };
        let is_taken = there.iter().any(|name| is_same_name(name, &state.file));
        // A file of other tables too would take them along.
        let gives_the_same = |name: &String| {
            let summaries = known.iter().flat_map(|known| &known.tables);
            let mut of_file = summaries.filter(|table| is_of_file(&table.file, name)).peekable();
            match of_file.peek() {
                Some(_) => of_file.all(|table| tables.contains(table.table.as_str())),
                // The last plan did not read it: what it holds is not known yet.
                None => !place.mapping.as_ref().is_some_and(|mapping| mapping.ignores(name)),
            }
        };
        let rivals: Vec<&String> =
            there.iter().filter(|name| is_same_name(name, &state.file) || gives_the_same(name)).collect();
        let n_overlapping = match (&look.import, &*known) {
            (Ok(read), Some(known)) => overlapping_rows(&read.dataset, &known.dataset),
            _ => 0,
        };
        // A mapping of the project is about files by their names, so such a file keeps its own.
        let may_add = !is_taken || look.entry.is_some() || look.sheet.as_deref() == Some(ALL_SHEETS);
        let answers: Vec<String> = may_add
            .then(|| "add".to_owned())
            .into_iter()
            .chain(rivals.iter().map(|name| format!("replace:{name}")))
            .collect();
        let said = state.place.clone().filter(|place| answers.contains(place));
        // More sales of other days are what a second file of sales usually is.
        let is_read =
            |name: &String| known.iter().flat_map(|known| &known.tables).any(|table| is_of_file(&table.file, name));
        let is_plain = rivals.is_empty()
            || (!is_taken
                && n_overlapping == 0
                && rivals.iter().all(|name| is_read(name))
                && tables.iter().eq(["sales"].iter()));
        let answer = said.or_else(|| (is_plain && may_add).then(|| "add".to_owned()));
        let replaces = answer.as_ref().and_then(|answer| answer.strip_prefix("replace:")).map(str::to_owned);
        let others: Vec<&String> = there.iter().filter(|name| Some(*name) != replaces.as_ref()).collect();
        let becomes = free_name(&state.file, &|name| others.iter().any(|other| is_same_name(other, name)));
        let mut questions = Vec::new();
        if !rivals.is_empty() {
            let names: Vec<&str> = rivals.iter().map(|name| name.as_str()).collect();
            let why = match n_overlapping {
                0 => format!("the project has {} already", names.join(", ")),
                n => format!(
                    "{n} rows of sales, stock or orders in the project are about the same as rows of this file: added to it, \
                     they count twice"
                ),
            };
            questions.push(ImportQuestion {
                question: "place".to_owned(),
                column: None,
                row: None,
                why,
                n_overlapping: Some(n_overlapping),
                answers: answers.into_iter().map(|answer| ImportAnswer { answer, examples: Vec::new() }).collect(),
                answer,
            });
        }
        Ok((Applying { becomes, replaces, mapping: None }, questions))
    }

    /// Does what was begun, or goes on with it: every step is done once.
    fn finish(&self, import_id: &str, applying: &Applying) -> Result<(), ImportRefusal> {
        let Applying { becomes, replaces, mapping } = applying;
        let state = self.state(import_id)?;
        let content = self.content(import_id, &state)?;
        let data = self.place()?.data;
        fs::create_dir_all(&data).map_err(failed(&data))?;
        if content.exists() {
            let own = |name: &str| data.join(format!("{name}{OWN_MAPPING}"));
            let target = data.join(becomes);
            // What was moved by way of a copy may be in both places.
            let is_there = target.exists() && is_same_content(&content, &target);
            let is_replaced = replaces.as_ref().is_some_and(|old| is_same_name(old, becomes));
            if target.exists() && !is_there && !is_replaced {
                let detail = format!("{becomes} appeared in the data folder meanwhile");
                return Err(ImportRefusal::NotReady { detail, fix: "look at the import again".to_owned() });
            }
            if let Some(old) = replaces.as_ref().filter(|_| !is_there) {
                let kept = self.project_dir()?.join(".restock").join("replaced").join(import_id);
                fs::create_dir_all(&kept).map_err(failed(&kept))?;
                for path in [data.join(old), own(old)] {
                    let kept = kept.join(path.file_name().expect("a file has a name"));
                    if !path.exists() || kept.exists() {
                        continue;
                    }
                    // A file of the same name takes its place in one step; whoever reads meanwhile finds one of them.
                    if !is_replaced || fs::hard_link(&path, &kept).is_err() {
                        move_file(&path, &kept)?;
                    }
                }
                flush_folder(&kept);
            }
            match mapping {
                Some(text) => write_durably(&own(becomes), text.as_bytes())?,
                // It was of a file that is gone.
                None if own(becomes).exists() => fs::remove_file(own(becomes)).map_err(failed(&data))?,
                None => {}
            }
            if !is_there {
                move_file(&content, &target)?;
            }
            flush_folder(&data);
        }
        self.forget(import_id)
    }

    fn forget(&self, import_id: &str) -> Result<(), ImportRefusal> {
        let folder = self.folder()?;
        let (path, going) = (folder.join(import_id), folder.join(format!(".{import_id}")));
        fs::rename(&path, &going).map_err(failed(&path))?;
        flush_folder(&folder);
        fs::remove_dir_all(&going).map_err(failed(&going))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A preview with what taking the file in comes to.
struct Previewed {
    preview: ImportPreview,
    applying: Applying,
}

impl Imports for ProjectImports {
    fn list(&self) -> Result<ImportList, ImportRefusal> {
        let folder = self.folder()?;
        let mut imports = Vec::new();
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let name = entry.map_err(failed(&folder))?.file_name().to_string_lossy().into_owned();
            match self.state(&name) {
                Ok(state) => imports.push(staged(&name, &state)),
                // It may have gone meanwhile.
                Err(ImportRefusal::NoSuchImport(_)) => {}
                Err(error) => tracing::error!(import = name, "a file that waits cannot be shown: {error}"),
            }
        }
        imports.sort_by(|a, b| (a.uploaded_at, &a.import_id).cmp(&(b.uploaded_at, &b.import_id)));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let missing = known.iter().flat_map(|known| &known.missing).cloned();
        Ok(ImportList { imports, missing_tables: missing.map(MissingTableRow::from).collect() })
    }

    fn stage(&self, upload: Upload, content: &mut dyn Read) -> Result<(), ImportRefusal> {
        let Upload { import_id, file, author, at } = upload;
        let file = file_name(&file)?;
        let folder = self.folder()?;
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let n_there = fs::read_dir(&folder).map_err(failed(&folder))?.count();
        if n_there >= MAX_STAGED_IMPORTS {
            return Err(ImportRefusal::TooMany(n_there));
        }
        assert!(is_id(&import_id), "ids are made by the server");
        let coming = folder.join(format!(".{import_id}"));
        let path = coming.join("content").join(&file);
        let stored = || {
            fs::create_dir_all(coming.join("content")).map_err(failed(&coming))?;
            let mut writer = BufWriter::new(File::create(&path).map_err(failed(&path))?);
            let n_bytes = std::io::copy(content, &mut writer).map_err(failed(&path))?;
            writer
                .into_inner()
                .map_err(|error| failed(&path)(error.into_error()))?
                .sync_all()
                .map_err(failed(&path))?;
            flush_folder(&coming.join("content"));
            let choices = Choices::default();
            let state = State { version: VERSION, file, author, at, n_bytes, choices, place: None, applying: None };
            self.save(&coming, &state)?;
            let target = folder.join(&import_id);
            fs::rename(&coming, &target).map_err(failed(&target))?;
            flush_folder(&folder);
            Ok(())
        };
        let stored = stored();
        if stored.is_err() {
            // What is left is forgotten with the next start.
            let _ = fs::remove_dir_all(&coming);
        }
        stored
    }

    fn look(&self, import_id: &str) -> Result<ImportPreview, ImportRefusal> {
        let state = self.state(import_id)?;
        Ok(self.preview(import_id, &state)?.preview)
    }

    fn choose(&self, import_id: &str, changes: ImportChanges) -> Result<ImportPreview, ImportRefusal> {
        let _turn = self.lock();
        let mut state = self.state(import_id)?;
        if state.applying.is_some() {
            return Err(ImportRefusal::NoSuchImport(import_id.to_owned()));
        }
        let says_place = changes.answers.contains_key("place");
        decide(&mut state, changes)?;
        let Previewed { preview, .. } = self.preview(import_id, &state)?;
        let place = preview.questions.iter().find(|one| one.question == "place");
        let is_offered = |said: &String| place.is_some_and(|one| one.answers.iter().any(|known| known.answer == *said));
        if let Some(said) = state.place.take_if(|said| !is_offered(said)).filter(|_| says_place) {
            return Err(ImportRefusal::BadChoice(format!("place is {said:?}, which is not offered")));
        }
        self.save(&self.folder()?.join(import_id), &state)?;
        Ok(preview)
    }

    fn apply(&self, import_id: &str) -> Result<AppliedImport, ImportRefusal> {
        let _turn = self.lock();
        let mut state = self.state(import_id)?;
        let Previewed { preview, applying } = self.preview(import_id, &state)?;
        if !preview.is_ready {
            let open: Vec<&str> =
                preview.questions.iter().filter(|one| one.answer.is_none()).map(|one| &*one.question).collect();
            let (detail, fix) = match preview.problem {
                Some(problem) => (problem.detail, problem.fix),
                None => (format!("this is to be answered first: {}", open.join(", ")), None),
            };
            let fix = fix.unwrap_or_else(|| "PATCH /v1/imports/{id} answers and chooses".to_owned());
            return Err(ImportRefusal::NotReady { detail, fix });
        }
        let folder = self.folder()?.join(import_id);
        state.applying = Some(applying.clone());
        self.save(&folder, &state)?;
        if let Err(error) = self.finish(import_id, &applying) {
            if matches!(error, ImportRefusal::NotReady { .. }) {
                state.applying = None;
                self.save(&folder, &state)?;
            }
            return Err(error);
        }
        Ok(AppliedImport {
            import_id: import_id.to_owned(),
            file: applying.becomes,
            replaced: applying.replaces,
            read: preview.read,
        })
    }

    fn discard(&self, import_id: &str) -> Result<(), ImportRefusal> {
        let _turn = self.lock();
        // What it replaces may be moved away already: then only going on leaves the project whole.
        if self.state(import_id)?.applying.is_some() {
            let detail = "the file is being taken in".to_owned();
            return Err(ImportRefusal::NotReady { detail, fix: "apply it again".to_owned() });
        }
        self.forget(import_id)
    }
}

/// Whether a text is an id that the server makes; nothing else becomes part of a path.
fn is_id(text: &str) -> bool {
    text.strip_prefix("im_").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Lays changes over what was decided.
fn decide(state: &mut State, changes: ImportChanges) -> Result<(), ImportRefusal> {
    let ImportChanges { columns, answers } = changes;
    let refused = |question: &str, answer: &str, expected: &str| {
        Err(ImportRefusal::BadChoice(format!("{question} is {answer:?}, expected {expected}")))
    };
    for (question, answer) in answers {
        let choices = &mut state.choices;
        match (question.as_str(), answer) {
            ("decimal", None) => choices.decimal = None,
            ("decimal", Some(mark)) if mark == "." || mark == "," => choices.decimal = mark.chars().next(),
            ("decimal", Some(mark)) => return refused("decimal", &mark, "\".\" or \",\""),
            ("date", None) => choices.date = None,
            ("date", Some(order)) if order == "dmy" || order == "mdy" => choices.date = Some(order),
            ("date", Some(order)) => return refused("date", &order, "\"dmy\" or \"mdy\""),
            ("place", place) => state.place = place,
            ("table", table) => {
                let fields = restock_store::known_tables().find(|(name, _)| Some(*name) == table.as_deref());
                let fields = fields.map(|(_, fields)| fields).unwrap_or_default();
                let has = |name: &String| fields.iter().any(|(field, _)| field == name);
                choices.columns.retain(|_, field| field.as_ref().is_none_or(has));
                choices.table = table;
            }
            ("sheet", sheet) if sheet != choices.sheet => *choices = Choices { sheet, ..Choices::default() },
            ("sheet", _) => {}
            (other, _) => return refused("the question", other, "table, sheet, decimal, date or place"),
        }
    }
    state.choices.columns.extend(columns);
    Ok(())
}

fn not_a_table(error: &ImportError) -> ImportRefusal {
    match error {
        ImportError::Io { .. } => ImportRefusal::Storage(error.to_string()),
        ImportError::Option(said) => ImportRefusal::BadChoice(said.clone()),
        _ => {
            let CliError { message, hint, .. } = import_error(error);
            let fix = hint.unwrap_or_else(|| "bring a CSV, XLSX or Parquet file with a row of headers".to_owned());
            ImportRefusal::NotATable { detail: message, fix }
        }
    }
}

/// The name that a file has in the data folder, from whatever its sender called it: without folders, without what is no
/// letter of a name, and with the ending of a table.
fn file_name(given: &str) -> Result<String, ImportRefusal> {
    let bad = || ImportRefusal::BadName {
        got: given.chars().take(80).collect(),
        expected: format!("a name that ends with .{}", ENDINGS.join(", .")),
    };
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    // Stars are patterns in mappings, tildes lock files of spreadsheets; the others no file system takes everywhere.
    let is_plain = |c: &char| !c.is_control() && !"<>:\"|?*~$\u{feff}".contains(*c);
    let name: String = last.chars().filter(is_plain).collect();
    let name = name.trim().trim_start_matches(['.', ' ']);
    let (stem, ending) = name.rsplit_once('.').ok_or_else(bad)?;
    let stem = stem.trim();
    if stem.is_empty() || !ENDINGS.contains(&ending.to_lowercase().as_str()) {
        return Err(bad());
    }
    let mut end = stem.len().min(MAX_NAME_BYTES - ending.len() - 1);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    // A data folder leaves files out that are called so.
    let prefix = if stem.to_lowercase().starts_with("readme") { "data-" } else { "" };
    Ok(format!("{prefix}{}.{ending}", stem[..end].trim_end()))
}

/// A name that nothing else has: `sales.csv`, else `sales-2.csv`.
fn free_name(name: &str, is_taken: &dyn Fn(&str) -> bool) -> String {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "csv"));
    let numbered = (2..).map(|n: u32| format!("{stem}-{n}.{ending}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).expect("numbers do not end")
}

/// Some file systems do not tell capitals.
fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Whether a table of an import, `stock.xlsx [2026]`, came from a file.
fn is_of_file(table_file: &str, name: &str) -> bool {
    table_file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
}

fn is_same_content(one: &Path, other: &Path) -> bool {
    let hash = |path| restock_store::content_hash(path).ok();
    hash(one).is_some_and(|known| hash(other) == Some(known))
}

/// The names of the files that are read from a data folder.
fn names_in(data: &Path) -> Result<Vec<String>, ImportRefusal> {
    if !data.exists() {
        return Ok(Vec::new());
    }
    let files = restock_store::files_of(data).map_err(|error| ImportRefusal::Storage(error.to_string()))?;
    let name = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(files.into_iter().filter_map(name).collect())
}

/// Rows in `known` that are about the same as rows of `new`: sales of an item, a location and a day, stock of an item and a
/// location, counted on the same day or without one, and lines of the same open order.
fn overlapping_rows(new: &Dataset, known: &Dataset) -> u64 {
    let items: HashMap<&str, u32> = (0..).zip(&new.items).map(|(idx, item)| (item.item_id.as_str(), idx)).collect();
    let locations: HashMap<&str, u32> =
        (0..).zip(&new.locations).map(|(idx, location)| (location.location_id.as_str(), idx)).collect();
    let item_of: Vec<Option<u32>> = known.items.iter().map(|item| items.get(item.item_id.as_str()).copied()).collect();
    let location_of: Vec<Option<u32>> =
        known.locations.iter().map(|location| locations.get(location.location_id.as_str()).copied()).collect();
    let sales = &new.sales;
    let days: HashSet<(u32, u32, i32)> =
        (0..sales.len()).map(|row| (sales.item[row].0, sales.location[row].0, sales.day[row].0)).collect();
    let is_there = |row: &usize| {
        let item = item_of[known.sales.item[*row].0 as usize];
        let location = location_of[known.sales.location[*row].0 as usize];
        item.zip(location).is_some_and(|(item, location)| days.contains(&(item, location, known.sales.day[*row].0)))
    };
    let n_sales = (0..known.sales.len()).filter(is_there).count();
    let pair = |item: ItemIdx, location: LocationIdx| item_of[item.0 as usize].zip(location_of[location.0 as usize]);
    let counted: HashSet<(u32, u32, Option<Day>)> =
        new.inventory.iter().map(|row| (row.item.0, row.location.0, row.as_of)).collect();
    let is_counted = |row: &&InventoryRow| {
        pair(row.item, row.location).is_some_and(|(item, location)| counted.contains(&(item, location, row.as_of)))
    };
    let is_numbered = |row: &&OpenOrderRow| !row.order_id.is_empty();
    let ordered: HashSet<(&str, u32, u32)> = new
        .open_orders
        .iter()
        .filter(is_numbered)
        .map(|row| (row.order_id.as_str(), row.item.0, row.to_location.0))
        .collect();
    let is_ordered = |row: &&OpenOrderRow| {
        let of_both = pair(row.item, row.to_location);
        of_both.is_some_and(|(item, location)| ordered.contains(&(row.order_id.as_str(), item, location)))
    };
    let n_counts = known.inventory.iter().filter(is_counted).count();
    (n_sales + n_counts + known.open_orders.iter().filter(is_ordered).count()) as u64
}

fn questions_of(look: &Look, choices: &Choices) -> Vec<ImportQuestion> {
    let mut questions = Vec::new();
    let mut ask =
        |question: &str, why: &str, answers: Vec<ImportAnswer>, answer: Option<String>, of: Option<&Doubt>| {
            questions.push(ImportQuestion {
                question: question.to_owned(),
                column: of.map(|doubt| doubt.column.clone()),
                row: of.map(|doubt| doubt.row),
                why: why.to_owned(),
                n_overlapping: None,
                answers,
                answer,
            });
        };
    let plain = |answer: &str| ImportAnswer { answer: answer.to_owned(), examples: Vec::new() };
    if !look.sheets.is_empty() && (look.table.is_some() || look.sheet.is_some()) {
        let answers = look.sheets.iter().map(String::as_str).chain([ALL_SHEETS]).map(plain).collect();
        ask("sheet", "the workbook has several sheets", answers, choices.sheet.clone(), None);
    }
    if let Some(table) = look.table {
        let answers = restock_store::known_tables().map(|(name, _)| plain(name)).collect();
        let why = if look.is_table_certain { "" } else { "name and columns of the file do not tell for certain" };
        ask("table", why, answers, look.is_table_certain.then(|| table.to_owned()), None);
    }
    let doubts = [
        ("decimal", &look.numbers, [".", ","], choices.decimal.map(String::from)),
        ("date", &look.dates, ["dmy", "mdy"], choices.date.clone()),
    ];
    for (question, doubt, answers, answer) in doubts {
        let Some(doubt) = doubt else { continue };
        let example = |cell: &String, reading: &String| ImportExample { cell: cell.clone(), reading: reading.clone() };
        let first = doubt.examples.iter().map(|(cell, first, _)| example(cell, first)).collect();
        let second = doubt.examples.iter().map(|(cell, _, second)| example(cell, second)).collect();
        let answers = answers.into_iter().zip([first, second]);
        let answers = answers.map(|(answer, examples)| ImportAnswer { answer: answer.to_owned(), examples }).collect();
        ask(question, &doubt.why, answers, answer, Some(doubt));
    }
    questions
}

/// Why a file cannot be taken in as it stands, questions aside.
fn problem_of(
    place: &Place,
    state: &State,
    look: &Look,
    placing: &Applying,
) -> Result<Option<ImportProblem>, ImportRefusal> {
    let problem = |detail: &str, fix: Option<&str>| {
        let zh = |text: &str| said(text, Lang::ZhCn).into_owned();
        ImportProblem {
            detail: detail.to_owned(),
            detail_zh: zh(detail),
            fix: fix.map(str::to_owned),
            fix_zh: fix.map(zh),
        }
    };
    if let Err(error) = &look.import {
        let CliError { message, hint, .. } = import_error(error);
        // What follows is a mapping file to write, and choosing does that here.
        let fix = hint.as_deref().map(|hint| hint.split("\n\n").next().unwrap_or(hint));
        return Ok(Some(problem(&message, fix)));
    }
    if place.data.is_file() {
        let detail = "data.path in restock.toml is one file, so no other can be added";
        return Ok(Some(problem(detail, Some("set data.path to a folder"))));
    }
    if place.mapping.as_ref().is_some_and(|mapping| mapping.ignores(&state.file)) {
        let detail = format!("the mapping of the project says to ignore files called {}", state.file);
        return Ok(Some(problem(&detail, Some("give the file another name"))));
    }
    for name in names_in(&place.data)? {
        let path = place.data.join(&name);
        let is_as_long = fs::metadata(&path).is_ok_and(|about| about.len() == state.n_bytes);
        if is_as_long
            && placing.replaces.as_ref() != Some(&name)
            && restock_store::content_hash(&path).is_ok_and(|hash| hash == look.hash)
        {
            let detail = format!("{name} in the data folder has the same content");
            return Ok(Some(problem(&detail, Some("it is there already: discard this one"))));
        }
    }
    Ok(None)
}

fn staged(import_id: &str, state: &State) -> StagedImport {
    StagedImport {
        import_id: import_id.to_owned(),
        file: state.file.clone(),
        author: state.author.clone(),
        uploaded_at: state.at,
        n_bytes: state.n_bytes,
    }
}

fn field_row((field, is_required): (&str, bool)) -> ImportField {
    ImportField { field: field.to_owned(), is_required }
}

fn column_row(column: &restock_store::LookColumn) -> ImportColumn {
    ImportColumn {
        column: column.header.clone(),
        field: column.field.clone(),
        is_attribute: column.is_attribute,
        samples: column.samples.clone(),
    }
}

fn table_row(table: &TableSummary) -> ImportedTable {
    ImportedTable {
        table: table.table.clone(),
        file: table.file.clone(),
        n_rows: table.n_rows,
        n_accepted: table.n_accepted,
        n_duplicates: table.n_duplicates,
        n_left_out: table.n_filtered,
        n_quarantined: table.n_row_errors,
    }
}

fn row_error_row(error: &RowError) -> ImportRowError {
    let RowError { row, column, value, expected, fix, .. } = error;
    ImportRowError {
        row: *row,
        column: column.clone(),
        value: value.clone(),
        expected: expected.clone(),
        expected_zh: said(expected, Lang::ZhCn).into_owned(),
        fix: fix.clone(),
        fix_zh: said(fix, Lang::ZhCn).into_owned(),
    }
}

fn note_row(note: &str) -> ImportNote {
    ImportNote { note: note.to_owned(), note_zh: said(note, Lang::ZhCn).into_owned() }
}

/// Writes a file that appears whole or not at all, and stays.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), ImportRefusal> {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let coming = path.with_file_name(format!(".{name}.coming"));
    let mut file = File::create(&coming).map_err(failed(&coming))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed(&coming))?;
    fs::rename(&coming, path).map_err(failed(path))?;
    path.parent().map(flush_folder);
    Ok(())
}

/// Moves a file; to another file system by way of a copy, which takes its name when it is whole.
fn move_file(from: &Path, to: &Path) -> Result<(), ImportRefusal> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    let name = to.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let coming = to.with_file_name(format!(".{name}.coming"));
    fs::copy(from, &coming).map_err(failed(&coming))?;
    File::open(&coming).and_then(|file| file.sync_all()).map_err(failed(&coming))?;
    fs::rename(&coming, to).map_err(failed(to))?;
    fs::remove_file(from).map_err(failed(from))
}

/// A name reaches the disk with its folder; not every system lets one flush a folder.
fn flush_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use restock_core::settings::Lang;

    use super::*;
    use crate::samples;

    const UNCLEAR: &str = "date,item_id,quantity\n2024-03-01,flour,1.250\n2024-03-02,flour,2.500\n";

    struct Shop {
        dir: tempfile::TempDir,
        imports: ProjectImports,
        n: std::cell::Cell<u128>,
    }

    impl Shop {
        fn new(settings: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("data")).unwrap();
            fs::write(dir.path().join("restock.toml"), settings).unwrap();
            let imports = Self::open(dir.path(), Known::default());
            Self { dir, imports, n: std::cell::Cell::new(0) }
        }

        fn open(dir: &Path, known: Known) -> ProjectImports {
            let session = Session { project: Some(dir.to_owned()), ..samples::session(Lang::En, 100) };
            ProjectImports::open(session, known).unwrap_or_else(|error| panic!("{}", error.message))
        }

        fn session(&self) -> &Session {
            &self.imports.session
        }

        /// The same after the program ended, and after a plan of what is there.
        fn planned_again(self) -> Self {
            let known = Known::default();
            let project = Project::open(self.session(), &Default::default()).unwrap();
            let import = project.read_files(self.session()).unwrap_or_else(|error| panic!("{}", error.message));
            let dataset = Arc::new(import.dataset.clone());
            *known.write().unwrap() = Some(KnownFiles { tables: import.tables, dataset, missing: Vec::new() });
            Self { imports: Self::open(self.dir.path(), known), ..self }
        }

        fn stage(&self, file: &str, content: impl AsRef<[u8]>) -> Result<String, ImportRefusal> {
            self.n.set(self.n.get() + 1);
            let import_id = format!("im_{:032x}", self.n.get());
            let at = Timestamp::UNIX_EPOCH;
            let upload = Upload { import_id: import_id.clone(), file: file.to_owned(), author: "ada".to_owned(), at };
            self.imports.stage(upload, &mut content.as_ref())?;
            Ok(import_id)
        }

        fn bring(&self, file: &str, content: impl AsRef<[u8]>) -> ImportPreview {
            let id = self.stage(file, content).unwrap();
            self.imports.look(&id).unwrap()
        }

        fn answer(
            &self,
            preview: &ImportPreview,
            question: &str,
            answer: &str,
        ) -> Result<ImportPreview, ImportRefusal> {
            let answers = [(question.to_owned(), Some(answer.to_owned()))].into();
            self.imports.choose(&preview.staged.import_id, ImportChanges { answers, ..ImportChanges::default() })
        }

        fn apply(&self, preview: &ImportPreview) -> AppliedImport {
            self.imports.apply(&preview.staged.import_id).unwrap()
        }

        fn files(&self) -> Vec<String> {
            let names = fs::read_dir(self.dir.path().join("data")).unwrap();
            let mut names: Vec<String> =
                names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }

        /// What every other verb reads from the project, a row of sales each.
        fn sales(&self) -> Vec<String> {
            let project = Project::open(self.session(), &Default::default()).unwrap();
            let import = project.read_files(self.session()).unwrap_or_else(|error| panic!("{}", error.message));
            let sales = &import.dataset.sales;
            let row = |row: usize| {
                let item = &import.dataset.items[sales.item[row].0 as usize].item_id;
                format!("{} {item} {}", sales.day[row], sales.quantity[row])
            };
            (0..sales.len()).map(row).collect()
        }
    }

    fn question<'a>(preview: &'a ImportPreview, name: &str) -> Option<&'a ImportQuestion> {
        preview.questions.iter().find(|one| one.question == name)
    }

    #[test]
    fn names_of_files_are_names_and_no_paths() {
        for (given, name) in [
            ("sales.csv", "sales.csv"),
            ("../../etc/sales.csv", "sales.csv"),
            ("C:\\Users\\ada\\Kasse März.XLSX", "Kasse März.XLSX"),
            ("..\\..\\.sales.csv", "sales.csv"),
            ("sa*l?e\n\0s.csv", "sales.csv"),
            ("~$lock.xlsx", "lock.xlsx"),
            ("README sales.csv", "data-README sales.csv"),
            ("销售.csv", "销售.csv"),
            ("sales.csv.map.toml.csv", "sales.csv.map.toml.csv"),
        ] {
            assert_eq!(file_name(given).unwrap(), name);
        }
        for given in ["", "sales", "..", "../", ".csv", "x.map.toml", "run.sh", "restock.toml", "a/.csv"] {
            assert!(matches!(file_name(given), Err(ImportRefusal::BadName { .. })), "{given:?}");
        }
        let long = file_name(&format!("{}.csv", "漢".repeat(200))).unwrap();
        assert!(long.len() <= MAX_NAME_BYTES && long.ends_with("漢.csv"), "{long}");
    }

    #[test]
    fn a_file_is_answered_taken_in_and_read_the_same_by_everything_else() {
        let shop = Shop::new("");
        let open = shop.bring("../Kasse.csv", UNCLEAR);
        assert_eq!((open.staged.file.as_str(), open.is_ready), ("Kasse.csv", false));
        assert_eq!(open.staged.n_bytes, UNCLEAR.len() as u64);
        let asked = question(&open, "decimal").unwrap();
        assert_eq!(asked.answer, None);
        let examples: Vec<_> = asked.answers.iter().map(|answer| answer.examples[0].reading.as_str()).collect();
        assert_eq!(examples, ["1.250", "1250"]);
        let refused = shop.imports.apply(&open.staged.import_id).unwrap_err().to_string();
        assert_eq!(refused, "this is to be answered first: decimal");
        assert!(shop.files().is_empty(), "nothing is taken in before");
        assert!(matches!(shop.answer(&open, "decimal", ";"), Err(ImportRefusal::BadChoice(_))));
        assert!(matches!(shop.answer(&open, "place", "replace:../restock.toml"), Err(ImportRefusal::BadChoice(_))));
        let ready = shop.answer(&open, "decimal", ".").unwrap();
        assert!(ready.is_ready);
        let applied = shop.apply(&ready);
        assert_eq!((applied.file.as_str(), applied.read[0].n_accepted), ("Kasse.csv", 2));
        assert_eq!(shop.files(), ["Kasse.csv", "Kasse.csv.map.toml"]);
        assert_eq!(fs::read_to_string(shop.dir.path().join("data/Kasse.csv")).unwrap(), UNCLEAR, "the file as it came");
        assert_eq!(shop.sales(), ["2024-03-01 flour 1.25", "2024-03-02 flour 2.5"]);
        assert!(shop.imports.list().unwrap().imports.is_empty());
        // The id is stale.
        for refused in [shop.imports.look(&applied.import_id).map(drop), shop.imports.discard(&applied.import_id)] {
            assert!(matches!(refused, Err(ImportRefusal::NoSuchImport(_))));
        }
        for id in ["", "..", "im_../../data", "im_0000000000000000000000000000000g"] {
            assert!(matches!(shop.imports.look(id), Err(ImportRefusal::NoSuchImport(_))), "{id:?}");
        }
    }

    #[test]
    fn a_second_file_is_added_or_replaces_one_that_is_kept() {
        let shop = Shop::new("");
        let first = shop.bring("sales.csv", "date,item_id,quantity\n2024-03-01,tea,1\n2024-03-02,tea,2\n");
        assert!(first.is_ready && question(&first, "place").is_none());
        shop.apply(&first);
        let shop = shop.planned_again();

        // Other days: it is added, and somebody may say otherwise.
        let april = shop.bring("april.csv", "date,item_id,quantity\n2024-04-01,tea,4\n");
        assert_eq!(question(&april, "place").unwrap().answer.as_deref(), Some("add"));
        assert!(april.is_ready);
        shop.imports.discard(&april.staged.import_id).unwrap();

        // The same days under the same name: it is asked.
        let second = shop.bring("Sales.csv", "date,item_id,quantity\n2024-03-02,tea,7\n");
        let asked = question(&second, "place").unwrap();
        assert_eq!((asked.answer.clone(), asked.n_overlapping), (None, Some(1)));
        let answers: Vec<&str> = asked.answers.iter().map(|answer| answer.answer.as_str()).collect();
        assert_eq!(answers, ["add", "replace:sales.csv"]);
        let twin = shop.bring("sales.csv", "date,item_id,quantity\n2024-03-02,tea,7\n");
        let added = shop.answer(&second, "place", "add").unwrap();
        assert_eq!((added.becomes.as_str(), added.replaces.clone()), ("Sales-2.csv", None));
        shop.apply(&added);
        assert_eq!(shop.sales(), ["2024-03-01 tea 1", "2024-03-02 tea 7", "2024-03-02 tea 2"]);

        // What lies there already is not taken in again.
        let twin = shop.answer(&twin, "place", "replace:sales.csv").unwrap();
        assert!(!twin.is_ready);
        let said = twin.problem.unwrap();
        assert_eq!(said.detail, "Sales-2.csv in the data folder has the same content");
        assert_ne!(said.detail, said.detail_zh);
        let third = shop.bring("sales.csv", "date,item_id,quantity\n2024-03-01,tea,9\n");
        let third = shop.answer(&third, "place", "replace:sales.csv").unwrap();
        let applied = shop.apply(&third);
        assert_eq!((applied.file.as_str(), applied.replaced.as_deref()), ("sales.csv", Some("sales.csv")));
        assert_eq!(shop.sales(), ["2024-03-01 tea 9", "2024-03-02 tea 7"]);
        let kept = shop.dir.path().join(".restock/replaced").join(&applied.import_id);
        assert!(fs::read_to_string(kept.join("sales.csv")).unwrap().contains("2024-03-01,tea,1"));
        assert!(kept.join("sales.csv.map.toml").exists());
    }

    /// A second file of stock or of open orders would count what there is twice: it is asked, and said how much.
    #[test]
    fn stock_and_orders_that_are_there_are_seen_to_be() {
        let shop = Shop::new("");
        shop.apply(&shop.bring("sales.csv", "date,item_id,quantity\n2024-03-01,tea,1\n2024-03-02,tea,2\n"));
        let shop = shop.planned_again();
        shop.apply(&shop.bring("stock.csv", "item_id,on_hand\ntea,5\n"));
        let shop = shop.planned_again();
        shop.apply(&shop.bring("open_orders.csv", "order_id,item_id,quantity\nPO1,tea,5\nPO2,tea,5\n,tea,3\n"));
        let shop = shop.planned_again();
        for (name, content, n) in [
            ("stock.csv", "item_id,on_hand\ntea,7\ncoffee,2\n", 1),
            ("stock-2.csv", "item_id,on_hand,as_of\ntea,7,2024-03-02\n", 0),
            ("open_orders.csv", "order_id,item_id,quantity\nPO2,tea,5\nPO3,tea,1\n", 1),
            ("open_orders.csv", "order_id,item_id,quantity\n,tea,5\n", 0),
        ] {
            let second = shop.bring(name, content);
            let asked = question(&second, "place").unwrap();
            assert_eq!((asked.answer.clone(), asked.n_overlapping), (None, Some(n)), "{name}");
        }
    }

    #[test]
    fn columns_are_chosen_and_another_table_keeps_what_it_has_fields_for() {
        let shop = Shop::new("");
        let preview = shop.bring("export.csv", "wann,ware,stk,rest\n2024-03-01,tea,3,x\n");
        assert!(!preview.is_ready && preview.problem.is_some());
        let columns = [("wann", "date"), ("ware", "item_id"), ("stk", "quantity")];
        let columns = columns.map(|(column, field)| (column.to_owned(), Some(field.to_owned()))).into();
        let id = preview.staged.import_id.clone();
        let preview = shop.imports.choose(&id, ImportChanges { columns, ..ImportChanges::default() }).unwrap();
        assert!(preview.problem.is_none(), "{:?}", preview.problem);
        assert!(!preview.is_ready, "the table is not certain");
        let preview = shop.answer(&preview, "table", "inventory").unwrap();
        let fields: Vec<_> = preview.columns.iter().map(|column| column.field.as_deref()).collect();
        assert_eq!(
            (&fields[..], &preview.missing[..]),
            (&[None, Some("item_id"), None, None][..], &["on_hand".to_owned()][..])
        );
        shop.answer(&preview, "table", "sales").unwrap();
        let columns = [("wann", "date"), ("stk", "quantity")];
        let columns = columns.map(|(column, field)| (column.to_owned(), Some(field.to_owned()))).into();
        let preview = shop.imports.choose(&id, ImportChanges { columns, ..ImportChanges::default() }).unwrap();
        assert!(preview.is_ready);
        shop.apply(&preview);
        assert_eq!(shop.sales(), ["2024-03-01 tea 3"]);
    }

    #[test]
    fn odd_content_is_read_or_refused_with_a_reason() {
        let shop = Shop::new("");
        let preview = shop.bring("kasse.csv", b"date,item_id,quantity\n2024-03-01,Caf\xe9,3\n");
        assert!(preview.is_ready);
        assert!(preview.notes.iter().any(|note| note.note.contains("not UTF-8")), "{:?}", preview.notes);
        assert_eq!(preview.first_day.as_deref(), Some("2024-03-01"));

        let huge = format!("date,item_id,quantity\n2024-03-01,{},3\n2024-03-02,tea,x\n", "t".repeat(1 << 20));
        let preview = shop.bring("huge.csv", huge);
        assert!(preview.columns[1].samples[0].chars().count() < 100, "a cell is cut where it is shown");
        assert_eq!((preview.n_quarantined, preview.row_errors[0].row), (1, 3));
        assert_eq!(preview.row_errors[0].value, "x");

        for (name, content, said) in [
            ("empty.csv", &b""[..], "no rows found in empty.csv"),
            ("page.csv", &b"<!doctype html><p>log in</p>"[..], "web page"),
            ("book.xlsx", &b"PK\x03\x04 and nothing more"[..], "cannot be read as a workbook"),
            ("sales.parquet", &b"PAR1PAR1"[..], "sales.parquet"),
        ] {
            let id = shop.stage(name, content).unwrap();
            match shop.imports.look(&id) {
                Err(ImportRefusal::NotATable { detail, .. }) => assert!(detail.contains(said), "{detail}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        let only_headers = shop.bring("sales.csv", "date,item_id,quantity\n");
        assert!(!only_headers.is_ready);
        assert!(only_headers.problem.unwrap().detail.contains("no rows found in sales.csv"));
        let bad = shop.bring("sales.csv", "date,item_id,quantity\nyesterday,tea,many\n");
        assert_eq!((bad.is_ready, bad.n_quarantined, bad.row_errors.len()), (false, 1, 1));
    }

    /// A body that breaks off, a program that ends while it brings or takes in: all of a file is there, or nothing.
    #[test]
    fn what_was_interrupted_is_forgotten_or_finished() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::UnexpectedEof.into())
            }
        }
        let shop = Shop::new("");
        let folder = shop.imports.folder().unwrap();
        let import_id = format!("im_{:032x}", 99);
        let upload =
            Upload { import_id, file: "sales.csv".to_owned(), author: "ada".to_owned(), at: Timestamp::UNIX_EPOCH };
        assert!(matches!(shop.imports.stage(upload, &mut Broken), Err(ImportRefusal::Storage(_))));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left");

        fs::write(shop.dir.path().join("data/sales.csv"), "date,item_id,quantity\n2024-03-01,tea,1\n").unwrap();
        let preview = shop.bring("sales.csv", "date,item_id,quantity\n2024-03-02,tea,2\n");
        let id = preview.staged.import_id.clone();
        let applying = Applying {
            becomes: "sales.csv".to_owned(),
            replaces: Some("sales.csv".to_owned()),
            mapping: Some("[[table]]\ntable = \"sales\"\n".to_owned()),
        };
        let state = State { applying: Some(applying), ..shop.imports.state(&id).unwrap() };
        shop.imports.save(&folder.join(&id), &state).unwrap();
        fs::create_dir(folder.join(format!(".im_{:032x}", 98))).unwrap();
        // The program ended here, and after each step of what it does.
        for _ in 0..2 {
            let again = Shop::open(shop.dir.path(), Known::default());
            assert!(again.list().unwrap().imports.is_empty());
            assert_eq!(shop.sales(), ["2024-03-02 tea 2"]);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        }
        let kept = shop.dir.path().join(".restock/replaced").join(&id).join("sales.csv");
        assert!(fs::read_to_string(kept).unwrap().contains("2024-03-01"));
    }

    #[test]
    fn a_mapping_of_the_project_reads_its_files_and_keeps_their_names() {
        let shop = Shop::new("[data]\nmap = \"shop.toml\"\n");
        let mapping = "ignore_files = [\"test_*.csv\"]\n\n[[table]]\ntable = \"sales\"\nfile = \"kasse_*.csv\"\n\n\
                       [table.columns]\ndate = \"Wann\"\nitem_id = \"Was\"\nquantity = { column = \"Stk\", multiply = -1 }\n";
        fs::write(shop.dir.path().join("shop.toml"), mapping).unwrap();
        let text = "Wann,Was,Stk\n2024-03-01,tea,-3\n";
        let preview = shop.bring("kasse_1.csv", text);
        assert_eq!((preview.mapped_by.as_deref(), preview.is_ready), (Some("shop.toml"), true));
        assert!(matches!(shop.answer(&preview, "decimal", ","), Err(ImportRefusal::BadChoice(_))));
        shop.apply(&preview);
        assert_eq!(shop.files(), ["kasse_1.csv"]);
        assert_eq!(shop.sales(), ["2024-03-01 tea 3"]);
        // A second of its name would have to be called otherwise, and would be read by nothing.
        let again = shop.bring("kasse_1.csv", "Wann,Was,Stk\n2024-03-02,tea,-4\n");
        let answers: Vec<&str> =
            question(&again, "place").unwrap().answers.iter().map(|answer| answer.answer.as_str()).collect();
        assert_eq!(answers, ["replace:kasse_1.csv"]);
        // One that the mapping does not name is decided here, whatever others are.
        let other = shop.bring("laden.csv", UNCLEAR);
        // No plan has read the first yet: whether both are of the same days, somebody has to say.
        let other = shop.answer(&other, "place", "add").unwrap();
        shop.apply(&shop.answer(&other, "decimal", ",").unwrap());
        assert_eq!(shop.sales(), ["2024-03-01 flour 1250", "2024-03-02 flour 2500", "2024-03-01 tea 3"]);
        let ignored = shop.bring("test_1.csv", "date,item_id,quantity\n2024-03-05,tea,4\n");
        assert!(!ignored.is_ready && ignored.problem.unwrap().detail.contains("says to ignore"));
    }

    #[test]
    fn no_more_are_kept_than_may_wait() {
        let shop = Shop::new("");
        for n in 0..MAX_STAGED_IMPORTS {
            shop.stage(&format!("{n}.csv"), "a,b\n1,2\n").unwrap();
        }
        assert!(matches!(shop.stage("more.csv", "a,b\n"), Err(ImportRefusal::TooMany(MAX_STAGED_IMPORTS))));
        assert_eq!(shop.imports.list().unwrap().imports.len(), MAX_STAGED_IMPORTS);
    }
}
