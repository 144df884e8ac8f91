//! The mapping file: how the columns of foreign files become tables, without editing the files.
//!
//! ```toml
//! duplicates = "keep"            # or "drop": sales rows equal in every cell
//! ignore_files = ["test.csv"]    # files of the folder that are none of our tables, patterns with *
//!
//! [settings]                     # hints for the plan, names of `PlanSettings`
//! bucket = "week"
//! currency = "GBP"
//!
//! [format]                       # for all files; a table may say otherwise
//! decimal = ","                  # "." or ","; found out column by column where absent
//! date = "dmy"                   # "dmy", "mdy", or a format such as "%d.%m.%y"
//! delimiter = ";"                # CSV only; found out where absent
//! encoding = "gb18030"           # CSV only; found out where absent
//!
//! [[table]]
//! table = "sales"                # one of the tables of the product
//! file = "sales_*.csv"           # which files, a pattern or a list; absent: any single file, or one named like the table
//! sheet = "2026"                 # XLSX only; absent: the sheet named like the table, or the first
//! automatic = true               # also recognise other columns by their headers (default)
//!
//! [table.columns]                # field = column, or an expression
//! item_id = "Artikel"
//! name = ["Bezeichnung", "Name"] # the first of these columns that the file has
//! brand = { column = "Marke", optional = true }    # no error in files without it
//! gtin = { column = "EAN", case = "upper" }        # or "lower": `85123a` and `85123A` are one item
//! location_id = { constant = "shop" }
//! category = { concat = ["cat_id", "dept_id"], separator = "/" }
//! quantity = { column = "pieces", multiply = -1 }
//! stockout_share = { column = "hours_out", divide = 24 }
//! supplier_id = { column = "vendor", prefix = "V-" }       # text before what the column says
//! due_on = { column = "wanted", date = "%d-%b-%y" }        # the format of this column's dates
//! unit_price = { column = "amount", divide = "pieces" }    # by another column; zero or empty there: no value
//! from = { column = "week", lookup = { file = "calendar.csv", key = "week", value = "date" } }
//! open = { column = "closed", invert = true }
//! holiday = { column = "state_holiday", values = { "0" = "0", "a" = "1" } }
//! channel = { ignore = true }    # do not recognise this field by its header
//!
//! [[table.where]]                # every condition must hold, or the row is left out and counted
//! column = "Artikel"
//! not_in = ["POST", "BANK CHARGES"]
//! [[table.where]]
//! column = "price"
//! not_empty = true
//!
//! [table.wide]                   # sales only: one column per day, week or month instead of one row
//! columns = "d_*"                # these columns hold quantities; date and quantity need no column of their own
//! first = "2011-01-29"           # the day of the first of them; absent: each header is a date
//! step = "day"                   # or "week", "month"
//! ```
//!
//! The same file may serve several `[[table]]` entries: sales, prices and items from one Parquet file.
//! Of tables that describe entities (items, locations, suppliers), repeated rows are the same entity and are taken
//! once when `distinct = true`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::tables::{self, Table};
use crate::{Duplicates, ImportError, date};

/// A mapping file. See the module's example for every key.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Files that are none of our tables, patterns with `*`.
    #[serde(default)]
    pub ignore_files: Vec<String>,
    /// Hints for the plan, in the names of `PlanSettings`.
    #[serde(default)]
    pub settings: toml::Table,
    /// How all files are written.
    #[serde(default)]
    pub format: FormatHints,
    /// What to do with sales rows equal in every cell.
    #[serde(default)]
    pub duplicates: Option<Duplicates>,
    /// The tables, in the order they are read.
    #[serde(default, rename = "table")]
    pub tables: Vec<TableMapping>,
    /// The text it was read from; part of the hash of an import.
    #[serde(skip)]
    pub text: String,
    /// Name for messages.
    #[serde(skip)]
    pub file: String,
}

/// What the name of a file is followed by in the name of a mapping of its own: `kasse.csv.map.toml` lies beside `kasse.csv`
/// and says how that file is read, whatever the mapping of the project says.
pub const OWN_MAPPING: &str = ".map.toml";

impl Mapping {
    /// `base` with the mappings of their own that files of `folder` have; `None` where there is nothing of either. A mapping
    /// of a file that is gone counts for nothing.
    ///
    /// # Errors
    /// [`ImportError::Io`] and [`ImportError::Mapping`].
    pub fn with_own(base: Option<Self>, folder: &Path) -> Result<Option<Self>, ImportError> {
        let mut names = Vec::new();
        // A data folder may be a file, or not there yet.
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.map_err(|source| ImportError::Io { path: folder.to_owned(), source })?;
            let name = entry.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(OWN_MAPPING).filter(|of| folder.join(of).is_file()).map(str::to_owned));
        }
        names.sort();
        let mut all = base;
        for of in names {
            let path = folder.join(format!("{of}{OWN_MAPPING}"));
            let own = Self::from_toml_file(&path)?;
            let more = Self { tables: Vec::new(), text: String::new(), file: String::new(), ..own.clone() };
            if more != Self::default() {
                let message = "a mapping of one file says nothing but its [[table]]".to_owned();
                return Err(ImportError::Mapping { file: path.display().to_string(), message });
            }
            let all = all.get_or_insert_with(|| Self { file: path.display().to_string(), ..Self::default() });
            all.text.push_str(&own.text);
            all.tables.extend(own.tables.into_iter().map(|table| TableMapping {
                file: Names(vec![of.clone()]),
                is_of_one_file: true,
                ..table
            }));
        }
        Ok(all)
    }

    /// Whether it says to leave out files of a name.
    pub fn ignores(&self, name: &str) -> bool {
        self.ignore_files.iter().any(|pattern| matches_pattern(pattern, name))
    }

    /// What of it is about a file that lies outside of its folder, and what to import then: the file and the files of the
    /// folder that its columns are looked up in.
    ///
    /// Tables for files of other names are left out. A table that names no file is for one that is named like it, or like
    /// no table at all.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of_file(&self, file: &Path, folder: &Path) -> std::io::Result<(Self, Vec<PathBuf>)> {
        let name = |path: &Path| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let named = name(file);
        let of_name = Table::from_file_name(&file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default());
        let fits = |names: &Names, name: &str| names.0.iter().any(|pattern| matches_pattern(pattern, name));
        let mut own = self.clone();
        own.tables.retain(|entry| match entry.file.0.is_empty() {
            true => of_name.is_none_or(|table| table.name() == entry.table),
            false => fits(&entry.file, &named),
        });
        let lookups =
            || own.tables.iter().flat_map(|entry| entry.columns.values()).filter_map(|column| column.lookup.as_ref());
        let mut sources = vec![file.to_owned()];
        if lookups().next().is_some() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if lookups().any(|lookup| fits(&lookup.file, &name(&path))) {
                    sources.push(path);
                }
            }
        }
        Ok((own, sources))
    }
}

/// How files are written, where it should not be found out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatHints {
    /// `.` or `,`.
    pub decimal: Option<char>,
    /// `dmy`, `mdy` or a format such as `%d.%m.%y`.
    pub date: Option<String>,
    /// Delimiter of CSV files, one character.
    pub delimiter: Option<char>,
    /// Encoding of CSV files, a WHATWG label such as `gb18030` or `windows-1252`.
    pub encoding: Option<String>,
}

/// How one table is read from the files that match.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableMapping {
    /// Table name.
    pub table: String,
    /// File name patterns with `*`; empty means any single file, or the file named like the table.
    #[serde(default)]
    pub file: Names,
    /// Sheet of an XLSX file.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Whether other columns are recognised by their headers.
    #[serde(default = "yes")]
    pub automatic: bool,
    /// Whether repeated rows of an entity or a price that stays the same are taken once without being reported.
    #[serde(default)]
    pub distinct: bool,
    /// Field to column or expression.
    #[serde(default)]
    pub columns: BTreeMap<String, Expression>,
    /// Conditions that a row must meet.
    #[serde(default, rename = "where")]
    pub filters: Vec<Filter>,
    /// Decimal mark of this table.
    #[serde(default)]
    pub decimal: Option<char>,
    /// Date order or format of this table.
    #[serde(default)]
    pub date: Option<String>,
    /// Columns that stand for days, weeks or months.
    #[serde(default)]
    pub wide: Option<Wide>,
    /// Whether it lies beside the one file that it is about; such a file is read by nothing else.
    #[serde(skip)]
    pub is_of_one_file: bool,
}

/// A name, or several of which the first that exists counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Names {
    /// `"a" or "b"`, for messages.
    pub(crate) fn shown(&self) -> String {
        self.0.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ")
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        Self::from_value(&value).ok_or_else(|| {
            serde::de::Error::custom(format!("expected a name or a list of names that are tried in turn, got {value}"))
        })
    }
}

impl Names {
    fn from_value(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::String(name) => Some(Self(vec![name.clone()])),
            toml::Value::Array(names) if !names.is_empty() => {
                names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>().map(Self)
            }
            _ => None,
        }
    }
}

/// Sales with one column per period.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wide {
    /// Pattern with `*` of the headers.
    pub columns: String,
    /// Day of the first column; absent: every header is a date.
    #[serde(default)]
    pub first: Option<String>,
    /// From one column to the next.
    #[serde(default)]
    pub step: Step,
}

/// From one column of a wide table to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// One day.
    #[default]
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
}

/// Values of another file in place of the keys in a column.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Patterns of the other file's name.
    pub file: Names,
    /// Its column with the keys; where a key occurs more than once, its first row counts.
    pub key: String,
    /// Its column with the values.
    pub value: String,
}

/// A number or a column to multiply or divide by.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The same number for every row.
    Number(Decimal),
    /// The number in another column: the first of these that the file has.
    Column(Names),
}

/// Letters to which a text is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Capital letters.
    Upper,
    /// Small letters.
    Lower,
}

fn yes() -> bool {
    true
}

/// Where the value of a field comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expression {
    /// The column it comes from: the first of these that the file has.
    pub column: Option<Names>,
    /// The same text for every row.
    pub constant: Option<String>,
    /// Columns joined into one text.
    pub concat: Vec<String>,
    /// Between the joined columns, `-` by default.
    pub separator: String,
    /// What to multiply by.
    pub multiply: Option<Operand>,
    /// What to divide by.
    pub divide: Option<Operand>,
    /// Whether yes becomes no.
    pub invert: bool,
    /// Texts to replace before reading; other texts stay.
    pub values: BTreeMap<String, String>,
    /// Leave this field alone even where a header suggests it.
    pub ignore: bool,
    /// Whether a file without the column is no error.
    pub optional: bool,
    /// Letters of the text, so that two spellings are one id.
    pub case: Option<Case>,
    /// Text put before that of the column.
    pub prefix: String,
    /// Date order or format of this column.
    pub date: Option<String>,
    /// Another file that turns the text into something else.
    pub lookup: Option<Lookup>,
}

/// A condition on the text of one column.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Header of the column: the first of these that the file has.
    pub column: Names,
    /// The text must be one of these.
    #[serde(default, rename = "in")]
    pub is_in: Vec<String>,
    /// The text must be none of these.
    #[serde(default)]
    pub not_in: Vec<String>,
    /// The text must not start with any of these.
    #[serde(default)]
    pub not_starts_with: Vec<String>,
    /// The cell must not be empty (or null).
    #[serde(default)]
    pub not_empty: bool,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`ImportError::Io`] and [`ImportError::Mapping`] with the line at fault.
    pub fn from_toml_file(path: impl AsRef<Path>) -> Result<Self, ImportError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
        Self::from_toml(&path.display().to_string(), &text)
    }

    /// Reads a mapping from its text; `file` is the name that errors show.
    ///
    /// # Errors
    /// [`ImportError::Mapping`] with the line at fault.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ImportError> {
        let wrong = |message: String| ImportError::Mapping { file: file.to_owned(), message };
        let mut mapping: Self = toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        mapping.check().map_err(wrong)?;
        mapping.text = text.to_owned();
        mapping.file = file.to_owned();
        Ok(mapping)
    }

    /// Names of tables and fields, before any file is opened.
    fn check(&self) -> Result<(), String> {
        for entry in &self.tables {
            let Some(table) = Table::from_name(&entry.table) else {
                let names: Vec<&str> = tables::TABLES.iter().map(|spec| spec.name).collect();
                return Err(format!("table is {:?}, must be one of {}", entry.table, names.join(", ")));
            };
            let fields = tables::spec(table).fields;
            if let Some(name) = entry.columns.keys().find(|name| fields.iter().all(|field| field.name != name.as_str()))
            {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                return Err(format!(
                    "table {} has no field {name:?}, its fields are {}",
                    entry.table,
                    names.join(", ")
                ));
            }
            let Some(wide) = &entry.wide else { continue };
            if table != Table::Sales {
                return Err(format!("table {}: only sales can be wide", entry.table));
            }
            if !wide.columns.contains('*') {
                return Err(format!("wide columns are {:?}, must be a pattern such as \"d_*\"", wide.columns));
            }
            if let Some(first) = wide.first.as_ref().filter(|first| date::read_iso(first.as_bytes()).is_none()) {
                return Err(format!("wide first is {first:?}, must be a date such as \"2011-01-29\""));
            }
            if let Some(name) = ["date", "quantity"].into_iter().find(|name| entry.columns.contains_key(*name)) {
                return Err(format!(
                    "a wide table takes {name} from its wide columns, so {name} cannot be mapped as well"
                ));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Scalar {
            Text(String),
            Flag(bool),
            Whole(i64),
            Float(f64),
        }
        impl Scalar {
            fn text(self) -> String {
                match self {
                    Self::Text(text) => text,
                    Self::Flag(flag) => flag.to_string(),
                    Self::Whole(whole) => whole.to_string(),
                    Self::Float(float) => float.to_string(),
                }
            }
        }
        let value = toml::Value::deserialize(deserializer)?;
        let table = match value {
            toml::Value::String(_) | toml::Value::Array(_) => {
                let column = Names::from_value(&value)
                    .ok_or_else(|| D::Error::custom(format!("expected a list of column names, got {value}")))?;
                return Ok(Self { column: Some(column), ..Self::default() });
            }
            toml::Value::Table(table) => table,
            other => {
                return Err(D::Error::custom(format!(
                    "expected a column name such as \"sku\" or an expression such as {{ column = \"sku\" }}, got {other}"
                )));
            }
        };
        let mut expression = Self { separator: "-".to_owned(), ..Self::default() };
        for (key, value) in table {
            let wrong = |expected: &str, value: &toml::Value| {
                D::Error::custom(format!("{key} must be {expected}, got {value}"))
            };
            let scalar = |value: toml::Value| value.try_into::<Scalar>().map(Scalar::text);
            match key.as_str() {
                "column" => {
                    let names = Names::from_value(&value);
                    expression.column = Some(names.ok_or_else(|| wrong("a column name or a list of them", &value))?);
                }
                "separator" | "prefix" | "date" => {
                    let text = value.as_str().ok_or_else(|| wrong("a text", &value))?.to_owned();
                    match key.as_str() {
                        "separator" => expression.separator = text,
                        "prefix" => expression.prefix = text,
                        _ => expression.date = Some(text),
                    }
                }
                "case" => {
                    expression.case = Some(match value.as_str() {
                        Some("upper") => Case::Upper,
                        Some("lower") => Case::Lower,
                        _ => return Err(wrong("\"upper\" or \"lower\"", &value)),
                    });
                }
                "lookup" => {
                    let lookup = value.clone().try_into::<Lookup>().map_err(|error| {
                        D::Error::custom(format!("lookup must be {{ file, key, value }}: {}", error.message()))
                    })?;
                    expression.lookup = Some(lookup);
                }
                "constant" => {
                    let shown = value.clone();
                    expression.constant = Some(scalar(value).map_err(|_| wrong("a text, number or flag", &shown))?);
                }
                "concat" => {
                    let shown = value.clone();
                    expression.concat = value.try_into().map_err(|_| wrong("a list of column names", &shown))?;
                }
                "multiply" | "divide" => {
                    let operand = match Names::from_value(&value) {
                        Some(column) => Operand::Column(column),
                        None => scalar(value.clone())
                            .ok()
                            .and_then(|text| Decimal::from_str_exact(&text).ok())
                            .filter(|number| !number.is_zero())
                            .map(Operand::Number)
                            .ok_or_else(|| wrong("a number other than zero, or the name of a column", &value))?,
                    };
                    if key == "multiply" {
                        expression.multiply = Some(operand)
                    } else {
                        expression.divide = Some(operand)
                    }
                }
                "invert" | "ignore" | "optional" => {
                    let flag = value.as_bool().ok_or_else(|| wrong("true or false", &value))?;
                    match key.as_str() {
                        "invert" => expression.invert = flag,
                        "ignore" => expression.ignore = flag,
                        _ => expression.optional = flag,
                    }
                }
                "values" => {
                    let shown = value.clone();
                    let table =
                        value.try_into::<BTreeMap<String, Scalar>>().map_err(|_| wrong("a table of texts", &shown))?;
                    expression.values = table.into_iter().map(|(from, to)| (from, to.text())).collect();
                }
                _ => {
                    return Err(D::Error::custom(format!(
                        "unknown key {key:?}, expected one of column, constant, concat, separator, multiply, divide, \
                         invert, values, lookup, case, prefix, date, optional, ignore"
                    )));
                }
            }
        }
        let n_origins = usize::from(expression.column.is_some())
            + usize::from(expression.constant.is_some())
            + usize::from(!expression.concat.is_empty());
        if n_origins != 1 && !expression.ignore {
            return Err(D::Error::custom(
                "an expression needs exactly one of column, constant and concat (or ignore = true)",
            ));
        }
        Ok(expression)
    }
}

impl Filter {
    /// Whether a row with this text (`None` = empty) stays.
    pub(crate) fn keeps(&self, text: Option<&str>) -> bool {
        let Some(text) = text else { return !self.not_empty && self.is_in.is_empty() };
        (self.is_in.is_empty() || self.is_in.iter().any(|wanted| wanted == text))
            && !self.not_in.iter().any(|unwanted| unwanted == text)
            && !self.not_starts_with.iter().any(|unwanted| text.starts_with(unwanted.as_str()))
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(crate) fn matches_pattern(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            match rest.find(previous) {
                Some(at) => rest = &rest[at + str::len(previous)..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}
