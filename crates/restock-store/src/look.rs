//! A look at one file before it is taken in: which table it is, what each column becomes, and what must be asked.
//!
//! It is the import itself that reads ([`crate::import`]), by the mapping that would be kept, so what is shown is what
//! will be read. Where a column can be read in two ways, it is asked, and one of the answers is tried so that the rows can
//! be counted meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::date::{self, DateReading};
use crate::error::Ambiguity;
use crate::import::{Recognised, import, recognise};
use crate::job::cell_text;
use crate::mapping::{FormatHints, Mapping};
use crate::number::{self, Reading};
use crate::source::{self, Input, Next};
use crate::tables::{self, Remark, Table, TableSpec};
use crate::{Import, ImportError, ImportOptions};

/// Cells shown of a column.
const N_SAMPLES: usize = 3;

/// Cells shown of a column that can be read in two ways.
const N_EXAMPLES: usize = 3;

/// The sheet that stands for all sheets of a workbook; no sheet is called so.
pub const ALL_SHEETS: &str = "*";

/// What somebody decided about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choices {
    /// The table that it is.
    pub table: Option<String>,
    /// The sheet of a workbook that is read; [`ALL_SHEETS`] reads all, each as the table it is recognised as.
    pub sheet: Option<String>,
    /// The field that a column becomes, by its header; `None` leaves the column out.
    pub columns: BTreeMap<String, Option<String>>,
    /// The decimal mark, `.` or `,`.
    pub decimal: Option<char>,
    /// The order of day and month, `dmy` or `mdy`.
    pub date: Option<String>,
}

impl Choices {
    fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// What a look found.
#[derive(Debug)]
pub struct Look {
    /// Sheets with rows, where a workbook has more than one.
    pub sheets: Vec<String>,
    /// The sheet that was looked at, where there are several; [`ALL_SHEETS`] for all.
    pub sheet: Option<String>,
    /// The table it was read as; `None` where all sheets are read, or where a mapping of the project says how.
    pub table: Option<&'static str>,
    /// Whether name or columns tell that table, or somebody chose it.
    pub is_table_certain: bool,
    /// The columns of the file, in its order.
    pub columns: Vec<LookColumn>,
    /// Required fields that no column gives.
    pub missing: Vec<String>,
    /// Numbers that can be read in two ways: with a decimal point, or with a decimal comma.
    pub numbers: Option<Doubt>,
    /// Dates that can be read in two ways: with the day first, or with the month first.
    pub dates: Option<Doubt>,
    /// What the file becomes, with the first answer where a question is open; or why it cannot be read.
    pub import: Result<Import, ImportError>,
    /// How it would be kept; `None` where a mapping of the project says how it is read, and for all sheets.
    pub entry: Option<Entry>,
    /// BLAKE3 of its content, 64 hexadecimal digits.
    pub hash: String,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookColumn {
    /// Its header.
    pub header: String,
    /// The field that it becomes.
    pub field: Option<String>,
    /// Whether it is kept as an attribute, where it becomes no field.
    pub is_attribute: bool,
    /// Its first texts.
    pub samples: Vec<String>,
}

/// Cells that can be read in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Header of their column.
    pub column: String,
    /// Row of the first, header = 1.
    pub row: u64,
    /// Why the rest of the column does not decide.
    pub why: String,
    /// Text, and what it is with the first answer (point, day first) and with the second (comma, month first).
    pub examples: Vec<(String, String, String)>,
}

/// How one file is read, as it is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    table: &'static str,
    sheet: Option<String>,
    /// Field and expression, as TOML.
    columns: Vec<(String, String)>,
    decimal: Option<char>,
    date: Option<String>,
}

impl Entry {
    /// The mapping of a file of this name, as TOML; [`Mapping`] says what it means.
    pub fn to_toml(&self, file: &str) -> String {
        let mut text = format!("[[table]]\ntable = {}\nfile = {}\n", quoted(self.table), quoted(file));
        let lines = [
            self.sheet.as_ref().map(|sheet| format!("sheet = {}\n", quoted(sheet))),
            self.decimal.map(|mark| format!("decimal = {}\n", quoted(&mark.to_string()))),
            self.date.as_ref().map(|date| format!("date = {}\n", quoted(date))),
        ];
        text.extend(lines.into_iter().flatten());
        if !self.columns.is_empty() {
            text.push_str("\n[table.columns]\n");
            text.extend(self.columns.iter().map(|(field, expression)| format!("{field} = {expression}\n")));
        }
        text
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The tables that a file can be, each with its fields and whether they are required.
pub fn known_tables() -> impl Iterator<Item = (&'static str, Vec<(&'static str, bool)>)> {
    tables::TABLES.iter().map(|spec| (spec.name, fields(spec)))
}

fn fields(spec: &TableSpec) -> Vec<(&'static str, bool)> {
    spec.fields.iter().map(|field| (field.name, field.required)).collect()
}

/// BLAKE3 of the content of a file, as [`Look::hash`] has it.
///
/// # Errors
/// [`ImportError::Io`], and [`ImportError::NotATable`] for what is none of ours.
pub fn content_hash(path: &Path) -> Result<String, ImportError> {
    Ok(source::probe(path)?.hash.to_hex().to_string())
}

/// Looks at a file. `base` is the mapping of the project and the folder of its data: where it has an entry for a file of
/// this name, that is how the file is read, and there is nothing to choose.
///
/// # Errors
/// [`ImportError`] where the file holds no table at all, and [`ImportError::Option`] where a choice is about nothing that
/// is there. That it cannot be read as it stands is in [`Look::import`].
pub fn look(
    path: &Path,
    choices: &Choices,
    base: Option<(&Mapping, &Path)>,
    options: &ImportOptions,
    progress: &dyn Fn(&str, u64, Option<u64>),
) -> Result<Look, ImportError> {
    let probed = source::probe(path)?;
    let inputs = source::open(&probed, None, &FormatHints::default())?;
    let hash = probed.hash.to_hex().to_string();
    let Some(first) = inputs.first() else {
        return Err(ImportError::NothingToImport { sources: vec![probed.name] });
    };
    let several = inputs.len() > 1;
    let sheets: Vec<String> = inputs.iter().filter(|_| several).map(|input| input.stem.clone()).collect();
    if let Some((mapping, folder)) = base {
        let (own, sources) =
            mapping.of_file(path, folder).map_err(|source| ImportError::Io { path: folder.to_owned(), source })?;
        if own.tables.iter().any(|entry| !entry.file.0.is_empty()) {
            if choices.any() {
                return Err(ImportError::Option(format!(
                    "the mapping {} says how files of this name are read, so nothing can be chosen here",
                    mapping.file
                )));
            }
            let read = import(&sources, Some(&own), options, progress);
            return Ok(Look {
                columns: columns_of(first, read.as_ref().ok(), &BTreeMap::new(), None)?,
                sheet: None,
                table: None,
                is_table_certain: true,
                missing: Vec::new(),
                numbers: None,
                dates: None,
                import: read,
                entry: None,
                sheets,
                hash,
            });
        }
    }
    let sheet = match &choices.sheet {
        Some(sheet) if sheet == ALL_SHEETS && several => {
            let read = import(&[path.to_owned()], None, options, progress);
            return Ok(Look {
                sheet: Some(ALL_SHEETS.to_owned()),
                table: None,
                is_table_certain: true,
                columns: Vec::new(),
                missing: Vec::new(),
                numbers: None,
                dates: None,
                import: read,
                entry: None,
                sheets,
                hash,
            });
        }
        Some(sheet) if sheets.contains(sheet) => Some(sheet.clone()),
        Some(sheet) => {
            let found = if several { sheets.join(", ") } else { "no sheets to choose from".to_owned() };
            return Err(ImportError::Option(format!("there is no sheet {sheet:?} with rows (found: {found})")));
        }
        None => None,
    };
    // Of several sheets, that of sales is looked at first.
    let is_sales = |input: &&Input| tables::guess(&input.headers) == Some(Table::Sales);
    let input = match &sheet {
        Some(sheet) => inputs.iter().find(|input| input.stem == *sheet).unwrap_or(first),
        None => inputs.iter().find(is_sales).unwrap_or(first),
    };
    let looked = Looked { path, input, choices, options, progress, sheet: several.then(|| input.stem.clone()) };
    looked.read(Look {
        sheet: several.then(|| input.stem.clone()),
        table: None,
        is_table_certain: false,
        columns: Vec::new(),
        missing: Vec::new(),
        numbers: None,
        dates: None,
        import: Ok(Import::default()),
        entry: None,
        sheets,
        hash,
    })
}

/// One table-shaped part of a file, as it is looked at.
struct Looked<'a> {
    path: &'a Path,
    input: &'a Input,
    choices: &'a Choices,
    options: &'a ImportOptions,
    progress: &'a dyn Fn(&str, u64, Option<u64>),
    sheet: Option<String>,
}

impl Looked<'_> {
    fn read(&self, mut look: Look) -> Result<Look, ImportError> {
        let (table, is_certain) = self.table()?;
        let spec = tables::spec(table);
        let mut entry = Entry {
            table: spec.name,
            sheet: self.sheet.clone(),
            columns: self.columns(spec)?,
            decimal: None,
            date: None,
        };
        (look.table, look.is_table_certain) = (Some(spec.name), is_certain);
        look.import = loop {
            match self.import_by(&entry) {
                Err(ImportError::AmbiguousNumbers(doubt)) if entry.decimal.is_none() => {
                    look.numbers = Some(self.doubt(&doubt, &two_numbers)?);
                    entry.decimal = Some(self.choices.decimal.unwrap_or('.'));
                }
                Err(ImportError::AmbiguousDates(doubt)) if entry.date.is_none() => {
                    look.dates = Some(self.doubt(&doubt, &two_dates)?);
                    entry.date = Some(self.choices.date.clone().unwrap_or_else(|| "dmy".to_owned()));
                }
                // Nobody asked, and somebody says otherwise all the same.
                Ok(_) if entry.decimal.is_none() && self.choices.decimal.is_some() => {
                    entry.decimal = self.choices.decimal;
                }
                Ok(_) if entry.date.is_none() && self.choices.date.is_some() => {
                    entry.date.clone_from(&self.choices.date)
                }
                // A column found in another way than by its header alone is left out by its field.
                Ok(read) => match self.unwanted(&read) {
                    Some(field) if entry.columns.iter().all(|(known, _)| *known != field) => {
                        entry.columns.push((field, "{ ignore = true }".to_owned()));
                    }
                    _ => break Ok(read),
                },
                Err(ImportError::NothingToImport { .. }) => {
                    break Err(ImportError::NothingToImport { sources: vec![self.name()] });
                }
                Err(error) => break Err(error),
            }
        };
        if let Err(ImportError::MissingColumns { missing, .. }) = &look.import {
            look.missing.clone_from(missing);
        }
        look.columns = columns_of(self.input, look.import.as_ref().ok(), &self.choices.columns, Some(spec))?;
        look.entry = Some(entry);
        Ok(look)
    }

    /// The table that the file is, and whether that is certain.
    fn table(&self) -> Result<(Table, bool), ImportError> {
        if let Some(name) = &self.choices.table {
            let names = || tables::TABLES.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
            let table = Table::from_name(name)
                .ok_or_else(|| ImportError::Option(format!("table is {name:?}, must be one of {}", names())))?;
            return Ok((table, true));
        }
        let headers = &self.input.headers;
        let Recognised { by_name, by_columns } = recognise(self.input);
        Ok(match (by_name, by_columns) {
            (Some(named), Some(Table::Sales)) if named != Table::Sales => (Table::Sales, false),
            (Some(named), _) if tables::is_complete(named, headers) => (named, true),
            (Some(named), Some(guessed)) => (guessed, named == guessed),
            (Some(named), None) => (named, true),
            (None, Some(guessed)) => (guessed, true),
            (None, None) => (Table::Sales, false),
        })
    }

    /// Expressions for what was chosen otherwise than headers say.
    fn columns(&self, spec: &'static TableSpec) -> Result<Vec<(String, String)>, ImportError> {
        let headers = &self.input.headers;
        let by_header = fields_by_header(spec, headers);
        let chosen = &self.choices.columns;
        let mut columns: Vec<(String, String)> = Vec::new();
        for (header, field) in chosen {
            if !headers.contains(header) {
                let found = headers.join(", ");
                return Err(ImportError::Option(format!("there is no column {header:?} (found: {found})")));
            }
            let Some(name) = field else { continue };
            let field = spec.fields.iter().find(|field| field.name == name).ok_or_else(|| {
                let names: Vec<&str> = spec.fields.iter().map(|field| field.name).collect();
                let names = names.join(", ");
                ImportError::Option(format!("table {} has no field {name:?}, its fields are {names}", spec.name))
            })?;
            if let Some((other, _)) = chosen.iter().find(|(other, of)| *other != header && of.as_ref() == Some(name)) {
                return Err(ImportError::Option(format!("{name} is taken from two columns, {other:?} and {header:?}")));
            }
            if by_header.get(header.as_str()) == Some(&field.name) {
                continue;
            }
            let ratio = |key: &str, by: Decimal| format!("{{ column = {}, {key} = {by} }}", quoted(header));
            let expression = match tables::remark(field.field, header) {
                Remark::Times(by) => ratio("multiply", by),
                Remark::Parts(by) => ratio("divide", by),
                Remark::Plain | Remark::NoRatio => quoted(header),
            };
            columns.push((field.name.to_owned(), expression));
        }
        for header in chosen.iter().filter(|(_, field)| field.is_none()).map(|(header, _)| header) {
            if let Some(&field) = by_header.get(header.as_str())
                && chosen.values().all(|other| other.as_deref() != Some(field))
            {
                columns.push((field.to_owned(), "{ ignore = true }".to_owned()));
            }
        }
        Ok(columns)
    }

    fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    fn import_by(&self, entry: &Entry) -> Result<Import, ImportError> {
        let name = self.name();
        let mapping = Mapping::from_toml(&name, &entry.to_toml(&name))?;
        let sources: [PathBuf; 1] = [self.path.to_owned()];
        import(&sources, Some(&mapping), self.options, self.progress)
    }

    /// The field of a column that was read and should not be.
    fn unwanted(&self, read: &Import) -> Option<String> {
        let left_out = |header: &String| self.choices.columns.get(header).is_some_and(Option::is_none);
        let columns = read.tables.first()?.columns.iter();
        columns.filter(|(_, header)| left_out(header)).map(|(field, _)| field.clone()).next()
    }

    /// A doubt with more of its cells than the first.
    fn doubt(&self, doubt: &Ambiguity, both: &dyn Fn(&str) -> Option<(String, String)>) -> Result<Doubt, ImportError> {
        let mut examples = vec![(doubt.value.clone(), doubt.first.clone(), doubt.second.clone())];
        if let Some(column) = self.input.headers.iter().position(|header| *header == doubt.column) {
            self.input.for_each_chunk(&vec![true; self.input.headers.len()], &mut |chunk| {
                for row in 0..chunk.len() {
                    let Some(text) = cell_text(chunk.cell(column, row)) else { continue };
                    if examples.len() < N_EXAMPLES
                        && examples.iter().all(|(known, ..)| *known != *text)
                        && let Some((first, second)) = both(&text)
                    {
                        examples.push((text.into_owned(), first, second));
                    }
                }
                Ok(Next::Stop)
            })?;
        }
        Ok(Doubt { column: doubt.column.clone(), row: doubt.row, why: doubt.why.clone(), examples })
    }
}

fn two_numbers(text: &str) -> Option<(String, String)> {
    match number::read(text).ok()? {
        Reading::Either { point, comma } => Some((point.to_string(), comma.to_string())),
        _ => None,
    }
}

fn two_dates(text: &str) -> Option<(String, String)> {
    match date::read(text).ok()?.reading {
        DateReading::YearLast { dmy: Some(dmy), mdy: Some(mdy), .. } if dmy != mdy => {
            Some((dmy.to_string(), mdy.to_string()))
        }
        _ => None,
    }
}

/// The field that each header stands for by itself.
fn fields_by_header<'a>(spec: &'static TableSpec, headers: &'a [String]) -> BTreeMap<&'a str, &'static str> {
    let name = |wanted| spec.fields.iter().find(|field| field.field == wanted).map(|field| field.name);
    let (taken, _) = tables::match_headers(spec, headers);
    taken.into_iter().filter_map(|(field, column)| Some((headers[column].as_str(), name(field)?))).collect()
}

/// The columns of an input: as it was read, or, where it could not be, as it would be.
fn columns_of(
    input: &Input,
    read: Option<&Import>,
    chosen: &BTreeMap<String, Option<String>>,
    spec: Option<&'static TableSpec>,
) -> Result<Vec<LookColumn>, ImportError> {
    let headers = &input.headers;
    let mut samples: Vec<Vec<String>> = vec![Vec::new(); headers.len()];
    input.for_each_chunk(&vec![true; headers.len()], &mut |chunk| {
        for row in 0..chunk.len() {
            let open = samples.iter_mut().enumerate().filter(|(_, shown)| shown.len() < N_SAMPLES);
            for (column, shown) in open {
                let text = cell_text(chunk.label(column, row)).map(|text| text.trim().to_owned());
                shown.extend(text.filter(|text| !text.is_empty()).map(shorten));
            }
        }
        Ok(Next::Stop)
    })?;
    let by_header = spec.map(|spec| fields_by_header(spec, headers)).unwrap_or_default();
    let tables = read.map(|read| &read.tables[..]).unwrap_or_default();
    let field_of = |header: &String| match read {
        Some(_) => {
            let taken = tables.iter().flat_map(|table| &table.columns).find(|(_, taken)| taken == header);
            taken.map(|(field, _)| field.clone())
        }
        None => chosen.get(header).cloned().unwrap_or_else(|| {
            // A field that another column was chosen for is that one's.
            let field = by_header.get(header.as_str()).map(|&field| field.to_owned());
            field.filter(|field| chosen.values().all(|other| other.as_ref() != Some(field)))
        }),
    };
    let keeps = spec.is_some_and(|spec| matches!(spec.table, Table::Items | Table::Locations | Table::Suppliers));
    let columns = headers.iter().zip(samples).filter(|(header, _)| !header.is_empty());
    let column = |(header, samples): (&String, Vec<String>)| {
        let field = field_of(header);
        LookColumn { header: header.clone(), is_attribute: keeps && field.is_none(), field, samples }
    };
    Ok(columns.map(column).collect())
}

/// A cell as it is shown: a text without end would fill the page.
fn shorten(text: String) -> String {
    const MOST_SHOWN: usize = 60;
    if text.chars().count() <= MOST_SHOWN {
        return text;
    }
    text.chars().take(MOST_SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_at(name: &str, text: &str, choices: &Choices) -> Result<Look, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        look(&path, choices, None, &ImportOptions::default(), &|_, _, _| {})
    }

    fn quantities(look: &Look) -> Vec<String> {
        let sales = &look.import.as_ref().unwrap().dataset.sales;
        sales.quantity.iter().map(ToString::to_string).collect()
    }

    const UNCLEAR: &str = "Datum;Artikel;Menge\n03/04/2026;tea;1.234\n05/04/2026;tea;2.500\n";

    #[test]
    fn what_can_be_read_in_two_ways_is_asked_with_what_each_answer_makes_of_it() {
        let open = look_at("kasse.csv", UNCLEAR, &Choices::default()).unwrap();
        assert_eq!((open.table, open.is_table_certain), (Some("sales"), true));
        let (numbers, dates) = (open.numbers.unwrap(), open.dates.unwrap());
        let of = |text: &str, first: &str, second: &str| (text.to_owned(), first.to_owned(), second.to_owned());
        assert_eq!(numbers.examples, [of("1.234", "1.234", "1234"), of("2.500", "2.500", "2500")]);
        assert_eq!((numbers.column.as_str(), numbers.row), ("Menge", 2));
        assert_eq!(dates.examples[0], of("03/04/2026", "2026-04-03", "2026-03-04"));

        let choices = Choices { decimal: Some(','), date: Some("mdy".to_owned()), ..Choices::default() };
        let answered = look_at("kasse.csv", UNCLEAR, &choices).unwrap();
        assert_eq!(quantities(&answered), ["1234", "2500"]);
        let days = &answered.import.as_ref().unwrap().dataset.sales.day;
        assert_eq!(days.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-03-04", "2026-05-04"]);
        assert!(answered.numbers.is_some() && answered.dates.is_some(), "what was asked stays to be seen");
        insta::assert_snapshot!(answered.entry.unwrap().to_toml("kasse.csv"), @r#"
        [[table]]
        table = "sales"
        file = "kasse.csv"
        decimal = ","
        date = "mdy"
        "#);
    }

    #[test]
    fn columns_are_chosen_and_left_out_and_what_is_kept_reads_the_same() {
        let text = "date,sku,units,qty,store\n2026-03-01,tea,1,7,berlin\n";
        let plain = look_at("s.csv", text, &Choices::default()).unwrap();
        assert_eq!(quantities(&plain), ["7"]);
        let columns = [("units", Some("quantity")), ("store", None)];
        let columns = columns.map(|(header, field)| (header.to_owned(), field.map(str::to_owned)));
        let choices = Choices { columns: columns.into(), ..Choices::default() };
        let chosen = look_at("s.csv", text, &choices).unwrap();
        assert_eq!(quantities(&chosen), ["1"]);
        let fields: Vec<_> = chosen.columns.iter().map(|column| column.field.as_deref()).collect();
        assert_eq!(fields, [Some("date"), Some("item_id"), Some("quantity"), None, None]);
        let kept = Mapping::from_toml("s.csv.map.toml", &chosen.entry.unwrap().to_toml("s.csv")).unwrap();
        assert!(kept.tables[0].columns["location_id"].ignore);

        for (columns, said) in [
            (vec![("colour", Some("quantity"))], "there is no column \"colour\""),
            (vec![("units", Some("colour"))], "table sales has no field \"colour\""),
            (vec![("units", Some("quantity")), ("store", Some("quantity"))], "taken from two columns"),
        ] {
            let columns = columns.into_iter().map(|(header, field)| (header.to_owned(), field.map(str::to_owned)));
            let choices = Choices { columns: columns.collect(), ..Choices::default() };
            let refused = look_at("s.csv", text, &choices).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
    }

    /// The header says weeks: a field that is chosen by hand keeps the ratio.
    #[test]
    fn a_chosen_column_keeps_the_unit_of_its_header() {
        let text = "to_location,supplier_id,Vorlauf (weeks)\nberlin,farm,2\n";
        let columns = [("Vorlauf (weeks)".to_owned(), Some("lead_time_days".to_owned()))].into();
        let choices = Choices { table: Some("sources".to_owned()), columns, ..Choices::default() };
        let look = look_at("wege.csv", text, &choices).unwrap();
        let sources = &look.import.as_ref().unwrap().dataset.sources;
        assert_eq!(sources[0].lead_time_days, Some(14.0));
    }

    #[test]
    fn a_table_that_nothing_tells_is_asked_and_missing_columns_are_named() {
        let look = look_at("x.csv", "a,b\n1,2\n", &Choices::default()).unwrap();
        assert!(!look.is_table_certain);
        assert_eq!(look.missing, ["date", "item_id", "quantity"]);
        assert!(look.import.is_err());
        assert_eq!(look.columns[1].samples, ["2"]);
        // The name says one table, the columns another.
        let look = look_at("items.csv", "date,item_id,quantity\n2026-03-01,tea,2\n", &Choices::default()).unwrap();
        assert_eq!((look.table, look.is_table_certain), (Some("sales"), false));
        let chosen = Choices { table: Some("items".to_owned()), ..Choices::default() };
        let look = look_at("items.csv", "date,item_id,quantity\n2026-03-01,tea,2\n", &chosen).unwrap();
        assert_eq!((look.table, look.is_table_certain), (Some("items"), true));
        assert!(look.columns[0].is_attribute);
        assert!(matches!(look_at("x.csv", "", &chosen), Err(ImportError::NothingToImport { .. })));
    }

    #[test]
    fn a_mapping_of_the_project_says_how_its_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kasse_1.csv");
        std::fs::write(&path, "Wann,Was,Stk\n2026-03-01,tea,-3\n").unwrap();
        let text = "[[table]]\ntable = \"sales\"\nfile = \"kasse_*.csv\"\n\n[table.columns]\ndate = \"Wann\"\n\
                    item_id = \"Was\"\nquantity = { column = \"Stk\", multiply = -1 }\n";
        let mapping = Mapping::from_toml("shop.toml", text).unwrap();
        let at = |choices: &Choices| {
            look(&path, choices, Some((&mapping, folder.path())), &ImportOptions::default(), &|_, _, _| {})
        };
        let read = at(&Choices::default()).unwrap();
        assert_eq!(quantities(&read), ["3"]);
        assert!(read.entry.is_none());
        let refused = at(&Choices { decimal: Some(','), ..Choices::default() }).unwrap_err().to_string();
        assert!(refused.contains("the mapping shop.toml says how"), "{refused}");
    }
}
