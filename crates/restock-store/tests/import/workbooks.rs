//! XLSX files as people make them: real dates, numbers as text, formulas, several sheets.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};

use crate::{Folder, assert_nothing_is_lost, sales};

fn headers(sheet: &mut Worksheet, headers: &[&str]) {
    for (column, header) in headers.iter().enumerate() {
        sheet.write(0, column as u16, *header).unwrap();
    }
}

fn date(sheet: &mut Worksheet, row: u32, column: u16, text: &str) {
    let format = Format::new().set_num_format("dd.mm.yyyy");
    sheet.write_datetime_with_format(row, column, ExcelDateTime::parse_from_str(text).unwrap(), &format).unwrap();
}

#[test]
fn cells_of_every_kind() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    headers(sheet, &["date", "item_id", "quantity"]);
    for row in 1..=12 {
        date(sheet, row, 0, "2026-03-02");
        sheet.write(row, 1, format!("i{row}")).unwrap();
    }
    sheet.write(1, 2, 12.5).unwrap();
    sheet.write(2, 2, "13.75").unwrap();
    sheet.write(3, 2, 0.1 + 0.2).unwrap();
    sheet.write(4, 2, "12,5").unwrap();
    date(sheet, 5, 2, "2026-05-03");
    sheet.write(6, 2, true).unwrap();
    sheet.write_formula(7, 2, Formula::new("=A1*2").set_result("8")).unwrap();
    sheet.write_formula(8, 2, Formula::new("=A1/0").set_result("#DIV/0!")).unwrap();
    sheet.write(9, 2, 1e20).unwrap();
    // An id as a number, one beyond the digits of a spreadsheet, and an empty row.
    sheet.write(10, 1, 4_006_381_333_931.0).unwrap();
    sheet.write(10, 2, 1).unwrap();
    sheet.write(11, 1, 12_345_678_901_234_567_890.0).unwrap();
    sheet.write(11, 2, 1).unwrap();
    // A day number without a date format, and a date as text.
    sheet.write(12, 0, 46_083).unwrap();
    sheet.write(12, 2, 1).unwrap();
    sheet.write(14, 0, "02.03.2026").unwrap();
    sheet.write(14, 1, "last").unwrap();
    sheet.write(14, 2, 3).unwrap();
    let import = Folder::new().with("sales.xlsx", book.save_to_buffer().unwrap()).import().unwrap();
    assert_nothing_is_lost(&import);
    let errors = import.row_errors.iter().map(ToString::to_string);
    let shown: Vec<String> = sales(&import).into_iter().chain(errors).chain(import.notes.clone()).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_text_that_could_be_meant_in_two_ways_is_asked_for_among_real_numbers_too() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    headers(sheet, &["date", "item_id", "quantity"]);
    date(sheet, 1, 0, "2026-03-02");
    sheet.write(1, 1, "a").unwrap();
    sheet.write(1, 2, "1,000").unwrap();
    date(sheet, 2, 0, "2026-03-02");
    sheet.write(2, 1, "a").unwrap();
    sheet.write(2, 2, 2.5).unwrap();
    let error = Folder::new().with("sales.xlsx", book.save_to_buffer().unwrap()).import().unwrap_err().to_string();
    assert!(error.contains("row 2") && error.contains("\"1,000\" is 1000 or 1.000"), "{error}");
}

#[test]
fn sheets_are_tables_and_headers_may_stand_lower() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("销售").unwrap();
    headers(sheet, &["日期", "商品编码", "销量", "门店"]);
    date(sheet, 1, 0, "2026-03-02");
    sheet.write(1, 1, "苹果").unwrap();
    sheet.write(1, 2, "13.75").unwrap();
    sheet.write(1, 3, "北京").unwrap();
    let sheet = book.add_worksheet().set_name("库存").unwrap();
    for (column, header) in ["商品编码", "库存", "门店"].iter().enumerate() {
        sheet.write(3, column as u16 + 1, *header).unwrap();
    }
    for (column, value) in ["苹果", "7", "北京"].iter().enumerate() {
        sheet.write(4, column as u16 + 1, *value).unwrap();
        sheet.write(5, column as u16 + 1, if column == 1 { "x" } else { value }).unwrap();
    }
    book.add_worksheet().set_name("notes").unwrap().write(0, 0, "remember").unwrap();
    let import = Folder::new().with("数据.xlsx", book.save_to_buffer().unwrap()).import().unwrap();
    assert_eq!(sales(&import), ["2026-03-02 苹果 北京 13.75"]);
    assert_eq!(import.dataset.inventory[0].on_hand.to_string(), "7");
    assert_eq!((import.row_errors[0].row, import.row_errors[0].file.as_str()), (6, "数据.xlsx [库存]"));
    assert!(import.notes.iter().any(|note| note.contains("notes") && note.contains("left out")), "{:?}", import.notes);
}

/// Two cells at the corners of a sheet are a rectangle of 17 billion: nothing of that size is held.
#[test]
fn stray_cells_far_away_do_not_take_the_memory() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    headers(sheet, &["date", "item_id", "quantity"]);
    date(sheet, 1, 0, "2026-03-02");
    sheet.write(1, 1, "a").unwrap();
    sheet.write(1, 2, 1).unwrap();
    sheet.write(1_048_575, 16_383, "x").unwrap();
    let error = crate::import_one("sales.xlsx", book.save_to_buffer().unwrap()).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    sales.xlsx is not a table: it cannot be read as a workbook: sheet "Sheet1" has cells across 1048576 rows and 16384 columns, at most 33554432 cells are supported; clear the stray cells far from the table

    hint: save it again as XLSX, or export the sheet as CSV
    "#);
}
