//! One run of the program: from arguments and surroundings to text and an exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use console::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use restock_core::Day;
use restock_core::settings::Lang;

use crate::cli::{Cli, Color, Verb, parse_lang};
use crate::error::{CliError, Exit};
use crate::i18n::Text;
use crate::verbs;

/// What `main` reads from the machine; everything below replays exactly from it.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Today, for fresh project files only; plans take their day from the data or `--as-of`.
    pub(crate) today: Day,
    /// The time on the clock, for events that come in.
    pub(crate) now: jiff::Timestamp,
    /// `zh_CN.UTF-8` and the like; empty when unset.
    pub(crate) locale: String,
    /// Whether NO_COLOR is set.
    pub(crate) no_color: bool,
    /// Whether a person reads standard output.
    pub(crate) stdout_is_terminal: bool,
    /// Whether a person reads standard error.
    pub(crate) stderr_is_terminal: bool,
    /// Columns of the terminal, if there is one.
    pub(crate) width: Option<usize>,
}

/// What a run prints and returns.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: Exit,
}

/// What a verb returns.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Text or JSON for standard output.
    pub(crate) body: String,
    /// Whether there is something to look at (exit code 1).
    pub(crate) findings: bool,
    /// Remarks for standard error.
    pub(crate) notes: Vec<String>,
}

impl Output {
    pub(crate) fn text(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    pub(crate) fn json(value: &impl serde::Serialize) -> Result<Self, CliError> {
        let mut body = serde_json::to_string_pretty(value)
            .map_err(|error| CliError::internal(format!("the result cannot be written as JSON: {error}")))?;
        body.push('\n');
        Ok(Self::text(body))
    }
}

/// The choices that hold for one run.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) lang: Lang,
    pub(crate) json: bool,
    pub(crate) color: bool,
    /// Columns to lay tables out in; wide when nobody looks.
    pub(crate) width: usize,
    pub(crate) show_progress: bool,
    pub(crate) project: Option<PathBuf>,
    pub(crate) as_of: Option<Day>,
    pub(crate) today: Day,
    /// When the run began.
    pub(crate) now: jiff::Timestamp,
}

impl Session {
    /// A message in the language of the run.
    pub(crate) fn text(&self, text: Text) -> &'static str {
        text.get(self.lang)
    }

    /// A message with `{0}`, `{1}`… filled in.
    pub(crate) fn fill(&self, text: Text, values: &[&dyn std::fmt::Display]) -> String {
        text.fill(self.lang, values)
    }

    /// English or Chinese, whichever the run speaks.
    pub(crate) fn either<'a>(&self, en: &'a str, zh: &'a str) -> &'a str {
        match self.lang {
            Lang::ZhCn if !zh.is_empty() => zh,
            _ => en,
        }
    }

    /// A message of a lower layer in the language of the run.
    pub(crate) fn said<'a>(&self, message: &'a str) -> std::borrow::Cow<'a, str> {
        crate::catalogue::said(message, self.lang)
    }

    /// `text` in a style, where colour is on.
    pub(crate) fn paint(&self, text: &str, style: Style) -> String {
        style.force_styling(self.color).apply_to(text).to_string()
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint(text, Style::new().bold())
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.paint(text, Style::new().dim())
    }

    /// A bar that appears once the work has taken a second, on a terminal only.
    pub(crate) fn progress(&self, label: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(label.to_owned());
        Progress { bar, allowed: self.show_progress }
    }
}

/// Progress of one piece of work.
pub(crate) struct Progress {
    bar: ProgressBar,
    allowed: bool,
}

impl Progress {
    /// `done` of `total`; a total of 0 means unknown.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if !self.allowed {
            return;
        }
        if self.bar.is_hidden() && self.bar.elapsed() > Duration::from_secs(1) {
            let template = if total > 0 {
                "{msg} {bar:30.cyan/dim} {human_pos}/{human_len} −{eta}"
            } else {
                "{msg} {spinner} {human_pos}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style.progress_chars("━╸─"));
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if total > 0 && self.bar.length() != Some(total) {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    /// Names what is being done now.
    pub(crate) fn say(&self, label: &str) {
        if self.allowed && self.bar.message() != label {
            self.bar.set_message(label.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Runs one command line.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>, surroundings: &Surroundings) -> Outcome {
    let args: Vec<OsString> = args.into_iter().collect();
    let wants_json = args.iter().any(|arg| arg == "--json");
    let color_by_default = surroundings.stdout_is_terminal && !surroundings.no_color;
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let text = error.render();
            let stdout = if color_by_default { text.ansi().to_string() } else { text.to_string() };
            return Outcome { stdout, stderr: String::new(), exit: Exit::Ok };
        }
        Err(error) => {
            let text = error.render().to_string();
            if wants_json {
                let message = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default().to_owned();
                return failure(&CliError::usage(message), true, false, Lang::En);
            }
            return Outcome { stdout: String::new(), stderr: text, exit: Exit::Usage };
        }
    };
    let global = cli.global.clone();
    let color = match global.color {
        Color::Auto => color_by_default,
        Color::Always => true,
        Color::Never => false,
    };
    let session = Session {
        lang: global.lang.or_else(|| parse_lang(&surroundings.locale).ok()).unwrap_or_default(),
        json: global.json,
        color: color && !global.json,
        width: surroundings.width.unwrap_or(120).clamp(40, 220),
        show_progress: surroundings.stderr_is_terminal && !global.json,
        project: global.project,
        as_of: global.as_of,
        today: surroundings.today,
        now: surroundings.now,
    };
    let result = match &cli.verb {
        Verb::Init(args) => verbs::init::run(&session, args),
        Verb::Demo(args) => verbs::demo::run(&session, args),
        Verb::Try(args) => verbs::plan::run_try(&session, args),
        Verb::Import(args) => verbs::import::run(&session, args),
        Verb::Check(args) => verbs::check::run(&session, args),
        Verb::Forecast(args) => verbs::forecast::run(&session, args),
        Verb::Plan(args) => verbs::plan::run(&session, args),
        Verb::Explain(args) => verbs::explain::run(&session, args),
        Verb::Export(args) => verbs::export::run(&session, args),
        Verb::Simulate(args) => verbs::simulate::run(&session, args),
        Verb::Backtest(args) => verbs::backtest::run(&session, args),
        Verb::Env(args) => verbs::env::run(&session, args),
        Verb::Bench(args) => verbs::bench::run(&session, args),
        Verb::Solve(args) => verbs::solve::run(&session, args),
        Verb::Train(args) => verbs::train::run(&session, args),
        Verb::Tune(args) => verbs::tune::run(&session, args),
        Verb::Model(args) => verbs::model::run(&session, args),
        Verb::Approve(args) => verbs::desk::approve(&session, args),
        Verb::Reject(args) => verbs::desk::reject(&session, args),
        Verb::Edit(args) => verbs::desk::edit(&session, args),
        Verb::Serve(args) => verbs::serve::run(&session, args),
        Verb::User(args) => verbs::users::user(&session, args),
        Verb::Token(args) => verbs::users::token(&session, args),
        Verb::Ingest(args) => verbs::ingest::run(&session, args),
        Verb::Backup(args) => verbs::ledger::backup(&session, args),
        Verb::Restore(args) => verbs::ledger::restore(&session, args),
        Verb::Doctor(args) => verbs::ledger::doctor(&session, args),
        Verb::Config(args) => verbs::config_explain::run(&session, args),
        Verb::Completions { shell } => verbs::completions::run(&session, *shell),
    };
    match result {
        Ok(output) => {
            let label = session.paint(session.text(Text::NoteLabel), Style::new().yellow().bold());
            let stderr = output.notes.iter().map(|note| format!("{label} {note}\n")).collect();
            Outcome { stdout: output.body, stderr, exit: if output.findings { Exit::Findings } else { Exit::Ok } }
        }
        Err(error) => failure(&error, session.json, color && surroundings.stderr_is_terminal, session.lang),
    }
}

fn failure(error: &CliError, json: bool, color: bool, lang: Lang) -> Outcome {
    let exit = error.exit;
    if json {
        Outcome { stdout: format!("{:#}\n", error.to_json()), stderr: String::new(), exit }
    } else {
        Outcome { stdout: String::new(), stderr: error.render(color, lang), exit }
    }
}
