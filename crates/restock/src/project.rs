//! Where settings and data come from: `restock.toml`, mapping files, paths and flags.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::{Item, SegmentRow};
use restock_core::finding::in_singular;
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Day, Forecaster, Money, Objective, ServiceType};
use restock_engine::{EXTERNAL, plan_day};
use restock_forecast::auto::Auto;
use restock_pretrained::engine::Precision;
use restock_pretrained::shipped;
use restock_pretrained::text::TextModel;
use restock_pretrained::tuning::registry::{Registry, RegistryError};
use restock_store::{Import, ImportError, ImportOptions, Mapping};

use crate::adaptation::{Adapts, InUse};
use crate::cli::{DataArgs, PlanningArgs};
use crate::config::{Config, did_you_mean};
use crate::error::{CliError, Exit};
use crate::fitted;
use crate::format;
use crate::i18n::Text;
use crate::ledger::{self, Added};
use crate::session::Session;
use crate::shadow::Shadow;

/// Vectors of the texts of all items by a model of sentences.
fn text_vectors(folder: &Path, items: &[Item]) -> Result<Vec<f32>, CliError> {
    let model = TextModel::read(folder).map_err(|error| {
        CliError::usage(format!("forecast.text_model: {error}"))
            .hint("give a folder with config.json, model.safetensors and vocab.txt, or leave the setting out")
    })?;
    let texts: Vec<String> = items.iter().map(restock_engine::item_text).collect();
    Ok(model.vectors(&texts))
}

/// A project folder, or files given on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The project folder, or the current one.
    pub(crate) dir: PathBuf,
    /// `restock.toml`, where there is one.
    config_file: Option<(PathBuf, String)>,
    /// What it says.
    pub(crate) config: Config,
    /// Files and folders to read.
    sources: Vec<PathBuf>,
    /// Whether the files were given on the command line.
    pub(crate) ad_hoc: bool,
    options: ImportOptions,
    mapping: Option<PathBuf>,
}

/// Data and settings, ready to plan.
pub(crate) struct Loaded {
    pub(crate) import: Import,
    pub(crate) settings: PlanSettings,
    pub(crate) notes: Vec<String>,
    /// Name for titles.
    pub(crate) name: String,
    /// Where the project's versions of the pretrained model lie.
    pub(crate) models: Registry,
    /// Since when the learned policy watches.
    pub(crate) shadow: Shadow,
    /// What the settings say about adaptation.
    pub(crate) adapts: Adapts,
    /// Whether it is the data as they were known before a day that was named.
    pub(crate) looks_back: bool,
}

impl Project {
    /// Finds settings and files.
    ///
    /// # Errors
    /// A missing project, a `restock.toml` that cannot be read, or nothing to read.
    pub(crate) fn open(session: &Session, data: &DataArgs) -> Result<Self, CliError> {
        let is_project = |dir: &Path| dir.join("restock.toml").is_file();
        let mut paths = data.paths.clone();
        let dir = match (&session.project, paths.as_slice()) {
            (Some(dir), _) if is_project(dir) => dir.clone(),
            (Some(dir), _) => return Err(no_project(dir)),
            // `restock plan my-shop` means the project in that folder.
            (None, [only]) if is_project(only) => {
                let dir = only.clone();
                paths.clear();
                dir
            }
            (None, _) => PathBuf::from("."),
        };
        let config_file = if is_project(&dir) {
            let path = dir.join("restock.toml");
            let text = std::fs::read_to_string(&path)
                .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))?;
            Some((path, text))
        } else {
            None
        };
        let config = match &config_file {
            Some((path, text)) => Config::parse(text, path)?,
            None => Config::default(),
        };
        let ad_hoc = !paths.is_empty();
        if !ad_hoc && config_file.is_none() {
            return Err(CliError::usage("no data was given and there is no restock.toml here")
                .hint("`restock try sales.csv` plans one file, `restock init my-shop` makes a project"));
        }
        let sources = if ad_hoc { paths } else { vec![dir.join(&config.data_path)] };
        for source in &sources {
            if !source.exists() {
                let place = if ad_hoc { String::new() } else { " (data.path in restock.toml)".to_owned() };
                return Err(CliError::data(format!("{} does not exist{place}", source.display()))
                    .hint("give a CSV, Parquet or XLSX file, or a folder of them"));
            }
        }
        let mapping = data.map.clone().or_else(|| {
            config.mapping.as_ref().filter(|_| !ad_hoc || config_file.is_some()).map(|file| dir.join(file))
        });
        let options = ImportOptions {
            strict: data.strict,
            decimal: data.decimal.or(config.decimal),
            date_format: data.date_format.clone().or_else(|| config.date.clone()),
            as_of: session.as_of.or(config.settings.as_of),
            today: Some(business_day(session.now, &config.time_zone)),
            ..ImportOptions::default()
        };
        Ok(Self { dir, config_file, config, sources, ad_hoc, options, mapping })
    }

    /// The folder of the run, for verbs that need no data: that of `--project`, or the current one.
    ///
    /// # Errors
    /// A folder without `restock.toml` that was named.
    pub(crate) fn dir_of(session: &Session) -> Result<PathBuf, CliError> {
        match &session.project {
            Some(dir) if dir.join("restock.toml").is_file() => Ok(dir.clone()),
            Some(dir) => Err(no_project(dir)),
            None => Ok(PathBuf::from(".")),
        }
    }

    /// The folder and the settings of the project of the run, for verbs over its desk.
    ///
    /// # Errors
    /// A folder without `restock.toml`, or with one that cannot be read.
    pub(crate) fn config_of(session: &Session) -> Result<(PathBuf, Config), CliError> {
        let dir = Self::folder_of(session)?;
        let path = dir.join("restock.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))?;
        let config = Config::parse(&text, &path)?;
        Ok((dir, config))
    }

    /// The folder of the project of the run, for verbs over its ledger.
    ///
    /// # Errors
    /// A folder without `restock.toml`.
    pub(crate) fn folder_of(session: &Session) -> Result<PathBuf, CliError> {
        let dir = Self::dir_of(session)?;
        if dir.join("restock.toml").is_file() { Ok(dir) } else { Err(no_project(&dir)) }
    }

    /// Reads the data: files and, for a project, the events of its ledger.
    ///
    /// # Errors
    /// [`CliError`] with the reader's own message.
    pub(crate) fn load(&self, session: &Session) -> Result<Loaded, CliError> {
        let mut import = self.read_files(session)?;
        let look_back = session.as_of.or(self.config.settings.as_of);
        let added = match self.own_dir() {
            Some(dir) => {
                let zone = &self.config.time_zone;
                ledger::add_events(dir, &mut import.dataset, session.now, look_back, zone)?
            }
            None => Added::default(),
        };
        let mut loaded = self.understand(session, import, &added, session.now)?;
        let in_use = self.own_dir().map(InUse::read).transpose()?.unwrap_or_default();
        let as_of = plan_day(&loaded.import.dataset, &loaded.settings);
        in_use.apply(&mut loaded.settings, loaded.adapts, &loaded.shadow, as_of);
        Ok(loaded)
    }

    /// The folder of the project, where its own data are read.
    pub(crate) fn own_dir(&self) -> Option<&Path> {
        self.config_file.as_ref().filter(|_| !self.ad_hoc).map(|_| self.dir.as_path())
    }

    /// Files and folders that it is read from, settings and mapping among them.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let settings = self.config_path().into_iter();
        settings.chain(self.mapping.as_deref()).chain(self.sources.iter().map(PathBuf::as_path))
    }

    /// Reads the files alone.
    ///
    /// # Errors
    /// [`CliError`] with the reader's own message.
    pub(crate) fn read_files(&self, session: &Session) -> Result<Import, CliError> {
        let mapping = match &self.mapping {
            Some(path) => Some(Mapping::from_toml_file(path).map_err(|error| import_error(&error))?),
            None => None,
        };
        let mapping = match (self.own_dir(), self.sources.first()) {
            (Some(_), Some(data)) => Mapping::with_own(mapping, data).map_err(|error| import_error(&error))?,
            _ => mapping,
        };
        let progress = session.progress(session.text(Text::Reading));
        let import = restock_store::import(&self.sources, mapping.as_ref(), &self.options, &|file, done, total| {
            progress.say(&format!("{} {file}", session.text(Text::Reading)));
            progress.set(done, total.unwrap_or(0));
        });
        let mut import = match import {
            // Events are data too: of a project that has them, files may come later.
            Err(ImportError::NothingToImport { .. }) if self.has_events()? => Import::default(),
            import => import.map_err(|error| import_error(&error))?,
        };
        // They stand beside the tables, so that events are laid over them too.
        let segments = self.config_over(&import)?.settings.segments;
        import.dataset.segments = segments.iter().map(SegmentRow::from).collect();
        Ok(import)
    }

    /// The settings over what the mapping and the files say.
    fn config_over(&self, import: &Import) -> Result<Config, CliError> {
        let mut base = PlanSettings::default();
        if let Some(bucket) = import.bucket {
            base.bucket = bucket;
        }
        let base = with_hints(base, &import.settings, self.mapping.as_deref())?;
        match &self.config_file {
            Some((path, text)) => Config::parse_over(text, path, base),
            None => Config::parse_over("", Path::new(""), base),
        }
    }

    fn has_events(&self) -> Result<bool, CliError> {
        let Some(ledger) = self.own_dir().map(ledger::open_reader).transpose()?.flatten() else { return Ok(false) };
        Ok(ledger.last_sequence().map_err(|error| ledger::explained(&error))? > 0)
    }

    /// Settings and models for what was read and is known by `now`; `import` holds the events that `added` tells of. What
    /// outcomes taught is not among the settings yet.
    ///
    /// # Errors
    /// Settings that cannot be used, models that cannot be read.
    pub(crate) fn understand(
        &self,
        session: &Session,
        mut import: Import,
        added: &Added,
        now: Timestamp,
    ) -> Result<Loaded, CliError> {
        let own = self.config_file.is_some().then_some(self.dir.as_path());
        let look_back = session.as_of.or(self.config.settings.as_of);
        let config = self.config_over(&import)?;
        if let Some(folder) = &config.text_model {
            import.dataset.text_vectors = text_vectors(&self.dir.join(folder), &import.dataset.items)?;
        }
        let mut settings = config.settings;
        let segments = std::mem::take(&mut import.dataset.segments);
        settings.segments = segments.iter().map(|row| row.segment(settings.objective)).collect();
        settings.as_of = session.as_of.or(settings.as_of);
        let mut notes: Vec<String> = match &self.config_file {
            Some((path, _)) => {
                config.unused.iter().map(|key| session.fill(Text::UnusedSetting, &[key, &path.display()])).collect()
            }
            None => Vec::new(),
        };
        let name = if config.name.is_empty() { self.fallback_name() } else { config.name };
        let models = models_of(&self.dir);
        notes.extend(note_of_other_bucket(session, &models, settings.bucket));
        if added.n_events > 0 {
            notes.push(session.fill(Text::LedgerAdded, &[&format::count(added.n_events)]));
        }
        let today = business_day(now, &config.time_zone);
        settings.today = Some(today);
        if let (None, Some(last_day)) = (settings.as_of, added.last_day) {
            let known = plan_day(&import.dataset, &settings);
            // Where events come in today, today is planned for, with what is known of it so far.
            settings.day_has_begun = last_day >= today && known <= today.plus(1);
            settings.as_of = Some(match settings.day_has_begun {
                true => today,
                // Events of a day without sales, such as a count on a Sunday, are of the past of the plan too.
                false => known.max(last_day.min(today.plus(1)).plus(1)),
            });
        }
        settings.learned_weights = own.map(fitted::read).transpose()?.flatten();
        let shadow = Shadow::read(own, config.shadow_days, settings.learned_weights.as_ref())?;
        let looks_back = look_back.is_some();
        Ok(Loaded { import, settings, notes, name, models, shadow, adapts: config.adapts, looks_back })
    }

    fn fallback_name(&self) -> String {
        let path = self.sources.first().map_or(self.dir.as_path(), PathBuf::as_path);
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    }

    /// Where the configuration was read from.
    pub(crate) fn config_path(&self) -> Option<&Path> {
        self.config_file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Where a plan is written when no folder is named.
    pub(crate) fn default_out(&self) -> PathBuf {
        if self.ad_hoc && self.config_file.is_none() {
            PathBuf::from("restock-out").join(self.fallback_name())
        } else {
            self.dir.join("out")
        }
    }
}

/// Reads a table that lies elsewhere as if it lay in the data folder of a project: with its mapping and its formats, as they
/// are written down now.
///
/// # Errors
/// A sentence about the settings or the file.
pub(crate) fn read_table(dir: &Path, file: &Path) -> Result<Import, String> {
    let settings = dir.join("restock.toml");
    let text = std::fs::read_to_string(&settings).map_err(|error| format!("cannot read restock.toml: {error}"))?;
    let config = Config::parse(&text, &settings).map_err(|error| error.message)?;
    let options =
        ImportOptions { decimal: config.decimal, date_format: config.date.clone(), ..ImportOptions::default() };
    let mapping = config.mapping.as_ref().map(|file| Mapping::from_toml_file(dir.join(file)));
    let data = dir.join(&config.data_path);
    let mapping = mapping.transpose().and_then(|mapping| Mapping::with_own(mapping, &data));
    let (mapping, sources) = match mapping.map_err(|error| error.to_string())? {
        None => (None, vec![file.to_owned()]),
        Some(mapping) => {
            let of_file = mapping.of_file(file, &data);
            let (mapping, sources) = of_file.map_err(|error| format!("cannot read the data folder: {error}"))?;
            (Some(mapping), sources)
        }
    };
    restock_store::import(&sources, mapping.as_ref(), &options, &|_, _, _| {}).map_err(|error| error.to_string())
}

/// The calendar day of an instant, for people in `time_zone`.
pub(crate) fn business_day(now: Timestamp, time_zone: &TimeZone) -> Day {
    Day::from_date(time_zone.to_datetime(now).date())
}

fn no_project(dir: &Path) -> CliError {
    CliError::usage(format!("{} has no restock.toml", dir.display()))
        .hint(format!("`restock init {}` makes a project there", dir.display()))
}

/// The flags of a run as its suggestions repeat them, so that a copied line gives the same numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeated {
    /// What to read and how, each flag after a space: for every verb that reads data.
    pub(crate) data: String,
    /// What overrides settings: for verbs that plan.
    pub(crate) planning: String,
}

impl Repeated {
    pub(crate) fn new(session: &Session, data: &DataArgs, planning: &PlanningArgs) -> Self {
        let path = |path: &PathBuf| path.display().to_string();
        let mut repeated = Self::default();
        let text = &mut repeated.data;
        add_flag(text, "--project", session.project.as_ref().map(path));
        for path in &data.paths {
            text.push_str(&format!(" {}", shell_word(&path.display().to_string())));
        }
        add_flag(text, "--map", data.map.as_ref().map(path));
        if data.strict {
            text.push_str(" --strict");
        }
        add_flag(text, "--decimal", data.decimal);
        add_flag(text, "--date-format", data.date_format.as_ref());
        add_flag(text, "--as-of", session.as_of);
        let text = &mut repeated.planning;
        add_flag(text, "--objective", planning.objective.map(objective_argument));
        add_flag(text, "--policy", planning.policy.as_ref());
        add_flag(text, "--model", planning.model.as_ref());
        add_flag(text, "--budget", planning.budget);
        add_flag(text, "--lead-time", planning.lead_time);
        add_flag(text, "--review-period", planning.review_period);
        add_flag(text, "--currency", planning.currency.as_ref());
        add_flag(text, "--seed", planning.seed);
        repeated
    }
}

fn add_flag(text: &mut String, flag: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        text.push_str(&format!(" {flag} {}", shell_word(&value.to_string())));
    }
}

/// An objective as `--objective` takes it.
fn objective_argument(objective: Objective) -> String {
    let Objective::Service { service_type, target } = objective else { return "economics".to_owned() };
    let service = match service_type {
        ServiceType::Cycle => "cycle",
        ServiceType::FillRate => "fill_rate",
        ServiceType::InStock => "in_stock",
    };
    format!("{service}={target}")
}

/// Adds what a mapping file says about its data to the defaults.
fn with_hints(base: PlanSettings, hints: &toml::Table, mapping: Option<&Path>) -> Result<PlanSettings, CliError> {
    if hints.is_empty() {
        return Ok(base);
    }
    let file = mapping.map_or_else(String::new, |path| format!(" ({} [settings])", path.display()));
    let internal = |error: &dyn std::fmt::Display| CliError::internal(format!("settings cannot be merged: {error}"));
    let mut table = toml::Table::try_from(&base).map_err(|error| internal(&error))?;
    // Settings that may be absent are not written, so they are named here.
    let optional = ["as_of", "max_days_of_cover", "budget"];
    for (key, value) in hints {
        if !table.contains_key(key) && !optional.contains(&key.as_str()) {
            let known: Vec<&str> = table.keys().map(String::as_str).chain(optional).collect();
            let error = CliError::usage(format!("unknown setting {key:?}{file}"));
            return Err(match did_you_mean(key, known.iter().copied()) {
                Some(name) => error.hint(format!("did you mean {name:?}?")),
                None => error.hint(format!("known settings: {}", known.join(", "))),
            });
        }
        // 7 is as good as 7.0 where a number is expected.
        let value = match (table.get(key), value) {
            (Some(toml::Value::Float(_)), toml::Value::Integer(whole)) => toml::Value::Float(*whole as f64),
            _ => value.clone(),
        };
        table.insert(key.clone(), value);
    }
    table
        .try_into()
        .map_err(|error: toml::de::Error| CliError::usage(format!("{}{file}", error.message().replace('\n', ", "))))
}

/// Applies the flags of one run.
///
/// # Errors
/// Names that are not known.
pub(crate) fn apply_flags(settings: &mut PlanSettings, flags: &PlanningArgs) -> Result<(), CliError> {
    if let Some(objective) = flags.objective {
        settings.objective = objective;
    }
    if let Some(policy) = &flags.policy {
        settings.policy.clone_from(policy);
    }
    if let Some(model) = &flags.model {
        settings.forecast_model.clone_from(model);
    }
    settings.budget = flags.budget.or(settings.budget);
    settings.default_lead_time_days = flags.lead_time.unwrap_or(settings.default_lead_time_days);
    settings.default_review_days = flags.review_period.unwrap_or(settings.default_review_days);
    settings.seed = flags.seed.unwrap_or(settings.seed);
    if let Some(currency) = &flags.currency {
        settings.currency.clone_from(currency);
    }
    check_policy(&settings.policy)?;
    for segment in &settings.segments {
        if let Some(policy) = &segment.policy {
            check_policy(policy)?;
        }
    }
    Ok(())
}

/// Refuses a policy nobody knows.
pub(crate) fn check_policy(name: &str) -> Result<(), CliError> {
    if restock_learning::policy(name).is_some() {
        return Ok(());
    }
    Err(unknown_name("policy", name, restock_learning::POLICY_NAMES))
}

/// The forecaster of a name; `pretrained`, and what `auto` weighs beside its own models, is the version that the project
/// promoted.
pub(crate) fn forecaster(name: &str, loaded: &Loaded) -> Result<Box<dyn Forecaster>, CliError> {
    let version = match name {
        "auto" | "pretrained" | EXTERNAL => loaded.models.active().map_err(|error| registry_error(&error))?,
        _ => None,
    };
    forecaster_of(name, loaded, version.as_deref())
}

/// The same with a version of the pretrained model; `None` is the one that is shipped.
///
/// # Errors
/// A name that is not known, a version that cannot be read.
pub(crate) fn forecaster_of(
    name: &str,
    loaded: &Loaded,
    version: Option<&str>,
) -> Result<Box<dyn Forecaster>, CliError> {
    let pretrained = || {
        let precision = precision(&loaded.settings.forecast_precision)?;
        pretrained(&loaded.models, version, loaded.settings.bucket, precision)
    };
    match name {
        "pretrained" => return pretrained(),
        name if shipped::NAMES.contains(&name) => {
            let model = shipped::in_precision(name, precision(&loaded.settings.forecast_precision)?);
            return Ok(Box::new(model.expect("a shipped name")));
        }
        // What another system does not forecast, `auto` does.
        "auto" | EXTERNAL => {
            return Ok(Box::new(Auto { pretrained: Some(Arc::from(pretrained()?)), ..Auto::default() }));
        }
        _ => {}
    }
    restock_forecast::forecaster(name).ok_or_else(|| {
        let names = restock_forecast::MODEL_NAMES.iter().chain(shipped::NAMES).chain(&[EXTERNAL]);
        let known: Vec<&str> = names.copied().collect();
        unknown_name("model", name, &known)
    })
}

/// The versions of the pretrained model that belong to the project in a folder.
pub(crate) fn models_of(dir: &Path) -> Registry {
    Registry::new(dir.join(".restock").join("models"))
}

/// What is said where the version that was promoted is tuned to periods of another length than those of the data: the
/// shipped model is used in its place. A version that cannot be read is for those who use it to tell.
fn note_of_other_bucket(session: &Session, models: &Registry, bucket: Bucket) -> Option<String> {
    let version = models.active().ok()??;
    let tuned = models.card(&version).ok()?.bucket;
    let periods = |bucket: Bucket| {
        session.text(match bucket {
            Bucket::Day => Text::PeriodsOfDays,
            Bucket::Week => Text::PeriodsOfWeeks,
            Bucket::Month => Text::PeriodsOfMonths,
        })
    };
    (tuned != bucket).then(|| session.fill(Text::VersionOfOtherBucket, &[&version, &periods(tuned), &periods(bucket)]))
}

/// The pretrained model: a version, if it is tuned to periods of this length, or the one that is shipped.
fn pretrained(
    models: &Registry,
    version: Option<&str>,
    bucket: Bucket,
    precision: Precision,
) -> Result<Box<dyn Forecaster>, CliError> {
    let Some(version) = version else { return Ok(Box::new(shipped::pretrained(precision))) };
    let adapter = models.load(version, shipped::base()).map_err(|error| registry_error(&error))?;
    if let Err(error) = adapter.card.require_bucket(bucket) {
        let reason = format!("pretrained on simulated shops, not fitted: version {version} is {error}");
        return Ok(Box::new(shipped::pretrained(precision).because(&reason)));
    }
    let model = adapter
        .forecaster(shipped::base().weights, precision)
        .map_err(|error| CliError::data(error.to_string()))?
        .named(&format!("pretrained@{version}"))
        .because("pretrained on simulated shops, tuned to this project's history");
    Ok(Box::new(model))
}

/// The precision of a name, where this processor has it.
fn precision(name: &str) -> Result<Precision, CliError> {
    if name == "auto" {
        return Ok(Precision::fastest());
    }
    let supported = Precision::supported();
    supported.iter().copied().find(|precision| precision.name() == name).ok_or_else(|| {
        let names: Vec<&str> = supported.iter().map(|precision| precision.name()).collect();
        CliError::usage(format!("forecast.precision is {name:?}, this processor has {}", names.join(", ")))
            .hint("\"auto\" takes the fastest of them")
    })
}

/// The registry's error in our shape.
pub(crate) fn registry_error(error: &RegistryError) -> CliError {
    let message = error.to_string();
    match error {
        RegistryError::Unknown { .. } => CliError::usage(message).hint("`restock model list` shows every version"),
        RegistryError::NothingBefore => CliError::usage(message).hint("`restock model list` shows what is used"),
        RegistryError::NotBetter { .. } => CliError { exit: Exit::Findings, ..CliError::usage(message) }
            .hint("--force REASON promotes it all the same and writes the reason down"),
        RegistryError::Changed { .. } | RegistryError::Adapter { .. } => CliError::data(message)
            .hint("`restock model rollback` or `restock model promote shipped` uses another version"),
        RegistryError::File { .. } => CliError::data(message),
    }
}

fn unknown_name(what: &str, name: &str, known: &[&str]) -> CliError {
    let suggestion = did_you_mean(name, known.iter().copied());
    CliError::usage(format!("{what} {name:?} is not known, expected one of auto, {}", {
        let names: Vec<&str> = known.iter().copied().filter(|known| *known != "auto").collect();
        names.join(", ")
    }))
    .hint(suggestion.map_or("leave it out to let auto choose".to_owned(), |known| format!("did you mean {known:?}?")))
}

/// The reader's error in our shape; its hint is part of its message.
pub(crate) fn import_error(error: &ImportError) -> CliError {
    let text = error.to_string();
    let (message, hint) = text.split_once("\n\nhint: ").map_or((text.as_str(), None), |(m, h)| (m, Some(h)));
    let mut out = match error {
        ImportError::NoRowAccepted { n_row_errors, first } => {
            let message = match n_row_errors {
                1 => "the only row could not be read".to_owned(),
                n => format!("none of the {n} rows could be read"),
            };
            CliError::data(message).rows(first.clone()).hint("correct the rows, see above")
        }
        ImportError::Strict { n_row_errors, first } => {
            let message = in_singular(&format!("{n_row_errors} rows could not be read and --strict is set"));
            CliError::data(message)
                .rows(first.clone())
                .hint("correct them, or leave out --strict to go on without them")
        }
        ImportError::Mapping { .. } | ImportError::Option(_) => CliError::usage(message),
        _ => CliError::data(message),
    };
    if let Some(hint) = hint {
        out = out.hint(hint);
    }
    out
}

/// A word as a shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./@:=+,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Writes a file, making its folder.
///
/// # Errors
/// [`CliError`] naming the file.
pub(crate) fn write_file(path: &Path, content: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::usage(format!("cannot write {}: {error}", path.display()));
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    std::fs::write(path, content).map_err(failed)
}

/// Whether any money is known.
pub(crate) fn is_known(value: Money) -> bool {
    !value.is_zero()
}
