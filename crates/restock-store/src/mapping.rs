//! The mapping file: how the columns of foreign files become tables, without editing the files.
//!
//! ```toml
//! duplicates = "keep"            # or "drop": sales rows equal in every cell
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
//! file = "sales_*.csv"           # which files; absent: any single file, or the file named like the table
//! sheet = "2026"                 # XLSX only; absent: the sheet named like the table, or the first
//! automatic = true               # also recognise other columns by their headers (default)
//!
//! [table.columns]                # field = column, or an expression
//! item_id = "Artikel"
//! location_id = { constant = "shop" }
//! category = { concat = ["cat_id", "dept_id"], separator = "/" }
//! quantity = { column = "pieces", multiply = -1 }
//! stockout_share = { column = "hours_out", divide = 24 }
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
//! ```
//!
//! The same file may serve several `[[table]]` entries: sales, prices and items from one Parquet file.
//! Of tables that describe entities (items, locations, suppliers), repeated rows are the same entity and are taken
//! once when `distinct = true`.

use std::collections::BTreeMap;
use std::path::Path;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{Duplicates, ImportError};

/// A mapping file. See the module's example for every key.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
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
    /// File name pattern with `*`.
    #[serde(default)]
    pub file: Option<String>,
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
}

fn yes() -> bool {
    true
}

/// Where the value of a field comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expression {
    /// The one column it comes from.
    pub column: Option<String>,
    /// The same text for every row.
    pub constant: Option<String>,
    /// Columns joined into one text.
    pub concat: Vec<String>,
    /// Between the joined columns, `-` by default.
    pub separator: String,
    /// Number to multiply by.
    pub multiply: Option<Decimal>,
    /// Number to divide by.
    pub divide: Option<Decimal>,
    /// Whether yes becomes no.
    pub invert: bool,
    /// Texts to replace before reading; other texts stay.
    pub values: BTreeMap<String, String>,
    /// Leave this field alone even where a header suggests it.
    pub ignore: bool,
}

/// A condition on the text of one column.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Header of the column.
    pub column: String,
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
        mapping.text = text.to_owned();
        mapping.file = file.to_owned();
        Ok(mapping)
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
            toml::Value::String(column) => return Ok(Self { column: Some(column), ..Self::default() }),
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
                "column" | "separator" => {
                    let text = value.as_str().ok_or_else(|| wrong("a text", &value))?.to_owned();
                    if key == "column" { expression.column = Some(text) } else { expression.separator = text }
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
                    let number = scalar(value.clone())
                        .ok()
                        .and_then(|text| Decimal::from_str_exact(&text).ok())
                        .filter(|number| !number.is_zero())
                        .ok_or_else(|| wrong("a number other than zero", &value))?;
                    if key == "multiply" {
                        expression.multiply = Some(number)
                    } else {
                        expression.divide = Some(number)
                    }
                }
                "invert" | "ignore" => {
                    let flag = value.as_bool().ok_or_else(|| wrong("true or false", &value))?;
                    if key == "invert" { expression.invert = flag } else { expression.ignore = flag }
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
                         invert, values, ignore"
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
