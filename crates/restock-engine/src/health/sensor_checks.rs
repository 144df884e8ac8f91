//! Checks over readings of sensors and values of signals: D27.

use std::collections::BTreeMap;

use restock_core::dataset::ReadingRow;
use restock_core::{Finding, FindingCode, Severity};

use super::facts::Facts;
use super::finding;
use crate::effects::implausible;
use crate::history::rows_by_pair;
use crate::sensors::{Unusable, read};

pub(super) const OVER_ALL: &[fn(&Facts<'_>) -> Vec<Finding>] = &[d27_unusable_readings, d27_implausible_signals];

/// D27: readings that are ignored. One that says nothing about the stock is only an info.
fn d27_unusable_readings(facts: &Facts<'_>) -> Vec<Finding> {
    let rows_of = rows_by_pair(&facts.dataset.readings, |row| Some((row.item, row.location)));
    let mut findings = Vec::new();
    for pair in facts.pairs.iter().filter(|pair| rows_of.contains_key(&(pair.item, pair.location))) {
        let rows: Vec<&ReadingRow> =
            rows_of[&(pair.item, pair.location)].iter().map(|idx| &facts.dataset.readings[*idx as usize]).collect();
        let sold: std::collections::BTreeSet<_> = facts.history(pair).sale_days().map(|day| day.day).collect();
        let item = &facts.dataset.items[pair.item.0 as usize];
        let read = read(&rows, item, facts.settings.unknown_from(facts.as_of), |day| sold.contains(&day));
        let mut by_reason: BTreeMap<Unusable, Vec<&ReadingRow>> = BTreeMap::new();
        for (idx, why) in read.unusable {
            by_reason.entry(why).or_default().push(rows[idx]);
        }
        for (why, rows) in by_reason {
            let (n, first) = (rows.len(), rows[0]);
            let (severity, texts, fix) = words(why, n, first);
            let found = finding(FindingCode::D27, severity, texts, fix);
            findings.push(found.about(facts, pair.item, pair.location).rows(rows.iter().map(|row| row.row)));
        }
    }
    findings
}

/// D27: values of weather and other signals that are ignored.
fn d27_implausible_signals(facts: &Facts<'_>) -> Vec<Finding> {
    let found = implausible(facts.dataset, facts.as_of).into_iter().map(|(name, (n, day, value))| {
        let texts = [
            format!("{n} values of the signal {name:?} cannot be right and are ignored, such as {value} on {day}"),
            format!("信号“{name}”有 {n} 个值不可能正确，已忽略，例如 {day} 的 {value}"),
        ];
        let fix = ["correct or remove them", "请更正或删除"];
        let mut found = finding(FindingCode::D27, Severity::Warning, texts, fix).no_rows();
        found.n_rows = n;
        found
    });
    found.collect()
}

fn words(why: Unusable, n: usize, first: &ReadingRow) -> (Severity, [String; 2], [&'static str; 2]) {
    let (metric, value, unit) = (&first.metric, first.value, &first.unit);
    match why {
        Unusable::Metric => (
            Severity::Info,
            [
                format!("{n} readings of {metric:?} are ignored: weight and temperature are known"),
                format!("{n} 条“{metric}”读数被忽略：仅支持重量与温度"),
            ],
            ["name the metric weight or temperature", "将指标命名为 weight 或 temperature"],
        ),
        Unusable::Unit => (
            Severity::Warning,
            [
                format!("{n} readings of {metric} in {unit:?} are ignored: kg, g, lb, °C and °F are known"),
                format!("{n} 条{metric}读数的单位“{unit}”未知，已忽略：支持 kg、g、lb、°C、°F"),
            ],
            ["give the unit of the sensor", "请填写传感器单位"],
        ),
        Unusable::Value => (
            Severity::Warning,
            [
                format!("{n} readings of {metric} cannot be right and are ignored, such as {value} {unit}"),
                format!("{n} 条{metric}读数不可能正确，已忽略，例如 {value} {unit}"),
            ],
            ["set the sensor to zero with an empty shelf, or replace it", "空架归零或更换传感器"],
        ),
        Unusable::Stuck => (
            Severity::Warning,
            [
                format!(
                    "the scale shows {value} {unit} for {n} days on which goods were sold: it is stuck and ignored"
                ),
                format!("有销售的 {n} 天里秤一直显示 {value} {unit}：疑似卡死，已忽略"),
            ],
            ["look at the sensor", "检查传感器"],
        ),
        Unusable::NoUnitWeight => (
            Severity::Info,
            [
                format!("{n} weights are ignored: the item has no weight per unit"),
                format!("{n} 条重量读数被忽略：商品没有单位重量"),
            ],
            ["give the weight of a unit in kg in the items table", "在 items 表中填写单位重量（千克）"],
        ),
        Unusable::NoLimit => (
            Severity::Info,
            [
                format!("{n} temperatures are ignored: the item has no max_temperature"),
                format!("{n} 条温度读数被忽略：商品没有 max_temperature"),
            ],
            ["give max_temperature in °C in the items table", "在 items 表中填写 max_temperature（°C）"],
        ),
    }
}
