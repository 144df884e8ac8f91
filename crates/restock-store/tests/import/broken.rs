//! A deliberately broken sample: every kind of damage we know of, and the error it must get.

use restock_store::{ImportError, ImportOptions};

use crate::{Folder, assert_nothing_is_lost, import_one};

/// Imports one file and shows for every line whether it was taken in or why not; then what was said about the file.
fn fate_of_rows(name: &str, text: &str) -> String {
    let import = match import_one(name, text) {
        Ok(import) => import,
        Err(ImportError::NoRowAccepted { n_row_errors, first }) => {
            let errors: Vec<String> = first.iter().map(ToString::to_string).collect();
            return format!("none of {n_row_errors} rows\n{}", errors.join("\n"));
        }
        Err(error) => return format!("refused: {error}"),
    };
    assert_nothing_is_lost(&import);
    let dataset = &import.dataset;
    let mut shown = Vec::new();
    for (idx, line) in text.lines().enumerate() {
        let row = idx as u64 + 1;
        let fate = match import.row_errors.iter().find(|error| error.row == row) {
            Some(error) => {
                assert!(!error.expected.is_empty() && !error.fix.is_empty(), "{error}");
                format!("  <- {} {:?}: expected {}; {}", error.column, error.value, error.expected, error.fix)
            }
            None => match dataset.sales.row.iter().position(|at| u64::from(at.row) == row) {
                Some(at) => format!("  = {} {}", dataset.sales.day[at], dataset.sales.quantity[at]),
                None => String::new(),
            },
        };
        shown.push(format!("{row}: {}{fate}", line.escape_debug()));
    }
    let notes: Vec<&String> =
        import.notes.iter().filter(|note| !note.starts_with(&format!("{name}: columns not used"))).collect();
    shown.extend(notes.iter().map(|note| format!("note: {note}")));
    shown.join("\n")
}

#[test]
fn numbers_in_a_column_of_decimal_points() {
    insta::assert_snapshot!(fate_of_rows(
        "sales.csv",
        "date,item_id,quantity,unit_price\n\
         2026-03-02,a,13.75,1.99\n\
         2026-03-02,b,\"13,75\",1.99\n\
         2026-03-02,c,1375,1.99\n\
         2026-03-02,d,\"1,000\",1.99\n\
         2026-03-02,e,\"1,000.5\",1.99\n\
         2026-03-02,f,\"1.000,5\",1.99\n\
         2026-03-02,g,12 kg,1.99\n\
         2026-03-02,h,twelve,1.99\n\
         2026-03-02,i,,1.99\n\
         2026-03-02,j,$12,1.99\n\
         2026-03-02,k,12%,1.99\n\
         2026-03-02,l,1.23457E+12,1.99\n\
         2026-03-02,m,1.23E+05,1.99\n\
         2026-03-02,n,99999999999999999999,1.99\n\
         2026-03-02,o,123456789012345678901234567890123456789012345678901234567890,1.99\n\
         2026-03-02,p,=A1*2,1.99\n\
         2026-03-02,q,#REF!,1.99\n\
         2026-03-02,r,#N/A,1.99\n\
         2026-03-02,s,3-May,1.99\n\
         2026-03-02,t,03.05.2026,1.99\n\
         2026-03-02,u,-3,1.99\n\
         2026-03-02,v,(3),1.99\n\
         2026-03-02,w,3-,1.99\n\
         2026-03-02,x,1 2 3,1.99\n\
         2026-03-02,y,\"12,34,567\",1.99\n\
         2026-03-02,z,0.1234567,1.99\n\
         2026-03-02,za,TRUE,1.99\n\
         2026-03-02,zb,１２．５,1.99\n\
         2026-03-02,zc,1.5,20%\n\
         2026-03-02,zd,1.5,$1.99\n\
         2026-03-02,ze,1.5,1.99 per kg\n\
         2026-03-02,zf,NaN,1.99\n\
         2026-03-02,zg,inf,1.99\n\
         2026-03-02,zh,0x1F,1.99\n\
         2026-03-02,zi,1/2,1.99\n\
         2026-03-02,zj,~5,1.99\n\
         2026-03-02,zk,1..5,1.99\n"
    ));
}

#[test]
fn numbers_that_could_be_meant_in_two_ways() {
    let shown: Vec<String> = [
        ("only thousands or only decimals", "1,000\n2\n"),
        ("the same with points", "1.000\n2\n"),
        ("both marks in equal numbers", "1,000\n2.5\n3,5\n"),
        ("mostly points: the odd one is refused, and so is the one with two meanings", "1,000\n2.5\n3,5\n4.5\n5.5\n"),
        ("the column decides", "1,000\n2,5\n"),
        ("the column decides the other way", "1,000\n2.5\n"),
        ("a group of four is no group", "1,0000\n2.5\n"),
        ("mixed without an undecided cell", "2.5\n3,5\n"),
    ]
    .map(|(what, cells)| {
        let rows: String =
            cells.lines().enumerate().map(|(idx, cell)| format!("2026-03-02,i{idx},\"{cell}\"\n")).collect();
        format!("# {what}\n{}", fate_of_rows("sales.csv", &format!("date,item_id,quantity\n{rows}")))
    })
    .to_vec();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn dates() {
    insta::assert_snapshot!(fate_of_rows(
        "sales.csv",
        "date,item_id,quantity\n\
         2026-03-02,a,1\n\
         2026-02-30,a,1\n\
         2026-13-01,a,1\n\
         31/04/2026,a,1\n\
         25/03/2026,a,1\n\
         03/25/2026,a,1\n\
         02/03/2026,a,1\n\
         26/03/2026,a,1\n\
         25/03/26,a,1\n\
         46083,a,1\n\
         2026,a,1\n\
         ,a,1\n\
         yesterday,a,1\n\
         0000-00-00,a,1\n\
         1.5,a,1\n\
         9999-12-31,a,1\n\
         2206-03-02,a,1\n\
         2026-03-02T25:00,a,1\n\
         2026-03-02 08:15:00+08:00,a,1\n\
         2026-03-02 24:00,a,1\n\
         2026-W54,a,1\n\
         #REF!,a,1\n\
         =TODAY(),a,1\n\
         2026年3月2日,a,1\n\
         2026年2月30日,a,1\n\
         Mar 2 2026,a,1\n\
         2 März 2026,a,1\n"
    ));
}

#[test]
fn dates_that_could_be_meant_in_two_ways() {
    let shown: Vec<String> =
        [("undecided", "03/04/2026"), ("dots put the day first", "03.04.2026"), ("short years", "03/04/26")]
            .map(|(what, date)| {
                format!("# {what}\n{}", fate_of_rows("sales.csv", &format!("date,item_id,quantity\n{date},a,1\n")))
            })
            .to_vec();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn ids() {
    insta::assert_snapshot!(fate_of_rows(
        "sales.csv",
        "date,item_id,quantity,location_id\n\
         2026-03-02,00123,1,north\n\
         2026-03-02,1E5,1,north\n\
         2026-03-02,,1,north\n\
         2026-03-02,a,1,\n\
         2026-03-02,4.00638E+12,1,north\n\
         2026-03-02,1.00E+05,1,north\n\
         2026-03-02,#N/A,1,north\n\
         2026-03-02,#REF!,1,north\n\
         2026-03-02,NULL,1,north\n\
         2026-03-02,NA,1,north\n\
         2026-03-02,=A1*2,1,north\n\
         2026-03-02,\"=\"\"00123\"\"\",1,north\n\
         2026-03-02,a\u{a0},1,north\n\
         2026-03-02, a ,1,north\n\
         2026-03-02,\u{3000}a,1,north\n"
    ));
}

#[test]
fn rows_that_are_no_rows() {
    insta::assert_snapshot!(fate_of_rows(
        "sales.csv",
        "date,item_id,quantity,remark\n\
         2026-03-02,a,1,fine\n\
         2026-03-02,b\n\
         2026-03-02,c,1,one,two\n\
         2026-03-02,d,1,fine,,\n\
         2026-03-02,e,13,75,fine\n\
         ,,,\n\
         \n\
         2026-03-02,f,1,\"two words\"\n\
         2026-03-02,g\0,1,nul\n\
         2026-03-02,h,1\0,nul\n\
         total,,5,\n\
         2026-03-02,i,1,fine\n"
    ));
}

#[test]
fn an_open_quotation_mark_costs_its_own_row_and_no_other() {
    let shown: Vec<String> = [
        ("in the middle", "date,item_id,quantity\n2026-03-02,\"a,1\n2026-03-02,b,2\n2026-03-02,c,3\n"),
        ("in the last column", "date,quantity,item_id\n2026-03-02,1,\"a\n2026-03-02,2,b\n2026-03-02,3,c\n"),
        ("twice", "date,quantity,item_id\n2026-03-02,1,\"a\n2026-03-02,2,b\n2026-03-02,3,\"c\n2026-03-02,4,d\n"),
        ("inch marks", "date,item_id,quantity\n2026-03-02,screen 12\",1\n2026-03-02,b,2\n"),
        ("inch marks in quotes", "date,item_id,quantity\n2026-03-02,\"screen 12\"\"\",1\n2026-03-02,b,2\n"),
        ("text after the closing mark", "date,item_id,quantity\n2026-03-02,\"a\"b,1\n2026-03-02,b,2\n"),
    ]
    .map(|(what, text)| format!("# {what}\n{}", fate_of_rows("sales.csv", text)))
    .to_vec();
    insta::assert_snapshot!(shown.join("\n\n"));

    let quoted_break =
        "date,item_id,quantity,remark\n2026-03-02,a,1,\"two\nlines, and \"\"more\"\"\"\n2026-03-03,b,2,one\n";
    let import = import_one("sales.csv", quoted_break).unwrap();
    assert_eq!((import.dataset.sales.len(), import.n_row_errors), (2, 0), "a line break in quotation marks is text");
}

#[test]
fn every_other_table() {
    let shown: Vec<String> = [
        (
            "items.csv",
            "item_id,name,unit_cost,price,shelf_life_days,launch_date,volume\n\
             a,milk,1.50,2.99,7,2026-01-01,0.001\n\
             a,milk,1.50,2.99,7,2026-01-01,0.001\n\
             a,butter,1.50,2.99,7,2026-01-01,0.001\n\
             ,bread,1,2,3,2026-01-01,0.001\n\
             b,eggs,cheap,2,3,2026-01-01,0.001\n\
             c,eggs,1.5,2,-3,2026-01-01,0.001\n\
             d,eggs,1.5,2,3.5,2026-01-01,0.001\n\
             e,eggs,1.5,2,300%,2026-01-01,0.001\n\
             f,eggs,1.5,2,3,2026-02-30,0.001\n\
             g,eggs,1.5,2,3,2026-01-01,-1\n\
             h,eggs,20%,2,3,2026-01-01,0.001\n\
             i,eggs,1.5,2,99999999999,2026-01-01,0.001\n",
        ),
        (
            "locations.csv",
            "location_id,name\nnorth,North\nnorth,North\nnorth,South\n,West\n",
        ),
        (
            "suppliers.csv",
            "supplier_id,order_days,min_order_value,min_order_qty,container_volume\n\
             s1,mon thu,100,10,30\n\
             s2,mon-fri,100,10,30\n\
             s3,Monthly,100,10,30\n\
             s4,whenever,100,10,30\n\
             s5,周一、周四,100,10,30\n\
             s6,daily,-100,10,30\n\
             s7,daily,100,-10,30\n\
             s8,daily,100,10,-30\n\
             s9,8,100,10,30\n\
             ,daily,100,10,30\n",
        ),
        (
            "inventory.csv",
            "item_id,location_id,on_hand,as_of,expiry_date,allocated\n\
             a,north,5,2026-03-02,2026-04-01,0\n\
             a,north,5,2026-03-02,2026-04-01,0\n\
             b,north,-5,2026-03-02,,0\n\
             c,north,,2026-03-02,,0\n\
             d,north,5,2026-02-30,,0\n\
             e,north,5,2026-03-02,2026-00-10,0\n\
             f,,5,2026-03-02,,0\n\
             g,north,5,2026-03-02,,-2\n",
        ),
        (
            "sources.csv",
            "to_location,supplier_id,item_id,lead_time_days,moq,pack_size,max_qty,share,priority,price_breaks\n\
             north,s1,a,7,10,5,100,0.5,1,100:0.75; 500:0.70\n\
             north,,a,7,10,5,100,0.5,1,\n\
             north,s1,a,-7,10,5,100,0.5,1,\n\
             north,s1,a,two weeks,10,5,100,0.5,1,\n\
             north,s1,a,70%,10,5,100,0.5,1,\n\
             north,s1,a,$7,10,5,100,0.5,1,\n\
             north,s1,a,9999,10,5,100,0.5,1,\n\
             north,s1,a,7,-10,5,100,0.5,1,\n\
             north,s1,a,7,10,-5,100,0.5,1,\n\
             north,s1,a,7,200,5,100,0.5,1,\n\
             north,s1,a,7,10,5,100,50,1,\n\
             north,s1,a,7,10,5,100,50%,1,\n\
             north,s1,a,7,10,5,100,0.5,first,\n\
             north,s1,a,7,10,5,100,0.5,1,\"100=0,75\"\n\
             north,s1,a,7,10,0,100,0.5,1,\n",
        ),
        (
            "item_locations.csv",
            "item_id,location_id,service_type,service_target,min_stock,max_stock,do_not_order\n\
             a,north,cycle,0.95,5,10,0\n\
             b,north,cycle,95,5,10,0\n\
             c,north,cycle,95%,5,10,0\n\
             d,north,cycle,1,5,10,0\n\
             e,north,best,0.95,5,10,0\n\
             f,north,cycle,0.95,50,10,0\n\
             g,north,cycle,0.95,-5,10,0\n\
             h,north,cycle,0.95,5,10,maybe\n\
             i,,cycle,0.95,5,10,0\n",
        ),
        (
            "open_orders.csv",
            "order_id,item_id,quantity,to_location,due_on,received_qty\n\
             o1,a,10,north,2026-04-01,2\n\
             o1,a,10,north,2026-04-01,2\n\
             o2,a,-10,north,2026-04-01,0\n\
             o3,a,10,north,soon,0\n\
             ,a,10,north,2026-04-01,0\n\
             o5,,10,north,2026-04-01,0\n\
             o6,a,,north,2026-04-01,0\n\
             o7,a,10,north,2026-04-01,-2\n\
             o8,a,10,,2026-04-01,0\n",
        ),
        (
            "receipts.csv",
            "order_id,item_id,quantity,received_on,ordered_on,unit_cost\n\
             o1,a,10,2026-03-02,2026-02-20,1.5\n\
             o2,a,10,2026-03-02,2026-03-20,1.5\n\
             o3,a,10,,2026-02-20,1.5\n\
             o4,a,ten,2026-03-02,2026-02-20,1.5\n\
             o5,a,10,2026-03-02,2026-02-20,free\n",
        ),
        (
            "prices.csv",
            "item_id,from,to,price\n\
             a,2026-01-01,2026-01-31,2.99\n\
             b,2026-01-01,2026-01-31,-2.99\n\
             c,2026-01-01,2026-01-31,\n\
             d,,2026-01-31,2.99\n\
             e,2026-01-01,9999-12-31,2.99\n",
        ),
        (
            "promotions.csv",
            "promo_id,item_id,from,to,depth,expected_uplift\n\
             p1,a,2026-01-01,2026-01-31,0.2,1.5\n\
             p2,a,2026-01-31,2026-01-01,0.2,1.5\n\
             p3,a,2026-01-01,2026-01-31,20,1.5\n\
             p4,a,2026-01-01,2026-01-31,20%,1.5\n\
             p5,a,2026-01-01,2026-01-31,0.2,50%\n\
             p6,a,2026-01-01,,0.2,1.5\n",
        ),
        (
            "calendars.csv",
            "calendar_id,weekdays,date,open\n\
             c1,mon thu,,\n\
             c1,tue,,\n\
             c1,,2026-12-25,0\n\
             c1,,2026-12-25,1\n\
             c1,,2026-12-26,perhaps\n\
             c2,,,\n\
             ,mon,,\n",
        ),
        ("events.csv", "date,name,magnitude\n2026-12-25,Christmas,1\n2026-12-26,,1\nChristmas Eve,Eve,1\n2026-12-27,x,big\n"),
        (
            "signals.csv",
            "date,name,value\n2026-03-02,temperature,12.5\n2026-03-02,temperature,warm\n2026-03-02,temperature,\n",
        ),
        (
            "weather.csv",
            "date,temperature,rain,text\n2026-03-02,12.5,0,sunny\n2026-03-03,warm,0,sunny\n2026-03-04,\"11,5\",0,sunny\n2026-03-05,,0,sunny\n2026-03-06,9.5,0.2,rainy\n",
        ),
        (
            "stockouts.csv",
            "item_id,from,to\na,2026-03-02,2026-03-04\na,2026-03-04,2026-03-02\na,,2026-03-02\na,2026-03-05,\n",
        ),
        (
            "bom.csv",
            "parent_id,component_id,qty_per,yield,scrap\n\
             soup,carrot,0.25,0.9,0.05\n\
             soup,carrot,0.25,0.9,0.05\n\
             soup,leek,0,1,0\n\
             soup,leek,-1,1,0\n\
             soup,leek,1,0,0\n\
             soup,leek,1,1,1\n\
             soup,soup,1,1,0\n\
             soup,,1,1,0\n\
             soup,leek,,1,0\n",
        ),
        (
            "adjustments.csv",
            "date,item_id,quantity,reason\n2026-03-02,a,-2,waste\n2026-03-02,a,,waste\n2026-03-02,a,a lot,waste\n",
        ),
        ("substitutions.csv", "from_item,to_item,rate\na,b,0.5\na,c,2\na,a,0.5\na,,0.5\n"),
        (
            "budgets.csv",
            "scope,from,to,amount\nall,2026-03-01,2026-03-31,1000\nsupplier:s1,2026-03-01,2026-03-31,-5\nstore 1,2026-03-01,2026-03-31,5\nall,2026-03-31,2026-03-01,5\n",
        ),
        (
            "capacities.csv",
            "scope,volume,lines\nall,10,100\nlocation:north,-1,100\nlocation:north,1,-100\nlocation:north,1,1.5\n,1,1\n",
        ),
        ("uoms.csv", "item_id,uom,factor\na,case12,12\na,case0,0\na,,6\na,case-1,-1\n,case6,6\n"),
        (
            "forecast_overrides.csv",
            "item_id,location_id,category,from,to,factor,quantity,reason\n\
             a,north,,2026-03-02,2026-03-08,1.3,,fair\n\
             a,north,,2026-03-02,2026-03-08,,,fair\n\
             a,north,,2026-03-02,2026-03-08,1.3,5,fair\n\
             a,north,,2026-03-02,2026-03-08,-1,,fair\n\
             a,north,,2026-03-02,2026-03-08,130%,,fair\n\
             a,,,2026-03-02,2026-03-08,,5,fair\n\
             a,,food,2026-03-02,2026-03-08,1.3,,fair\n\
             ,,,2026-03-02,2026-03-08,1.3,,fair\n\
             a,,,2026-03-08,2026-03-02,1.3,,fair\n\
             a,,,2026-03-02,2026-03-08,1.3,,\n\
             a,,,2026-03-02,,1.3,,fair\n",
        ),
        (
            "forecasts.csv",
            "item_id,location_id,date,mean,q0.5,q0.9,model\n\
             a,north,2026-03-02,3,3,7,ets\n\
             a,north,2026-03-03,3,3,2,ets\n\
             a,north,2026-03-04,-3,,,ets\n\
             a,north,2026-03-05,,,,ets\n\
             a,north,2026-03-06,3,few,,ets\n\
             a,north,,3,,,ets\n\
             ,north,2026-03-07,3,,,ets\n",
        ),
    ]
    .map(|(name, text)| format!("# {name}\n{}", fate_of_rows(name, text)))
    .to_vec();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn flags_and_shares_of_sales() {
    insta::assert_snapshot!(fate_of_rows(
        "sales.csv",
        "date,item_id,quantity,is_return,promo,holiday,open,stockout_share,lost\n\
         2026-03-02,a,2,1,0,0,1,0,0\n\
         2026-03-02,b,-2,yes,0,0,1,0,0\n\
         2026-03-02,c,2,perhaps,0,0,1,0,0\n\
         2026-03-02,d,2,0,maybe,0,1,0,0\n\
         2026-03-02,e,2,0,0,Easter,1,0,0\n\
         2026-03-02,f,2,0,0,#REF!,1,0,0\n\
         2026-03-02,g,2,0,0,0,2,0,0\n\
         2026-03-02,h,2,0,0,0,1,1.5,0\n\
         2026-03-02,i,2,0,0,0,1,50%,0\n\
         2026-03-02,j,2,0,0,0,1,0,-1\n\
         2026-03-02,k,2,N/A,N/A,N/A,N/A,N/A,N/A\n"
    ));
}

#[test]
fn one_item_is_counted_in_one_unit() {
    insta::assert_snapshot!(fate_of_rows(
        "sales.csv",
        "date,item_id,quantity,unit\n\
         2026-03-02,a,2,kg\n\
         2026-03-03,a,2000,g\n\
         2026-03-04,a,3,KG\n\
         2026-03-04,b,1,each\n\
         2026-03-05,a,4,\n"
    ));
}

#[test]
fn files_that_are_no_tables() {
    let mut utf8_cut = "date,item_id,quantity\n2026-03-02,苹果,3\n2026-03-02,香蕉,3\n2026-03-02,橙子,3\n2026-03-02,"
        .as_bytes()
        .to_vec();
    utf8_cut.extend_from_slice(b"\xe6\xa2,4\n");
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("empty.csv", Vec::new()),
        ("header_only.csv", b"date,item_id,quantity\n".to_vec()),
        ("blank_lines.csv", b"\n\n\n".to_vec()),
        ("no_header.csv", b"2026-03-02,a,1\n2026-03-03,a,2\n".to_vec()),
        ("title.csv", b"Sales of March\n\ndate,item_id,quantity\n2026-03-02,a,1\n".to_vec()),
        ("no_quantity.csv", b"date,item_id,qnty\n2026-03-02,a,1\n".to_vec()),
        ("page.csv", b"<!DOCTYPE html><html><body>Please log in</body></html>".to_vec()),
        ("document.csv", b"%PDF-1.7 ...".to_vec()),
        ("packed.csv", vec![0x1f, 0x8b, 8, 0, 0, 0]),
        ("data.csv", b"{\"date\": \"2026-03-02\"}".to_vec()),
        (
            "binary.csv",
            (0..=255).cycle().take(4096).map(|byte: u8| if byte.is_multiple_of(3) { 0 } else { byte }).collect(),
        ),
        ("broken.xlsx", b"PK\x03\x04 and nothing else".to_vec()),
        ("broken.parquet", b"PAR1 and nothing else".to_vec()),
        ("one_bad_byte.csv", utf8_cut),
    ];
    let shown: Vec<String> = files
        .iter()
        .map(|(name, content)| match import_one(name, content) {
            Ok(import) => format!("{name}: {} rows; {}", import.dataset.sales.len(), import.notes.join("; ")),
            Err(error) => format!("{name}: {}", error.to_string().replace(['\n'], " / ")),
        })
        .map(|line| match line.find("/tmp") {
            Some(at) => format!("{}TMP {}", &line[..at], line[at..].split_once(' ').map_or("", |(_, rest)| rest)),
            None => line,
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    let missing = restock_store::import(&["no/such/file.csv".into()], None, &ImportOptions::default(), &|_, _, _| {});
    insta::assert_snapshot!(missing.unwrap_err(), @"cannot read no/such/file.csv: No such file or directory (os error 2)");
}

#[test]
fn encodings_give_the_same_rows() {
    let text = "日期,商品编码,销量\n2026-03-02,苹果,\"13.75\"\n2026-03-03,香蕉,7\n2026-03-04,橙子,8\n";
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let expected = crate::sales(&import_one("sales.csv", text).unwrap());
    assert_eq!(expected.len(), 3);
    for (name, bytes) in [
        ("UTF-8 with mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("GB18030", encoding_rs::GB18030.encode(text).0.into_owned()),
        ("UTF-16 little", utf16(false, true)),
        ("UTF-16 big", utf16(true, true)),
        ("UTF-16 little without mark", utf16(false, false)),
        ("UTF-16 big without mark", utf16(true, false)),
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("old Macintosh", text.replace('\n', "\r").into_bytes()),
        ("sep line", format!("sep=,\n{text}").into_bytes()),
    ] {
        let import = import_one("sales.csv", bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(crate::sales(&import), expected, "{name}");
        assert_eq!(import.n_row_errors, 0, "{name}");
    }
    // A spreadsheet's Windows-1252 with one umlaut.
    let (western, _, _) = encoding_rs::WINDOWS_1252.encode("Datum,Artikel,Menge\n2026-03-02,Käse,3\n");
    let map = "[[table]]\ntable = \"sales\"\n[table.columns]\ndate = \"Datum\"\nitem_id = \"Artikel\"\nquantity = \"Menge\"\n";
    let import = Folder::new().with("x.csv", western).import_with(Some(map), &ImportOptions::default()).unwrap();
    assert_eq!(crate::sales(&import), ["2026-03-02 Käse main 3"]);
}
