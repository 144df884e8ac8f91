//! One table read from one input: which field comes from which column, and how its cells become values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use restock_core::{Day, Money, Quantity, WeekdaySet};
use rust_decimal::Decimal;

use crate::ImportError;
use crate::date::{self, DateColumn, DateProblem, DateStyle};
use crate::intern::Interner;
use crate::mapping::{Case, Expression, Filter, FormatHints, Lookup, Mapping, Names, Operand, TableMapping};
use crate::number::{self, Mark, Number, NumberColumn, Problem, Reading};
use crate::source::{Cell, Chunk, Input};
use crate::tables::{self, Field, Remark, Table, TableSpec, quantile_level};
use crate::weekdays::parse_weekdays;
use crate::wide::{self, shorten};

/// Why one cell could not be used; becomes a `RowError`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub column: String,
    pub value: String,
    pub expected: String,
    pub fix: String,
}

/// The result of reading one cell: absent, a value, or wrong.
pub(crate) type Read<T> = Result<Option<T>, Box<Bad>>;

/// Where a field's text comes from.
#[derive(Clone, Debug)]
pub(crate) enum From {
    Column(usize),
    Constant(String),
    Concat(Vec<usize>, String),
}

/// What to multiply or divide by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factor {
    Number(Decimal),
    Column(usize),
}

/// The contents of the files that expressions look values up in.
pub(crate) type Lookups = Vec<(Lookup, BTreeMap<String, String>)>;

/// How one field is read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub field: Field,
    /// Canonical name of the field.
    pub name: &'static str,
    /// Header for messages.
    pub header: String,
    pub from: From,
    pub multiply: Option<Factor>,
    pub divide: Option<Factor>,
    pub case: Option<Case>,
    pub prefix: String,
    pub invert: bool,
    pub values: BTreeMap<String, String>,
    /// Asked for by a mapping, so it is never dropped on suspicion.
    pub explicit: bool,
    pub numbers: NumberColumn,
    pub dates: DateColumn,
    /// Values rounded to the digits we hold, and the row of the first.
    pub n_rounded: u64,
    pub first_rounded: u64,
    /// Day numbers of a spreadsheet read as dates.
    pub n_serials: u64,
    pub shares: ShareColumn,
    dict_cache: Vec<u32>,
}

/// Shares of a column that were written with a percent sign and those that were not.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShareColumn {
    /// Row and text of the first with a sign.
    pub first_percent: Option<(u64, String)>,
    /// The same without; zero is zero either way and does not count.
    pub first_plain: Option<(u64, String)>,
}

impl ShareColumn {
    /// Whether `20` may mean 20 % or 2,000 % here.
    pub(crate) fn is_mixed(&self) -> bool {
        self.first_percent.is_some() && self.first_plain.is_some()
    }
}

/// One table read from one input.
pub(crate) struct Job {
    pub table: Table,
    pub spec: &'static TableSpec,
    pub plans: Vec<Plan>,
    plan_of: [u8; Field::COUNT],
    /// Columns that no field took.
    pub others: Vec<(usize, String)>,
    pub filters: Vec<(usize, Filter)>,
    pub distinct: bool,
    pub is_sheet: bool,
    pub notes: Vec<String>,
    pub hours_per_day: u32,
    /// Tells jobs on the same file apart.
    pub idx: usize,
    /// Columns of a signals table that are signals of their own, with their numbers and other texts in a trial.
    pub wide: Vec<(Plan, u64, u64)>,
    /// Only the first rows are read, to find out what the columns hold.
    pub is_trial: bool,
    /// Columns that stand for days: a row is read once for each.
    pub wide_days: Vec<(usize, Day)>,
    /// The day of the wide column being read.
    wide_day: Option<Day>,
    table_mapping: Option<TableMapping>,
}

const NONE: u8 = u8::MAX;
/// What is wrong with an id that lost digits, and the way out.
const CUT_ID: (&str, &str) = (
    "an id with all its digits; a spreadsheet has shortened it",
    "format the column as text before entering or exporting the ids",
);

/// Whether a spreadsheet has written a long number as `4.00638E+12`; different ids look the same then.
fn is_cut_id(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once("E+") else { return false };
    let mut digits = mantissa.bytes();
    digits.next().is_some_and(|digit| digit.is_ascii_digit())
        && matches!(digits.next(), Some(b'.' | b','))
        && digits.len() > 0
        && digits.all(|digit| digit.is_ascii_digit())
        && (2..=3).contains(&exponent.len())
        && exponent.bytes().all(|digit| digit.is_ascii_digit())
}

impl Job {
    /// Finds a column for every field of `table`.
    pub(crate) fn new(
        table: Table,
        input: &Input,
        mapping: Option<&Mapping>,
        table_mapping: Option<&TableMapping>,
        lookups: &Lookups,
        hints: &FormatHints,
    ) -> Result<Self, ImportError> {
        let spec = tables::spec(table);
        let mut job = Self {
            table,
            spec,
            plans: Vec::new(),
            plan_of: [NONE; Field::COUNT],
            others: Vec::new(),
            filters: Vec::new(),
            distinct: table_mapping.is_some_and(|mapping| mapping.distinct),
            is_sheet: input.is_sheet,
            notes: Vec::new(),
            hours_per_day: 24,
            idx: 0,
            wide: Vec::new(),
            is_trial: false,
            wide_days: Vec::new(),
            wide_day: None,
            table_mapping: table_mapping.cloned(),
        };
        let mapping_file = mapping.map_or_else(String::new, |mapping| mapping.file.clone());
        let wrong = |message: String| ImportError::Mapping { file: mapping_file.clone(), message };
        let position = |name: &str| {
            let exactly = input.headers.iter().position(|header| header == name);
            exactly.or_else(|| input.headers.iter().position(|header| tables::squash(header) == tables::squash(name)))
        };
        let no_column = |shown: String| {
            let found = shorten(&input.headers);
            wrong(format!("table {}: {} has no column {shown} (found: {found})", spec.name, input.file))
        };
        let column_named = |name: &str| position(name).ok_or_else(|| no_column(format!("{name:?}")));
        let first_column =
            |names: &Names| names.0.iter().find_map(|name| position(name)).ok_or_else(|| no_column(names.shown()));
        let mut ignored: Vec<Field> = Vec::new();
        let mut used = vec![false; input.headers.len()];
        // Columns that others are divided or multiplied by may still be fields of their own.
        let mut operands: Vec<usize> = Vec::new();
        if let Some(table_mapping) = table_mapping {
            for (name, expression) in &table_mapping.columns {
                let field = spec.fields.iter().find(|field| field.name == name).ok_or_else(|| {
                    let names: Vec<&str> = spec.fields.iter().map(|field| field.name).collect();
                    wrong(format!("table {} has no field {name:?}, its fields are {}", spec.name, names.join(", ")))
                })?;
                if expression.ignore {
                    ignored.push(field.field);
                    continue;
                }
                let (from, header) = match expression {
                    Expression { column: Some(names), optional: true, .. } if first_column(names).is_err() => continue,
                    Expression { concat, optional: true, .. } if concat.iter().any(|name| position(name).is_none()) => {
                        continue;
                    }
                    Expression { column: Some(names), .. } => {
                        let idx = first_column(names)?;
                        used[idx] = true;
                        (From::Column(idx), input.headers[idx].clone())
                    }
                    Expression { constant: Some(text), .. } => (From::Constant(text.clone()), name.clone()),
                    Expression { concat, separator, .. } => {
                        let columns = concat.iter().map(|name| column_named(name)).collect::<Result<Vec<_>, _>>()?;
                        for &idx in &columns {
                            used[idx] = true;
                        }
                        (From::Concat(columns, separator.clone()), concat.join(separator))
                    }
                };
                let mut plan = Plan::new(field.field, field.name, header, from);
                let mut factor = |operand: &Option<Operand>| match operand {
                    None => Ok(None),
                    Some(Operand::Number(number)) => Ok(Some(Factor::Number(*number))),
                    Some(Operand::Column(names)) => first_column(names).map(|idx| {
                        operands.push(idx);
                        Some(Factor::Column(idx))
                    }),
                };
                plan.multiply = factor(&expression.multiply)?;
                plan.divide = factor(&expression.divide)?;
                plan.case = expression.case;
                plan.prefix.clone_from(&expression.prefix);
                if let Some(format) = &expression.date {
                    (plan.dates.style, plan.dates.fixed) = (date_style(format)?, true);
                }
                plan.invert = expression.invert;
                plan.values.clone_from(&expression.values);
                if let Some((_, values)) = lookups.iter().find(|(known, _)| Some(known) == expression.lookup.as_ref()) {
                    plan.values.extend(values.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                plan.explicit = true;
                job.push(plan);
            }
            for filter in &table_mapping.filters {
                job.filters.push((first_column(&filter.column)?, filter.clone()));
            }
            if let Some(wide) = &table_mapping.wide {
                job.wide_days = wide::columns(wide, input).map_err(wrong)?;
                for &(column, _) in &job.wide_days {
                    used[column] = true;
                }
                job.push(Plan::new(Field::Date, "date", wide.columns.clone(), From::Constant(String::new())));
                let from = From::Column(job.wide_days[0].0);
                job.push(Plan::new(Field::Quantity, "quantity", wide.columns.clone(), from));
            }
        }
        if table_mapping.is_none_or(|mapping| mapping.automatic) {
            let open: Vec<String> = input
                .headers
                .iter()
                .zip(&used)
                .map(|(header, used)| if *used { String::new() } else { header.clone() })
                .collect();
            let (mut taken, lost) = tables::match_headers(spec, &open);
            if table == Table::Sales {
                job.find_stockout_hours(&open, &mut taken);
            }
            taken.sort_unstable();
            for (field, column) in taken {
                if job.has(field) || ignored.contains(&field) || input.unreadable[column] {
                    continue;
                }
                let name = spec.fields.iter().find(|spec| spec.field == field).expect("field of this table").name;
                used[column] = true;
                let header = &input.headers[column];
                let mut plan = Plan::new(field, name, header.clone(), From::Column(column));
                match tables::remark(field, header) {
                    Remark::Plain => {}
                    Remark::Times(by) => {
                        job.notes.push(format!(
                            "{}: column {header:?} was multiplied by {by}, as its header says",
                            input.file
                        ));
                        plan.multiply = Some(Factor::Number(by));
                    }
                    Remark::Parts(by) => {
                        job.notes
                            .push(format!("{}: column {header:?} was divided by {by}, as its header says", input.file));
                        plan.divide = Some(Factor::Number(by));
                    }
                    Remark::NoRatio => {
                        job.notes.push(format!(
                            "{}: column {header:?} was left out, because its unit has no fixed ratio to {name}; map it \
                             with multiply or divide",
                            input.file
                        ));
                        used[column] = false;
                        continue;
                    }
                }
                job.push(plan);
            }
            for (field, column) in lost {
                let winner = job.plan(field).map(|plan| plan.header.clone());
                if let Some(winner) = winner {
                    let name = job.plan(field).map_or("", |plan| plan.name);
                    job.notes.push(format!(
                        "{}: columns {winner:?} and {:?} could both be {name}; {winner:?} was taken",
                        input.file, input.headers[column]
                    ));
                }
            }
        }
        for operand in operands {
            used[operand] = true;
        }
        for (column, header) in input.headers.iter().enumerate() {
            if !used[column] && !input.unreadable[column] && !header.is_empty() {
                job.others.push((column, header.clone()));
            }
        }
        if job.is_wide_signals() {
            let plan = |(column, header): &(usize, String)| {
                (Plan::new(Field::Value, "value", header.clone(), From::Column(*column)), 0, 0)
            };
            job.wide = job.others.iter().map(plan).collect();
        }
        if job.table == Table::Forecasts {
            let plan = |(column, header): &(usize, String)| {
                (Plan::new(Field::Value, "quantile", header.clone(), From::Column(*column)), 0, 0)
            };
            let quantiles = job.others.iter().filter(|(_, header)| quantile_level(header).is_some());
            job.wide = quantiles.map(plan).collect();
        }
        // A table mapped on purpose may take the day of a signal from any field; the rest must be complete.
        let missing: Vec<&tables::FieldSpec> =
            spec.fields.iter().filter(|field| field.required && !job.has(field.field)).collect();
        if !missing.is_empty() {
            let names = |field: &tables::FieldSpec| {
                let shown: Vec<&str> = field.aliases.iter().copied().take(6).collect();
                match tables::closest(spec, field, &input.headers) {
                    Some(header) => format!("is {header:?} the {}?", field.name),
                    None => format!("{} is also read from {}", field.name, shown.join(", ")),
                }
            };
            return Err(ImportError::MissingColumns {
                file: input.file.clone(),
                table: spec.name.to_owned(),
                missing: missing.iter().map(|field| field.name.to_owned()).collect(),
                found: input.headers.clone(),
                hint: match input.headers.iter().find(|header| looks_like_value(header)) {
                    _ if input.headers.iter().filter(|header| !header.is_empty()).count() == 1 => {
                        "the first row must hold the names of the columns; delete what stands above them".to_owned()
                    }
                    Some(value) => format!(
                        "the first row must hold the names of the columns, but it holds values such as {value:?}"
                    ),
                    None => {
                        let names: Vec<String> = missing.iter().map(|field| names(field)).collect();
                        format!("{}\n\n{}", names.join("; "), mapping_to_write(spec, &missing, &input.headers))
                    }
                },
            });
        }
        if table == Table::Sources && !job.has(Field::SupplierId) && !job.has(Field::FromLocation) {
            return Err(ImportError::MissingColumns {
                file: input.file.clone(),
                table: spec.name.to_owned(),
                missing: vec!["supplier_id or from_location".to_owned()],
                found: input.headers.clone(),
                hint: "a lane needs to know where the goods come from".to_owned(),
            });
        }
        let decimal = table_mapping.and_then(|mapping| mapping.decimal).or(hints.decimal);
        if let Some(decimal) = decimal {
            let mark = Mark::from_char(decimal)
                .ok_or_else(|| ImportError::Option(format!("decimal is {decimal:?}, must be \".\" or \",\"")))?;
            for plan in job.all_plans_mut() {
                (plan.numbers.mark, plan.numbers.fixed) = (mark, true);
            }
        }
        let format = table_mapping.and_then(|mapping| mapping.date.clone()).or_else(|| hints.date.clone());
        if let Some(format) = format {
            let style = date_style(&format)?;
            for plan in job.plans.iter_mut().filter(|plan| !plan.dates.fixed) {
                (plan.dates.style, plan.dates.fixed) = (style.clone(), true);
            }
        }
        Ok(job)
    }

    /// `stockout_hours_6_22` counts hours between two times of day, the most telling kind of stock-out column.
    fn find_stockout_hours(&mut self, headers: &[String], taken: &mut Vec<(Field, usize)>) {
        for (column, header) in headers.iter().enumerate() {
            let lower = header.to_lowercase();
            let words: Vec<&str> =
                lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            let hours = match words[..] {
                ["stockout" | "oos", "hours", from, to] => from.parse::<u32>().ok().zip(to.parse::<u32>().ok()),
                ["stock", "hour6", "22", "cnt"] => Some((6, 22)),
                _ => None,
            };
            if let Some((from, to)) = hours
                && from < to
                && to <= 24
            {
                let whole_day = taken.iter().find(|(field, _)| *field == Field::StockoutHours).map(|&(_, other)| other);
                taken.retain(|&(field, other)| field != Field::StockoutHours && other != column);
                taken.push((Field::StockoutHours, column));
                self.hours_per_day = to - from;
                if let Some(whole_day) = whole_day.filter(|&whole_day| whole_day != column) {
                    self.notes.push(format!(
                        "{header:?} (hours {from} to {to}) was taken for stock-outs rather than {:?}, because empty shelves \
                         at night lose no sales",
                        headers[whole_day]
                    ));
                }
                return;
            }
        }
    }

    fn push(&mut self, plan: Plan) {
        let field = plan.field;
        self.plan_of[field as usize] = u8::try_from(self.plans.len()).expect("fewer than 255 fields");
        self.plans.push(plan);
    }

    /// Leaves a field out.
    pub(crate) fn drop_field(&mut self, field: Field) {
        self.plan_of[field as usize] = NONE;
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.plan_of[field as usize] != NONE
    }

    pub(crate) fn plan(&self, field: Field) -> Option<&Plan> {
        self.plans.get(self.plan_of[field as usize] as usize)
    }

    /// Plans still in use.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(|plan| self.has(plan.field))
    }

    /// Plans still in use and the signals of a wide table.
    pub(crate) fn all_plans(&self) -> impl Iterator<Item = &Plan> {
        self.active().chain(self.wide.iter().map(|(plan, ..)| plan))
    }

    /// The same, to be changed.
    pub(crate) fn all_plans_mut(&mut self) -> impl Iterator<Item = &mut Plan> {
        let plan_of = &self.plan_of;
        let plans = self.plans.iter_mut().filter(|plan| plan_of[plan.field as usize] != NONE);
        plans.chain(self.wide.iter_mut().map(|(plan, ..)| plan))
    }

    /// The value of one signal of a wide table; a trial only counts what is no number.
    pub(crate) fn wide_value(&mut self, chunk: &Chunk, row: usize, idx: usize) -> Read<f64> {
        let is_trial = self.is_trial;
        let (plan, n_numbers, n_others) = &mut self.wide[idx];
        let From::Column(column) = plan.from else { return Ok(None) };
        let cell = chunk.cell(column, row);
        let read = match plan.read_number(cell, chunk.row_number(row)) {
            Ok(Some(number)) if number.currency => {
                Err(plan.bad_number(&cell_text(cell).unwrap_or_default(), Problem::Currency))
            }
            read => read,
        };
        *n_numbers += u64::from(is_trial && matches!(read, Ok(Some(_))));
        *n_others += u64::from(is_trial && read.is_err());
        match read {
            Err(_) if is_trial => Ok(None),
            read => Ok(read?.map(Number::to_f64)),
        }
    }

    /// The mapping entry this job follows.
    pub(crate) fn table_mapping(&self) -> Option<&TableMapping> {
        self.table_mapping.as_ref()
    }

    /// Marks the columns this job reads.
    pub(crate) fn mark_wanted(&self, wanted: &mut [bool], drops_copies: bool) {
        for plan in self.active() {
            match &plan.from {
                From::Column(column) => wanted[*column] = true,
                From::Concat(columns, _) => columns.iter().for_each(|&column| wanted[column] = true),
                From::Constant(_) => {}
            }
            for factor in [plan.multiply, plan.divide] {
                if let Some(Factor::Column(column)) = factor {
                    wanted[column] = true;
                }
            }
        }
        for (column, _) in &self.wide_days {
            wanted[*column] = true;
        }
        for (column, _) in &self.filters {
            wanted[*column] = true;
        }
        // A copy is a row equal in every cell; of sales that only matters where copies are left out.
        if self.table != Table::Sales || drops_copies {
            for (column, _) in &self.others {
                wanted[*column] = true;
            }
        }
    }

    /// Whether every other column of a signals table is a signal of its own.
    pub(crate) fn is_wide_signals(&self) -> bool {
        self.table == Table::Signals && !self.has(Field::Value)
    }

    /// Prepares for a new chunk.
    pub(crate) fn start_chunk(&mut self, chunk: &Chunk) {
        for plan in &mut self.plans {
            plan.dict_cache.clear();
            if let From::Column(column) = plan.from
                && let Some((_, values)) = chunk.dictionary(column)
            {
                plan.dict_cache.resize(values.iter().len(), u32::MAX);
            }
        }
    }

    /// Points the date and the quantity at one of the wide columns.
    #[inline]
    pub(crate) fn point_at(&mut self, (column, day): (usize, Day)) {
        self.wide_day = Some(day);
        if let Some(plan) = self.plan_mut(Field::Quantity) {
            plan.from = From::Column(column);
        }
    }

    /// Whether the mapping's filters keep this row.
    pub(crate) fn keeps(&self, chunk: &Chunk, row: usize) -> bool {
        self.filters.iter().all(|(column, filter)| {
            let text = cell_text(chunk.cell(*column, row));
            filter.keeps(text.as_deref())
        })
    }

    fn plan_mut(&mut self, field: Field) -> Option<&mut Plan> {
        self.plans.get_mut(self.plan_of[field as usize] as usize)
    }

    /// A text, exactly as written but for blanks around it.
    pub(crate) fn text<'a>(&'a self, chunk: &'a Chunk, row: usize, field: Field) -> Option<Cow<'a, str>> {
        let plan = self.plan(field)?;
        let text = match &plan.from {
            From::Column(column) => cell_text(chunk.label(*column, row)),
            From::Constant(text) => (!text.is_empty()).then_some(Cow::Borrowed(text.as_str())),
            From::Concat(columns, separator) => {
                let parts: Vec<Cow<'_, str>> =
                    columns.iter().map(|&column| cell_text(chunk.label(column, row)).unwrap_or_default()).collect();
                parts.iter().any(|part| !part.is_empty()).then(|| Cow::Owned(parts.join(separator)))
            }
        }?;
        let text = match plan.case {
            None => text,
            Some(Case::Upper) => Cow::Owned(text.to_uppercase()),
            Some(Case::Lower) => Cow::Owned(text.to_lowercase()),
        };
        match plan.values.get(&*text) {
            Some(replaced) if replaced.is_empty() => None,
            Some(replaced) => Some(Cow::Borrowed(replaced)),
            None if plan.prefix.is_empty() => Some(text),
            None => Some(Cow::Owned(format!("{}{text}", plan.prefix))),
        }
    }

    /// An optional text that is empty when absent.
    pub(crate) fn text_or_empty(&self, chunk: &Chunk, row: usize, field: Field) -> String {
        self.text(chunk, row, field).filter(|text| !number::is_missing(text)).map(Cow::into_owned).unwrap_or_default()
    }

    /// The number of an id; `None` where the cell is empty.
    #[inline]
    pub(crate) fn intern(&mut self, chunk: &Chunk, row: usize, field: Field, interner: &mut Interner) -> Read<u32> {
        let Some(plan) = self.plan_mut(field) else { return Ok(None) };
        if plan.values.is_empty()
            && plan.case.is_none()
            && plan.prefix.is_empty()
            && let From::Column(column) = plan.from
        {
            if let Some((keys, _)) = chunk.dictionary(column) {
                if arrow_array::Array::is_null(keys, row) {
                    return Ok(None);
                }
                let key = keys.value(row) as usize;
                if plan.dict_cache[key] != u32::MAX {
                    return Ok(Some(plan.dict_cache[key]));
                }
                let Some(text) = cell_text(chunk.label(column, row)) else { return Ok(None) };
                let idx = self.checked_id(chunk, row, field, &text, interner)?;
                if let (Some(idx), Some(plan)) = (idx, self.plan_mut(field)) {
                    plan.dict_cache[key] = idx;
                }
                return Ok(idx);
            }
            match chunk.label(column, row) {
                Cell::Empty => return Ok(None),
                Cell::Text(text) => {
                    let text = String::from_utf8_lossy(text);
                    return match interner.known(&text) {
                        Some(idx) => Ok(Some(idx)),
                        None => self.checked_id(chunk, row, field, &text, interner),
                    };
                }
                Cell::Whole(value) => return Ok(Some(interner.intern_whole(value))),
                // Beyond these numbers neighbours look the same, and two ids become one.
                Cell::Double(value) if value.abs() >= 9_007_199_254_740_992.0 => {
                    return Err(self.bad(chunk, row, field, CUT_ID.0, CUT_ID.1));
                }
                Cell::Single(value) if value.abs() >= 16_777_216.0 => {
                    return Err(self.bad(chunk, row, field, CUT_ID.0, CUT_ID.1));
                }
                _ => {}
            }
        }
        let Some(text) = self.text(chunk, row, field).map(Cow::into_owned) else { return Ok(None) };
        self.checked_id(chunk, row, field, &text, interner)
    }

    /// The number of an id not seen before, if it is one.
    #[cold]
    fn checked_id(&self, chunk: &Chunk, row: usize, field: Field, text: &str, interner: &mut Interner) -> Read<u32> {
        // ="00123" is how people keep a spreadsheet from changing an id.
        let text = match text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) if !inner.contains('"') => inner.trim(),
            _ => text,
        };
        if text.is_empty() || matches!(text, "NULL" | "null" | "\\N" | "NaN" | "nan" | "#N/A" | "None") {
            return Ok(None);
        }
        let (expected, fix) = if text.starts_with('=') {
            ("an id, not a formula", "replace the formula by its value")
        } else if number::is_spreadsheet_error(text) {
            ("an id, not the error of a formula", "repair the formula, or delete the row")
        } else if text.contains(['\n', '\r']) {
            ("an id on one line", "delete the line break, or close the quotation mark before it")
        } else if is_cut_id(text) {
            CUT_ID
        } else {
            return Ok(Some(interner.intern(text)));
        };
        Err(self.bad(chunk, row, field, expected, fix))
    }

    /// A number with the mapping's arithmetic applied.
    #[inline]
    pub(crate) fn number(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<Number> {
        let Some(plan) = self.plans.get_mut(self.plan_of[field as usize] as usize) else { return Ok(None) };
        let mut replaced = None;
        if !plan.values.is_empty() || !matches!(plan.from, From::Column(_)) {
            replaced = Some(match self.text(chunk, row, field) {
                Some(text) => text.into_owned(),
                None => return Ok(None),
            });
        }
        let plan = &mut self.plans[self.plan_of[field as usize] as usize];
        let cell = match (&replaced, &plan.from) {
            (Some(text), _) => Cell::Text(text.as_bytes()),
            (None, From::Column(column)) => chunk.cell(*column, row),
            (None, _) => Cell::Empty,
        };
        let Some(mut number) = plan.read_number(cell, chunk.row_number(row))? else { return Ok(None) };
        let (multiply, divide) = (plan.multiply, plan.divide);
        let divides = plan.explicit || !number.percent;
        if let Some(by) = multiply {
            let Some(by) = self.factor(chunk, row, field, by)? else { return Ok(None) };
            number = number.times(by).ok_or_else(|| self.out_of_range(field, number))?;
        }
        if let Some(by) = divide.filter(|_| divides) {
            // Nothing divided by zero units says nothing about one unit.
            let by = self.factor(chunk, row, field, by)?.filter(|by| !by.is_zero());
            let Some(by) = by else { return Ok(None) };
            number = number.over(by).ok_or_else(|| self.out_of_range(field, number))?;
        }
        Ok(Some(number))
    }

    #[cold]
    fn out_of_range(&self, field: Field, number: Number) -> Box<Bad> {
        let plan = &self.plans[self.plan_of[field as usize] as usize];
        plan.bad_number(&number.to_string(), Problem::OutOfRange)
    }

    /// The number to multiply or divide by.
    fn factor(&mut self, chunk: &Chunk, row: usize, field: Field, factor: Factor) -> Read<Decimal> {
        let column = match factor {
            Factor::Number(number) => return Ok(Some(number)),
            Factor::Column(column) => column,
        };
        let plan = &mut self.plans[self.plan_of[field as usize] as usize];
        let cell = chunk.cell(column, row);
        let number = match cell {
            Cell::Empty => return Ok(None),
            Cell::Whole(value) => Some(Number::whole(value)),
            Cell::Single(value) => Number::from_f32(value),
            Cell::Double(value) => Number::from_f64(value),
            Cell::Decimal(digits, scale) => Number::from_parts(digits, scale),
            Cell::Text(text) => {
                let shown = String::from_utf8_lossy(text);
                if number::is_missing(&shown) {
                    return Ok(None);
                }
                match number::read(&shown) {
                    Ok(Reading::Plain(number)) => Some(number),
                    Ok(reading) => plan.numbers.choose(reading, chunk.row_number(row), text).ok(),
                    Err(_) => None,
                }
            }
            Cell::Flag(_) | Cell::Day(_) | Cell::Moment(..) => None,
        };
        let decimal = number.and_then(|number| number.money().ok()).map(|(decimal, _)| decimal);
        match decimal {
            Some(decimal) => Ok(Some(decimal)),
            None => Err(plan.bad_number(&cell_text(cell).unwrap_or_default(), Problem::NotANumber)),
        }
    }

    /// A quantity: no currency, no percent; rounded to six decimals with a count.
    #[inline]
    pub(crate) fn quantity(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<Quantity> {
        let Some(number) = self.number(chunk, row, field)? else { return Ok(None) };
        let plan = &mut self.plans[self.plan_of[field as usize] as usize];
        let problem = match number {
            Number { percent: true, .. } => Problem::Percent,
            Number { currency: true, .. } => Problem::Currency,
            _ => match number.quantity() {
                Ok((quantity, rounded)) => {
                    if rounded {
                        plan.count_rounded(chunk.row_number(row));
                    }
                    return Ok(Some(quantity));
                }
                Err(problem) => problem,
            },
        };
        let shown = self.shown(chunk, row, field);
        Err(self.plans[self.plan_of[field as usize] as usize].bad_number(&shown, problem))
    }

    /// A number of money that need not be exact; no percent.
    pub(crate) fn amount(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<Number> {
        self.plain_number(chunk, row, field, true)
    }

    /// A number without a percent sign, and without a currency sign unless it is money.
    fn plain_number(&mut self, chunk: &Chunk, row: usize, field: Field, is_money: bool) -> Read<Number> {
        let problem = match self.number(chunk, row, field)? {
            Some(Number { percent: true, .. }) => Problem::Percent,
            Some(Number { currency: true, .. }) if !is_money => Problem::Currency,
            number => return Ok(number),
        };
        let shown = self.shown(chunk, row, field);
        Err(self.plans[self.plan_of[field as usize] as usize].bad_number(&shown, problem))
    }

    /// An amount of money.
    pub(crate) fn money(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<Money> {
        let Some(number) = self.number(chunk, row, field)? else { return Ok(None) };
        let plan = &mut self.plans[self.plan_of[field as usize] as usize];
        let problem = match number.money() {
            _ if number.percent => Problem::Percent,
            Ok((money, rounded)) => {
                if rounded {
                    plan.count_rounded(chunk.row_number(row));
                }
                return Ok(Some(money));
            }
            Err(problem) => problem,
        };
        let shown = self.shown(chunk, row, field);
        Err(self.plans[self.plan_of[field as usize] as usize].bad_number(&shown, problem))
    }

    /// A plain number such as days, volume or a share; percent signs count where a share is expected.
    pub(crate) fn float(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<f64> {
        let number = match self.number(chunk, row, field)? {
            Some(number) if number.currency || (number.percent && !takes_shares(field)) => {
                return self.plain_number(chunk, row, field, false).map(|number| number.map(Number::to_f64));
            }
            number => number,
        };
        if let Some(number) = number
            && has_open_scale(field)
        {
            self.note_share(chunk, row, field, number);
        }
        Ok(number.map(Number::to_f64))
    }

    /// Remembers the first share with and the first without a percent sign. A header or a mapping that says what the
    /// numbers are leaves nothing open.
    fn note_share(&mut self, chunk: &Chunk, row: usize, field: Field, number: Number) {
        let Some(plan) = self.plan(field) else { return };
        let known = if number.percent { &plan.shares.first_percent } else { &plan.shares.first_plain };
        let is_stated = plan.explicit || plan.multiply.is_some() || plan.divide.is_some();
        if known.is_some() || is_stated || (!number.percent && number.to_f64() == 0.0) {
            return;
        }
        let first = Some((chunk.row_number(row), self.shown(chunk, row, field)));
        if let Some(plan) = self.plan_mut(field) {
            let shares = &mut plan.shares;
            *(if number.percent { &mut shares.first_percent } else { &mut shares.first_plain }) = first;
        }
    }

    /// A number within bounds.
    pub(crate) fn float_within(
        &mut self,
        chunk: &Chunk,
        row: usize,
        field: Field,
        least: f64,
        most: f64,
        expected: &str,
    ) -> Read<f64> {
        match self.float(chunk, row, field)? {
            Some(value) if !(least..=most).contains(&value) => {
                Err(self.bad(chunk, row, field, expected, "correct the value"))
            }
            other => Ok(other),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn whole(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<i64> {
        let Some(number) = self.plain_number(chunk, row, field, false)? else { return Ok(None) };
        match number.quantity() {
            Ok((quantity, false)) if quantity.micro() % 1_000_000 == 0 => Ok(Some(quantity.micro() / 1_000_000)),
            _ => Err(self.bad(chunk, row, field, "a whole number such as 3", "correct the value")),
        }
    }

    /// A day.
    #[inline]
    pub(crate) fn day(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<Day> {
        if field == Field::Date && self.wide_day.is_some() {
            return Ok(self.wide_day);
        }
        let read = self.written_day(chunk, row, field);
        // "Until 9999-12-31" is how many systems write an open end.
        let is_end = matches!(field, Field::To | Field::EffectiveTo | Field::ListedTo | Field::End | Field::Expiry);
        match read {
            Err(bad)
                if is_end
                    && ["9999-12-31", "31.12.9999", "12/31/9999", "31/12/9999", "99991231"]
                        .iter()
                        .any(|end| bad.value.starts_with(end)) =>
            {
                Ok(None)
            }
            other => other,
        }
    }

    #[inline]
    fn written_day(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<Day> {
        let is_sheet = self.is_sheet;
        let Some(plan) = self.plan_mut(field) else { return Ok(None) };
        let cell = match &plan.from {
            // Texts are replaced, days are not.
            From::Column(column)
                if plan.values.is_empty() || matches!(chunk.cell(*column, row), Cell::Day(_) | Cell::Moment(..)) =>
            {
                chunk.cell(*column, row)
            }
            _ => {
                let Some(text) = self.text(chunk, row, field).map(Cow::into_owned) else { return Ok(None) };
                let row_number = chunk.row_number(row);
                let plan = &mut self.plans[self.plan_of[field as usize] as usize];
                return plan
                    .dates
                    .parse(text.as_bytes(), row_number)
                    .map(Some)
                    .map_err(|problem| plan.bad_date(&text, problem));
            }
        };
        let serial = |value: f64| is_sheet && (20_000.0..80_000.0).contains(&value);
        let problem = match cell {
            Cell::Empty => return Ok(None),
            Cell::Day(day) if date::is_in_range(day) => return Ok(Some(day)),
            Cell::Moment(micros, zone) if date::is_in_range(day_of_micros(micros)) => {
                if !zone.is_empty() {
                    plan.dates.count_zone(zone);
                }
                return Ok(Some(day_of_micros(micros)));
            }
            Cell::Day(_) | Cell::Moment(..) => DateProblem::NoSuchDay,
            Cell::Text(text) => match plan.dates.parse(text, chunk.row_number(row)) {
                Ok(day) => return Ok(Some(day)),
                Err(DateProblem::NotADate) if number::is_missing(&String::from_utf8_lossy(text)) => return Ok(None),
                Err(problem) => problem,
            },
            // A day number of a spreadsheet: 1 January 1970 is 25569 (calendar of 1900).
            Cell::Double(value) if serial(value) => {
                plan.n_serials += 1;
                return Ok(Some(Day(value.floor() as i32 - 25_569)));
            }
            Cell::Whole(value) if serial(value as f64) => {
                plan.n_serials += 1;
                return Ok(Some(Day(value as i32 - 25_569)));
            }
            Cell::Whole(value) => match date::read_compact(value) {
                Some(day) => return Ok(Some(day)),
                None => DateProblem::Serial,
            },
            Cell::Double(value) if value == value.trunc() => match date::read_compact(value as i64) {
                Some(day) => return Ok(Some(day)),
                None => DateProblem::Serial,
            },
            _ => DateProblem::NotADate,
        };
        let text = cell_text(cell).unwrap_or_default();
        Err(plan.bad_date(&text, problem))
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, chunk: &Chunk, row: usize, field: Field) -> Read<bool> {
        let Some(plan) = self.plan(field) else { return Ok(None) };
        let invert = plan.invert;
        let number = |value: f64| (value >= 0.0).then_some(value > 0.0);
        let read = match (&plan.from, plan.values.is_empty()) {
            (From::Column(column), true) => match chunk.cell(*column, row) {
                Cell::Empty => return Ok(None),
                Cell::Flag(flag) => Some(flag),
                Cell::Whole(value) => number(value as f64),
                Cell::Single(value) => number(f64::from(value)),
                Cell::Double(value) => number(value),
                Cell::Decimal(digits, _) => number(digits as f64),
                Cell::Text(text) => {
                    let text = String::from_utf8_lossy(text);
                    if is_unknown_flag(&text) {
                        return Ok(None);
                    }
                    flag_of(&text)
                }
                _ => None,
            },
            _ => match self.text(chunk, row, field) {
                Some(text) if !is_unknown_flag(&text) => flag_of(&text),
                _ => return Ok(None),
            },
        };
        match read {
            Some(flag) => Ok(Some(flag != invert)),
            None => Err(self.bad(chunk, row, field, "yes or no (1 or 0, true or false)", "correct the value")),
        }
    }

    /// A set of weekdays.
    pub(crate) fn weekdays(&self, chunk: &Chunk, row: usize, field: Field) -> Read<WeekdaySet> {
        let Some(text) = self.text(chunk, row, field) else { return Ok(None) };
        if number::is_missing(&text) {
            return Ok(None);
        }
        parse_weekdays(&text).map(Some).ok_or_else(|| {
            self.bad(
                chunk,
                row,
                field,
                "weekdays such as \"mon thu\", \"mon-fri\" or \"1 4\"",
                "write the days separated by blanks",
            )
        })
    }

    /// The text of a cell, for messages.
    pub(crate) fn shown(&self, chunk: &Chunk, row: usize, field: Field) -> String {
        let Some(plan) = self.plan(field) else { return String::new() };
        match &plan.from {
            From::Column(column) => cell_text(chunk.cell(*column, row)).map(Cow::into_owned).unwrap_or_default(),
            _ => self.text(chunk, row, field).map(Cow::into_owned).unwrap_or_default(),
        }
    }

    /// What is wrong with a cell.
    #[cold]
    pub(crate) fn bad(&self, chunk: &Chunk, row: usize, field: Field, expected: &str, fix: &str) -> Box<Bad> {
        let column = self.plan(field).map_or_else(String::new, |plan| plan.header.clone());
        Box::new(Bad {
            column,
            value: self.shown(chunk, row, field),
            expected: expected.to_owned(),
            fix: fix.to_owned(),
        })
    }

    /// A required cell that is empty.
    #[cold]
    pub(crate) fn empty(&self, chunk: &Chunk, row: usize, field: Field, expected: &str) -> Box<Bad> {
        self.bad(chunk, row, field, expected, "fill in the cell or delete the row")
    }
}

impl Plan {
    /// The number in a cell, before any arithmetic.
    #[inline]
    fn read_number(&mut self, cell: Cell<'_>, row: u64) -> Read<Number> {
        let problem = match cell {
            Cell::Empty => return Ok(None),
            Cell::Whole(value) => return Ok(Some(Number::whole(value))),
            Cell::Single(value) => match Number::from_f32(value) {
                Some(number) => return Ok(Some(number)),
                None => Problem::OutOfRange,
            },
            Cell::Double(value) => match Number::from_f64(value) {
                Some(number) => return Ok(Some(number)),
                None => Problem::OutOfRange,
            },
            Cell::Decimal(digits, scale) => match Number::from_parts(digits, scale) {
                Some(number) => return Ok(Some(number)),
                None => Problem::OutOfRange,
            },
            Cell::Flag(flag) if takes_shares(self.field) => return Ok(Some(Number::whole(i64::from(flag)))),
            Cell::Flag(_) => Problem::NotANumber,
            Cell::Day(_) | Cell::Moment(..) => Problem::Date,
            Cell::Text(text) => {
                let reading = match number::read_plain(text) {
                    Some(reading) => Ok(reading),
                    None => {
                        let text = String::from_utf8_lossy(text);
                        if number::is_missing(&text) {
                            return Ok(None);
                        }
                        number::read(&text)
                    }
                };
                let number = match reading {
                    Ok(Reading::Plain(number)) => Ok(number),
                    Ok(reading) => self.numbers.choose(reading, row, text),
                    Err(problem) => Err(problem),
                };
                match number {
                    Ok(number) => return Ok(Some(number)),
                    Err(Problem::NotANumber) => number::why_not(&String::from_utf8_lossy(text)),
                    Err(problem) => problem,
                }
            }
        };
        let text = cell_text(cell).unwrap_or_default();
        Err(self.bad_number(&text, problem))
    }

    fn new(field: Field, name: &'static str, header: String, from: From) -> Self {
        Self {
            field,
            name,
            header,
            from,
            multiply: None,
            divide: None,
            case: None,
            prefix: String::new(),
            invert: false,
            values: BTreeMap::new(),
            explicit: false,
            numbers: NumberColumn::default(),
            dates: DateColumn::default(),
            n_rounded: 0,
            first_rounded: 0,
            n_serials: 0,
            shares: ShareColumn::default(),
            dict_cache: Vec::new(),
        }
    }

    fn count_rounded(&mut self, row: u64) {
        if self.divide.is_some() {
            // A quotient has as many decimals as it likes; nothing of the file is lost.
            return;
        }
        if self.n_rounded == 0 {
            self.first_rounded = row;
        }
        self.n_rounded += 1;
    }

    /// Forgets what was counted, for another pass over the rows.
    pub(crate) fn restart(&mut self) {
        self.n_rounded = 0;
        self.n_serials = 0;
        self.shares = ShareColumn::default();
        let numbers = &self.numbers;
        self.numbers = NumberColumn {
            mark: numbers.mark,
            refuse_either: numbers.refuse_either,
            fixed: numbers.fixed,
            ..NumberColumn::default()
        };
        let dates = &self.dates;
        self.dates = DateColumn {
            style: dates.style.clone(),
            refuse_either: dates.refuse_either,
            fixed: dates.fixed,
            ..DateColumn::default()
        };
    }

    #[cold]
    fn bad_number(&self, value: &str, problem: Problem) -> Box<Bad> {
        let (mark, other) = match self.numbers.mark {
            Mark::Point => ("a decimal point, as in the rest of the column", "12.5"),
            Mark::Comma => ("a decimal comma, as in the rest of the column", "12,5"),
        };
        let (expected, fix) = match problem {
            Problem::NotANumber => {
                ("a number such as 12 or 0.75".to_owned(), "correct the value, without units or words".to_owned())
            }
            Problem::OtherMark => (
                format!("{mark}, such as {other}"),
                "write it like the other rows, or state decimal in the mapping file".to_owned(),
            ),
            Problem::MixedColumn => (
                "a number with one meaning; the column mixes decimal points and commas".to_owned(),
                "write every row the same way, or state decimal in the mapping file".to_owned(),
            ),
            Problem::DroppedDigits => (
                "all digits; a spreadsheet has cut some off".to_owned(),
                "format the column as a plain number before exporting".to_owned(),
            ),
            Problem::Formula => {
                ("the value, not the formula".to_owned(), "replace the formula by its value".to_owned())
            }
            Problem::SpreadsheetError => {
                ("a number, not the error of a formula".to_owned(), "repair the formula in the spreadsheet".to_owned())
            }
            Problem::Date => (
                "a number; this is a date, perhaps a number that a spreadsheet has changed".to_owned(),
                "enter the number again in a column formatted as a number".to_owned(),
            ),
            Problem::OutOfRange => ("a number within ±9,000,000,000,000".to_owned(), "correct the value".to_owned()),
            Problem::Currency => (
                "a number, not an amount of money".to_owned(),
                "map the right column, or remove the currency sign".to_owned(),
            ),
            Problem::Percent => (
                "a plain number, not a percentage".to_owned(),
                "map the right column, or remove the percent sign".to_owned(),
            ),
        };
        Box::new(Bad { column: self.header.clone(), value: value.to_owned(), expected, fix })
    }

    #[cold]
    fn bad_date(&self, value: &str, problem: DateProblem) -> Box<Bad> {
        let order = if self.dates.style == DateStyle::MonthFirst { "month/day/year" } else { "day/month/year" };
        let (expected, fix) = match problem {
            DateProblem::NotADate if value.starts_with('=') => {
                ("the date, not the formula".to_owned(), "replace the formula by its value".to_owned())
            }
            DateProblem::NotADate if number::is_spreadsheet_error(value) => {
                ("a date, not the error of a formula".to_owned(), "repair the formula in the spreadsheet".to_owned())
            }
            DateProblem::NotADate => match &self.dates.style {
                DateStyle::Format(format) => {
                    (format!("a date written as {format}"), "correct the value, or date in the mapping file".to_owned())
                }
                _ => ("a date such as 2026-03-02".to_owned(), "correct the value".to_owned()),
            },
            DateProblem::NoSuchDay => {
                ("a day that exists, between the years 1800 and 2999".to_owned(), "correct the value".to_owned())
            }
            DateProblem::ShortYear => (
                "a year of four digits".to_owned(),
                "write the year in full, or state date = \"%d/%m/%y\" in the mapping file".to_owned(),
            ),
            DateProblem::Serial => (
                "a date such as 2026-03-02, not a bare number".to_owned(),
                "format the column as a date before exporting".to_owned(),
            ),
            DateProblem::OtherOrder => {
                (format!("{order}, as in the rest of the column"), "write it like the other rows".to_owned())
            }
            DateProblem::MixedColumn => (
                "a date with one meaning; the column mixes day first and month first".to_owned(),
                "write every row the same way, best as 2026-03-02".to_owned(),
            ),
        };
        Box::new(Bad { column: self.header.clone(), value: value.to_owned(), expected, fix })
    }
}

/// A mapping file that names the missing columns, for a reader to complete.
fn mapping_to_write(spec: &tables::TableSpec, missing: &[&tables::FieldSpec], headers: &[String]) -> String {
    let columns: Vec<String> = missing
        .iter()
        .map(|field| {
            let header = tables::closest(spec, field, headers).unwrap_or("your column");
            format!("  {} = {header:?}", field.name)
        })
        .collect();
    format!(
        "to use columns of other names, write these lines into a file map.toml and add --map map.toml:\n\n  \
         [[table]]\n  table = {:?}\n  [table.columns]\n{}",
        spec.name,
        columns.join("\n")
    )
}

/// Whether a header is a date or a number, as in a file without a header.
fn looks_like_value(header: &str) -> bool {
    date::read(header).is_ok() || (header.contains(|c: char| c.is_ascii_digit()) && number::read(header).is_ok())
}

fn day_of_micros(micros: i64) -> Day {
    Day(i32::try_from(micros.div_euclid(86_400_000_000)).unwrap_or(i32::MAX))
}

/// The text of a cell; `None` where it is empty. Whole numbers of any type have no decimal point.
pub(crate) fn cell_text(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    Some(match cell {
        Cell::Empty => return None,
        Cell::Text(text) => String::from_utf8_lossy(text),
        Cell::Whole(value) => Cow::Owned(value.to_string()),
        Cell::Single(value) => Cow::Owned(value.to_string()),
        Cell::Double(value) => Cow::Owned(value.to_string()),
        Cell::Decimal(digits, scale) => Cow::Owned(Number::from_parts(digits, scale)?.to_string()),
        Cell::Flag(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
        Cell::Day(day) if date::is_in_range(day) => Cow::Owned(day.to_string()),
        Cell::Day(day) => Cow::Owned(format!("day {} after 1970-01-01", day.0)),
        Cell::Moment(micros, _) => {
            let day = day_of_micros(micros);
            if !date::is_in_range(day) {
                return Some(Cow::Owned(format!("day {} after 1970-01-01", day.0)));
            }
            let seconds = micros.rem_euclid(86_400_000_000) / 1_000_000;
            if seconds == 0 {
                Cow::Owned(day.to_string())
            } else {
                Cow::Owned(format!("{day}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
            }
        }
    })
}

/// Fields that take shares and percentages as well as plain numbers of any size, so that 20 may be 20 % or 2,000 %. Other
/// shares lie between 0 and 1, and a 20 among them is refused as a row.
fn has_open_scale(field: Field) -> bool {
    matches!(field, Field::Discount | Field::Value | Field::Magnitude)
}

/// Fields whose percent signs mean a share.
fn takes_shares(field: Field) -> bool {
    matches!(
        field,
        Field::Share
            | Field::ServiceTarget
            | Field::Depth
            | Field::Discount
            | Field::PriceRatio
            | Field::StockoutShare
            | Field::Open
            | Field::Yield
            | Field::Scrap
            | Field::Rate
            | Field::Value
            | Field::Magnitude
    )
}

/// A dash is a "no" in a table of crosses and dashes; other texts for "no value" leave a flag unknown.
fn is_unknown_flag(text: &str) -> bool {
    number::is_missing(text) && !matches!(text, "-" | "none" | "None")
}

/// The style that a mapping or a flag states.
fn date_style(format: &str) -> Result<DateStyle, ImportError> {
    match format {
        "dmy" => Ok(DateStyle::DayFirst),
        "mdy" => Ok(DateStyle::MonthFirst),
        _ if date::is_format(format) => Ok(DateStyle::Format(format.to_owned())),
        _ => Err(ImportError::Option(format!("date is {format:?}, must be dmy, mdy or a format such as %d.%m.%y"))),
    }
}

fn flag_of(text: &str) -> Option<bool> {
    Some(match text.trim().to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "x" | "on" | "ja" | "oui" | "是" | "有" | "真" | "1.0" => true,
        "0" | "false" | "f" | "no" | "n" | "off" | "nein" | "non" | "否" | "无" | "假" | "-" | "0.0" | "none" => {
            false
        }
        other => {
            let value: f64 = other.parse().ok()?;
            if !(0.0..=1e9).contains(&value) {
                return None;
            }
            value > 0.0
        }
    })
}
