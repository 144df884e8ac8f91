//! Scenarios that people made: a name and changes. The audit trail of the ledger is the store; the plans of scenarios are
//! jobs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use restock_ledger::AuditEntry;
use serde::{Deserialize, Serialize};

use crate::trail::FromTrail;

/// Beginning of the subject of entries about scenarios.
const SUBJECT: &str = "scenario/";
const SET: &str = "scenario.set";
const REMOVE: &str = "scenario.remove";

/// What a scenario says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saying {
    pub(crate) name: String,
    pub(crate) changes: Vec<String>,
}

impl Saying {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

/// A scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) saying: Saying,
    /// Who said so last, and when.
    pub(crate) author: String,
    pub(crate) at: Timestamp,
    /// The job that planned it last, since the start of the server.
    pub(crate) job_id: Option<String>,
}

/// All scenarios, by id.
#[derive(Debug, Default)]
pub(crate) struct Scenarios {
    by_id: BTreeMap<String, Scenario>,
    last_number: u64,
}

/// The entry that makes or changes a scenario; one that removes it where `after` is nothing.
pub(crate) fn entry(
    scenario_id: &str,
    before: Option<&Saying>,
    after: Option<&Saying>,
    actor: &str,
    at: Timestamp,
) -> AuditEntry {
    let text = |saying: Option<&Saying>| saying.map(Saying::text).unwrap_or_default();
    AuditEntry {
        at,
        actor: actor.to_owned(),
        action: if after.is_some() { SET } else { REMOVE }.to_owned(),
        subject: format!("{SUBJECT}{scenario_id}"),
        reason: String::new(),
        before: text(before),
        after: text(after),
    }
}

impl Scenarios {
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Scenario)> {
        self.by_id.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, scenario_id: &str) -> Option<&Scenario> {
        self.by_id.get(scenario_id)
    }

    /// Notes the job that plans a scenario.
    pub(crate) fn set_job(&mut self, scenario_id: &str, job_id: &str) {
        if let Some(scenario) = self.by_id.get_mut(scenario_id) {
            scenario.job_id = Some(job_id.to_owned());
        }
    }
}

impl FromTrail for Scenarios {
    fn last_number(&mut self) -> &mut u64 {
        &mut self.last_number
    }

    fn take(&mut self, entry: &AuditEntry) {
        let Some(scenario_id) = entry.subject.strip_prefix(SUBJECT) else { return };
        match (entry.action.as_str(), serde_json::from_str::<Saying>(&entry.after)) {
            (SET, Ok(saying)) => {
                // What was planned before was another one.
                let scenario = Scenario { saying, author: entry.actor.clone(), at: entry.at, job_id: None };
                self.by_id.insert(scenario_id.to_owned(), scenario);
            }
            (REMOVE, _) => drop(self.by_id.remove(scenario_id)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use restock_ledger::{Ledger, SqliteLedger};

    use super::*;

    #[test]
    fn what_the_trail_says_holds() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&dir.path().join("ledger.sqlite")).unwrap();
        let saying = |name: &str| Saying { name: name.to_owned(), changes: vec!["target=0.9".to_owned()] };
        let at = Timestamp::UNIX_EPOCH;
        let mut scenarios = Scenarios::default();
        let mut take_in = |ledger: &SqliteLedger| {
            let records = ledger.audit_trail(*scenarios.last_number() + 1, 100).unwrap();
            scenarios.take_in(&records);
            scenarios.take_in(&records);
            scenarios.set_job("sc_1", "job_1");
            scenarios
                .all()
                .map(|(id, one)| (id.clone(), one.saying.name.clone(), one.job_id.clone()))
                .collect::<Vec<_>>()
        };
        ledger.record(&entry("sc_1", None, Some(&saying("one")), "ann", at)).unwrap();
        ledger.record(&entry("sc_2", None, Some(&saying("two")), "ann", at)).unwrap();
        let job = Some("job_1".to_owned());
        let named = |id: &str, name: &str, job: &Option<String>| (id.to_owned(), name.to_owned(), job.clone());
        assert_eq!(take_in(&ledger), [named("sc_1", "one", &job), named("sc_2", "two", &None)]);
        ledger.record(&entry("sc_1", Some(&saying("one")), Some(&saying("uno")), "bob", at)).unwrap();
        ledger.record(&entry("sc_2", Some(&saying("two")), None, "bob", at)).unwrap();
        assert_eq!(take_in(&ledger), [named("sc_1", "uno", &job)]);
        assert_eq!((scenarios.len(), &*scenarios.find("sc_1").unwrap().author), (1, "bob"));
    }
}
