//! `restock config explain`: every setting, its value here, its default and meaning.

use serde_json::json;

use crate::cli::{ConfigAction, ConfigArgs};
use crate::config::{Config, SETTINGS};
use crate::error::CliError;
use crate::i18n::Text;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

pub(crate) fn run(session: &Session, args: &ConfigArgs) -> Result<Output, CliError> {
    let ConfigAction::Explain { filter } = &args.action;
    let path = session.project.clone().unwrap_or_else(|| ".".into()).join("restock.toml");
    let config = match std::fs::read_to_string(&path) {
        Ok(text) => Some(Config::parse(&text, &path)?),
        Err(_) if session.project.is_none() => None,
        Err(error) => return Err(CliError::usage(format!("cannot read {}: {error}", path.display()))),
    };
    let given = |key: &str| -> Option<&str> {
        let given = &config.as_ref()?.given;
        given.iter().find(|(name, _)| name == key).map(|(_, text)| text.as_str())
    };
    let shown = || SETTINGS.iter().filter(|s| filter.as_ref().is_none_or(|part| s.key.contains(part.as_str())));
    if shown().next().is_none() {
        let filter = filter.as_deref().unwrap_or_default();
        return Err(CliError::usage(format!("no setting contains {filter:?}"))
            .hint("`restock config explain` lists every setting"));
    }
    if session.json {
        let rows: Vec<_> = shown()
            .map(|setting| {
                json!({
                    "key": setting.key,
                    "value": given(setting.key).unwrap_or(setting.default),
                    "default": setting.default,
                    "allowed": setting.expected,
                    "meaning": setting.meaning(session.lang),
                    "used": setting.used,
                })
            })
            .collect();
        return Output::json(&rows);
    }
    let mut text = match &config {
        Some(_) => session.fill(Text::ConfigFrom, &[&path.display()]),
        None => session.text(Text::ConfigNoFile).to_owned(),
    };
    text.push_str("\n\n");
    let mut grid = Grid::new()
        .column(session.text(Text::Setting), Align::Left)
        .column(session.text(Text::ValueNow), Align::Left)
        .optional(session.text(Text::Default), Align::Left, 1)
        .column(session.text(Text::Meaning), Align::Text);
    for setting in shown() {
        let mut meaning = setting.meaning(session.lang).to_owned();
        if !setting.used {
            meaning.push_str(&format!(" {}", session.text(Text::NotYetUsed)));
        }
        // Segments and sources have no single value, and absent ones no value at all.
        let listed = setting.listed();
        let value = if listed.is_some() { "" } else { given(setting.key).unwrap_or(setting.default) };
        let default = if given(setting.key).is_some() { setting.default } else { "" };
        grid.row([listed.unwrap_or_else(|| setting.key.to_owned()), value.to_owned(), default.to_owned(), meaning]);
    }
    text.push_str(&grid.render(session));
    Ok(Output::text(text))
}
