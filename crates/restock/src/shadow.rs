//! Shadow mode: since when the learned policy watches a project, and from when on `auto` may let it act.
//!
//! The day on which it began is kept in `.restock/learned_policy.json` of the project, with the hash of its weights: other
//! weights watch anew. Where there is no project, it only watches.

use std::path::{Path, PathBuf};

use restock_core::Day;
use restock_core::settings::{PlanSettings, PolicyWeights};
use restock_engine::{LEARNED_SAVING, Plan};
use restock_learning::{PretrainedPolicy, guarded};
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::write_file;
use crate::session::Session;

const FOLDER: &str = ".restock";
const FILE: &str = "learned_policy.json";

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    /// SHA-256 of the weights, hexadecimal.
    weights: String,
    /// The day of the first plan that it watched.
    since: Day,
}

/// Shadow mode of one run.
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    /// The file; `None` without a project.
    path: Option<PathBuf>,
    /// Days that it watches.
    days: u32,
    /// Since when it watches, where it does.
    since: Option<Day>,
    /// SHA-256 of the weights that watch, hexadecimal.
    weights: String,
}

impl Shadow {
    /// Reads since when the learned policy watches the project in `dir`, if there is one; `fitted` are its own weights.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn read(dir: Option<&Path>, days: u32, fitted: Option<&PolicyWeights>) -> Result<Self, CliError> {
        let path = dir.map(|dir| dir.join(FOLDER).join(FILE));
        let weights = fitted.map_or_else(PretrainedPolicy::shipped_sha256, |fitted| fitted.sha256.clone());
        let mut shadow = Self { path, days, since: None, weights };
        let Some(path) = shadow.path.as_deref().filter(|path| path.exists()) else { return Ok(shadow) };
        let fails = |reason: String| {
            CliError::usage(format!("cannot read {}: {reason}", path.display()))
                .hint("delete it, and the learned policy begins to watch anew")
        };
        let text = std::fs::read_to_string(path).map_err(|error| fails(error.to_string()))?;
        let begun: Begun = serde_json::from_str(&text).map_err(|error| fails(error.to_string()))?;
        shadow.since = Some(begun.since).filter(|_| begun.weights == shadow.weights);
        Ok(shadow)
    }

    /// The name of these weights in the contest of policies.
    pub(crate) fn version(&self) -> String {
        format!("{} {}", guarded::NAME, self.weights.get(..8).unwrap_or(&self.weights))
    }

    /// Whether `auto` may let the learned policy act in a plan of this day: its days of watching are over, and the policy
    /// that acts by the evidence of outcomes is the one of these weights.
    pub(crate) fn acts(&self, as_of: Day, champion: &str) -> bool {
        let has_watched = self.since.is_some_and(|since| as_of >= since.plus(self.days as i32));
        self.days == 0 || has_watched && champion == self.version()
    }

    /// Begins to watch with a plan of this day, where it has not yet; says so where that cannot be written down.
    pub(crate) fn begin(&self, as_of: Day) -> Result<(), CliError> {
        let (Some(path), None) = (&self.path, self.since) else { return Ok(()) };
        if self.days == 0 {
            return Ok(());
        }
        let begun = Begun { weights: self.weights.clone(), since: as_of };
        let text = serde_json::to_string_pretty(&begun).expect("two texts");
        write_file(path, &format!("{text}\n"))
    }

    /// What the learned policy would have done in a plan that it only watched, where that differs.
    pub(crate) fn note(&self, session: &Session, plan: &Plan, settings: &PlanSettings) -> Option<String> {
        let savings: Vec<f64> = plan
            .proposals
            .iter()
            .flat_map(|proposal| &proposal.explanation.waterfall)
            .flat_map(|line| &line.evidence)
            .filter(|(key, _)| key == LEARNED_SAVING)
            .filter_map(|(_, saving)| saving.parse().ok())
            .collect();
        if savings.is_empty() {
            return None;
        }
        let saving = format::plain(savings.iter().sum(), 2);
        let told = session.fill(Text::LearnedWatches, &[&savings.len(), &saving, &settings.currency]);
        let until = match (&self.path, self.since.unwrap_or(plan.as_of)) {
            (Some(_), since) => session.fill(Text::LearnedWatchesUntil, &[&since.plus(self.days as i32)]),
            (None, _) => session.text(Text::LearnedOnlyWatches).to_owned(),
        };
        Some(format!("{told}{until}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn it_acts_after_its_days_of_watching() {
        let dir = tempfile::tempdir().unwrap();
        let shadow = Shadow::read(Some(dir.path()), 28, None).unwrap();
        let version = shadow.version();
        assert!(!shadow.acts(day("2026-03-02"), &version));
        shadow.begin(day("2026-03-02")).unwrap();
        let shadow = Shadow::read(Some(dir.path()), 28, None).unwrap();
        assert!(!shadow.acts(day("2026-03-29"), &version) && shadow.acts(day("2026-03-30"), &version));
        assert!(!shadow.acts(day("2026-03-30"), "classical"), "outcomes speak for another policy");
        shadow.begin(day("2026-03-20")).unwrap();
        assert_eq!(Shadow::read(Some(dir.path()), 28, None).unwrap().since, Some(day("2026-03-02")), "it began once");
    }

    #[test]
    fn other_weights_watch_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FOLDER).join(FILE);
        write_file(&path, r#"{"weights": "of another release", "since": "2025-01-01"}"#).unwrap();
        let shadow = Shadow::read(Some(dir.path()), 28, None).unwrap();
        let version = shadow.version();
        assert!(!shadow.acts(day("2026-03-02"), &version));
        shadow.begin(day("2026-03-02")).unwrap();
        assert!(Shadow::read(Some(dir.path()), 28, None).unwrap().acts(day("2026-03-30"), &version));
        let fitted = PolicyWeights { sha256: "of a fit".to_owned(), ..PolicyWeights::default() };
        assert!(!Shadow::read(Some(dir.path()), 28, Some(&fitted)).unwrap().acts(day("2026-03-30"), &version));
    }

    #[test]
    fn without_days_it_acts_at_once_and_without_a_project_never_else() {
        assert!(Shadow::read(None, 0, None).unwrap().acts(day("2026-03-02"), ""));
        let shadow = Shadow::read(None, 1, None).unwrap();
        shadow.begin(day("2026-03-02")).unwrap();
        assert!(!shadow.acts(day("2036-03-02"), ""));
    }

    #[test]
    fn a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        write_file(&dir.path().join(FOLDER).join(FILE), "{").unwrap();
        let error = Shadow::read(Some(dir.path()), 28, None).unwrap_err();
        assert!(format!("{error:?}").contains("learned_policy.json"), "{error:?}");
    }
}
