//! Parquet columns of every type that data frames write.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use parquet::arrow::ArrowWriter;

use crate::{Folder, assert_nothing_is_lost, sales};

fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn quantities(column: ArrayRef) -> Vec<String> {
    let n = column.len();
    let items: StringArray = (0..n).map(|idx| Some(format!("i{idx}"))).collect();
    let bytes = file(vec![
        ("date", Arc::new(Date32Array::from(vec![20_514; n]))),
        ("item_id", Arc::new(items)),
        ("quantity", column),
    ]);
    match Folder::new().with("sales.parquet", bytes).import() {
        Ok(import) => {
            assert_nothing_is_lost(&import);
            let mut shown: Vec<String> =
                sales(&import).iter().map(|row| row.rsplit(' ').next().unwrap().to_owned()).collect();
            shown.extend(import.row_errors.iter().map(|error| format!("row {}: {:?}", error.row, error.value)));
            shown
        }
        Err(error) => vec![error.to_string().lines().next().unwrap().to_owned()],
    }
}

#[test]
fn numbers_of_every_type_are_exact_or_refused() {
    assert_eq!(quantities(Arc::new(Int32Array::from(vec![Some(3), Some(-2), None]))), ["3", "-2", "row 4: \"\""]);
    assert_eq!(quantities(Arc::new(UInt64Array::from(vec![7, u64::MAX]))), ["7", "row 3: \"18446744073709551615\""]);
    assert_eq!(
        quantities(Arc::new(Float64Array::from(vec![0.1, 13.75, 1e300, f64::NAN, f64::INFINITY]))).len(),
        5,
        "two values and three refusals"
    );
    assert_eq!(quantities(Arc::new(Float32Array::from(vec![0.1, 3.97]))), ["0.1", "3.97"]);
    let decimals = Decimal128Array::from(vec![13_750, -1]).with_precision_and_scale(20, 3).unwrap();
    assert_eq!(quantities(Arc::new(decimals)), ["13.75", "-0.001"]);
    assert_eq!(quantities(Arc::new(StringArray::from(vec!["13.75", "x"]))), ["13.75", "row 3: \"x\""]);
    assert!(quantities(Arc::new(StringArray::from(vec!["1,000"])))[0].contains("1000 or 1.000"));
    assert_eq!(quantities(Arc::new(BooleanArray::from(vec![true]))).len(), 1);
}

#[test]
fn ids_and_dates_of_every_type() {
    let dictionary: DictionaryArray<Int32Type> = vec!["a", "b", "a"].into_iter().collect();
    let noon = 20_514_i64 * 86_400_000_000 + 43_200_000_000;
    for dates in [
        Arc::new(Date32Array::from(vec![20_514; 3])) as ArrayRef,
        Arc::new(TimestampMicrosecondArray::from(vec![noon; 3])),
        Arc::new(TimestampNanosecondArray::from(vec![noon * 1000; 3])),
        Arc::new(TimestampMicrosecondArray::from(vec![noon; 3]).with_timezone("+08:00")),
        Arc::new(StringArray::from(vec!["2026-03-02"; 3])),
        Arc::new(Int64Array::from(vec![20_260_302; 3])),
    ] {
        let kind = format!("{:?}", dates.data_type());
        let bytes = file(vec![
            ("date", dates),
            ("item_id", Arc::new(dictionary.clone())),
            ("quantity", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("location_id", Arc::new(Int64Array::from(vec![7, 7, 8]))),
        ]);
        let import = Folder::new().with("sales.parquet", bytes).import().unwrap();
        assert_eq!(sales(&import), ["2026-03-02 a 7 1", "2026-03-02 a 8 3", "2026-03-02 b 7 2"], "{kind}");
    }
}

/// Days at the ends of the earth once made the import panic while sorting.
#[test]
fn days_out_of_range_and_ids_without_all_digits_are_refused() {
    let import_with = |dates: ArrayRef, items: ArrayRef| {
        let quantity = Arc::new(Int64Array::from(vec![1; dates.len()]));
        let bytes = file(vec![("date", dates), ("item_id", items), ("quantity", quantity)]);
        let import = Folder::new().with("sales.parquet", bytes).import().unwrap();
        assert_nothing_is_lost(&import);
        import.row_errors.iter().map(|error| format!("{} {:?}", error.column, error.value)).collect::<Vec<_>>()
    };
    let names = || Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef;
    let days = Arc::new(Date32Array::from(vec![i32::MIN, 20_514, i32::MAX]));
    assert_eq!(import_with(days, names()).len(), 2);
    let moments = TimestampMicrosecondArray::from(vec![i64::MIN, 0, i64::MAX]).with_timezone("+08:00");
    assert_eq!(import_with(Arc::new(moments), names()).len(), 2);
    let days = || Arc::new(Date32Array::from(vec![20_514; 3])) as ArrayRef;
    let ids = Arc::new(Float64Array::from(vec![4_006_381_333_931.0, 1e19, 12.0]));
    assert_eq!(import_with(days(), ids), ["item_id \"10000000000000000000\""]);
}
