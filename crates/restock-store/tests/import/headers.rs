//! Headers in English and Chinese, and units that a header names.

use restock_store::ImportOptions;

use crate::{Folder, import_one};

/// The fields of the only table of a file, with the headers they came from.
fn columns(name: &str, header: &str, row: &str) -> String {
    match import_one(name, format!("{header}\n{row}\n")) {
        Ok(import) => {
            let table = &import.tables[0];
            let columns: Vec<String> =
                table.columns.iter().map(|(field, header)| format!("{field}={header}")).collect();
            format!("{}: {}", table.table, columns.join(" "))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_table_in_english_and_chinese() {
    let shown = [
        ("a.csv", "date,sku,qty,store", "2026-03-02,a,1,s"),
        ("a.csv", "day,product,sold,site", "2026-03-02,a,1,s"),
        ("a.csv", "timestamp,article,units,warehouse", "2026-03-02,a,1,s"),
        ("a.csv", "date,material,quantity,facility", "2026-03-02,a,1,s"),
        ("a.csv", "date,part,quantity,plant", "2026-03-02,a,1,s"),
        ("a.csv", "Date,Variant,Quantity,Store", "2026-03-02,a,1,s"),
        ("a.csv", "日期,商品编码,销量,门店,单价,渠道,客户,订单号,退货", "2026-03-02,a,1,s,2,w,c,o,0"),
        ("a.csv", "销售日期,货号,销售数量,仓库,销售额,促销,节假日,缺货小时", "2026-03-02,a,1,s,2,0,0,0"),
        ("stock.csv", "sku,SOH,site,batch,best before,reserved,on order", "a,1,s,l,2026-04-01,0,0"),
        ("b.csv", "item,stock on hand,location", "a,1,s"),
        ("库存.csv", "商品编码,库存,门店,批次,有效期,占用,在途,盘点日期", "a,1,s,l,2026-04-01,0,0,2026-03-02"),
        ("products.csv", "sku,title,product group,cost,retail price,shelf life", "a,n,g,1,2,7"),
        (
            "商品.csv",
            "商品编码,商品名称,商品分类,计量单位,进价,售价,体积,重量,保质期,上架日期,下架日期,替代商品",
            "a,n,g,u,1,2,1,1,7,2026-01-01,2026-12-31,b",
        ),
        ("stores.csv", "store,name,type,parent", "s,n,store,d"),
        ("门店.csv", "门店编码,门店名称,类型,上级", "s,n,store,d"),
        ("vendors.csv", "vendor,minimum order value,order days,cutoff", "v,100,mon,12:00"),
        ("供应商.csv", "供应商编码,名称,起订金额,起订量,订货日,截单时间", "v,n,100,10,周一,12:00"),
        ("lanes.csv", "to,vendor,sku,Lead Time (days),MOQ,case pack,pallet,max order,rank", "s,v,a,7,1,6,100,500,1"),
        ("货源.csv", "门店,供应商,商品编码,提前期,起订量,箱规,进价,优先级,阶梯价", "s,v,a,7,1,6,2,1,10:1"),
        ("listing.csv", "sku,store,min,max,service level,capacity", "a,s,1,9,95%,20"),
        (
            "补货参数.csv",
            "商品编码,门店,最小库存,最大库存,服务水平,货架容量,安全天数,陈列量,禁止订货",
            "a,s,1,9,95%,20,1,1,0",
        ),
        ("purchase orders.csv", "po number,sku,qty,eta,vendor,state,qty received", "o,a,1,2026-04-01,v,open,0"),
        (
            "在途订单.csv",
            "采购单号,商品编码,订货数量,预计到货,供应商,收货地点,下单日期,状态,已收数量",
            "o,a,1,2026-04-01,v,s,2026-03-01,open,0",
        ),
        ("deliveries.csv", "po,sku,received,receipt date,vendor,order date", "o,a,1,2026-03-02,v,2026-03-01"),
        ("收货.csv", "采购单号,商品编码,收货数量,收货日期,供应商,下单日期", "o,a,1,2026-03-02,v,2026-03-01"),
        ("price list.csv", "sku,valid from,valid to,price", "a,2026-01-01,2026-02-01,2"),
        ("价格.csv", "商品编码,开始日期,结束日期,价格,门店", "a,2026-01-01,2026-02-01,2,s"),
        ("promos.csv", "campaign,sku,start,end,discount,uplift", "p,a,2026-01-01,2026-02-01,20%,1.5"),
        ("促销.csv", "促销编号,商品编码,开始日期,结束日期,折扣力度,预计增幅", "p,a,2026-01-01,2026-02-01,20%,1.5"),
        ("日历.csv", "日历,营业日,日期,营业", "c,周一至周五,,"),
        ("holidays.csv", "date,holiday,type", "2026-12-25,Christmas,holiday"),
        ("节假日.csv", "日期,节日,类型", "2026-10-01,国庆,holiday"),
        ("天气.csv", "日期,门店,气温", "2026-10-01,s,20.5"),
        ("缺货.csv", "商品编码,门店,开始日期,结束日期", "a,s,2026-03-01,2026-03-02"),
        ("recipes.csv", "dish,ingredient,qty,yield,waste", "soup,leek,0.2,1,0"),
        ("配方.csv", "成品,原料,用量,成品率,损耗率", "soup,leek,0.2,1,0"),
        ("损耗.csv", "日期,商品编码,数量,原因,门店", "2026-03-02,a,-1,waste,s"),
        ("substitutes.csv", "item,substitute,rate", "a,b,0.5"),
        ("预算.csv", "scope,开始日期,结束日期,金额", "all,2026-03-01,2026-03-31,5"),
        ("capacity.csv", "scope,lines", "all,5"),
        ("计量单位.csv", "商品编码,单位,换算系数", "a,case,12"),
        ("sales.csv", "date;sku;qty", "2026-03-02;a;1,5"),
        ("sales.tsv", "date\tsku\tqty", "2026-03-02\ta\t1.5"),
        ("sales.txt", "date|sku|qty", "2026-03-02|a|1.5"),
    ]
    .map(|(name, header, row)| format!("{name} -> {}", columns(name, header, row)))
    .join("\n");
    insta::assert_snapshot!(shown);
}

#[test]
fn german_french_and_spanish() {
    let shown = [
        ("a.csv", "Datum;Artikel;Menge;Filiale;Preis", "02.03.2026;a;1;s;2,50"),
        ("Verkäufe.csv", "Verkaufsdatum;Artikelnummer;Verkaufsmenge;Standort;Umsatz", "02.03.2026;a;1;s;2,50"),
        ("b.csv", "Artikel;Bestand;Filiale;MHD", "a;1;s;30.04.2026"),
        ("Artikel.csv", "Artikelnr;Bezeichnung;Warengruppe;Einkaufspreis;Verkaufspreis", "a;n;g;1,20;2,50"),
        ("sources.csv", "Filiale;Lieferant;Artikel;Lieferzeit (Tage);Mindestbestellmenge;VPE", "s;v;a;7;1;6"),
        ("c.csv", "Date;Article;Quantité;Magasin", "25/03/2026;a;1;s"),
        ("ventes.csv", "Jour;Produit;Qté;Prix de vente", "25/03/2026;a;1;2,50"),
        ("d.csv", "Fecha;Artículo;Cantidad;Tienda;Precio", "25/03/2026;a;1;s;2,50"),
        ("e.csv", "Producto;Existencias;Almacén", "a;1;s"),
    ]
    .map(|(name, header, row)| format!("{name} -> {}", columns(name, header, row)))
    .join("\n");
    insta::assert_snapshot!(shown);
}

/// What no word list knows is refused with the lines of the file that would say it.
#[test]
fn unknown_headers_name_the_way_out() {
    insta::assert_snapshot!(columns("a.csv", "Päivä;Tuote;Qty;Kauppa", "02.03.2026;a;1;s"));
    let map = "[[table]]\ntable = \"sales\"\n[table.columns]\ndate = \"Päivä\"\nitem_id = \"Tuote\"\n";
    let import = Folder::new()
        .with("a.csv", "Päivä;Tuote;Qty\n25.03.2026;a;1\n")
        .import_with(Some(map), &ImportOptions::default())
        .unwrap();
    assert_eq!(import.dataset.sales.len(), 1);
}

/// `Lead time (weeks)` was once read as days: a lead time seven times too short.
#[test]
fn a_unit_in_the_header_is_converted_with_a_note_or_left_out() {
    let source = |header: &str, value: &str| {
        let import = Folder::new()
            .with("sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n")
            .with("sources.csv", format!("to_location,supplier_id,{header}\ns,v,{value}\n"))
            .import()
            .unwrap();
        let notes = import.notes.iter().filter(|note| note.contains("header says") || note.contains("ratio")).count();
        (import.dataset.sources[0].lead_time_days, notes)
    };
    assert_eq!(source("Lead Time (days)", "14"), (Some(14.0), 0));
    assert_eq!(source("Lead Time (weeks)", "2"), (Some(14.0), 1));
    assert_eq!(source("提前期（周）", "2"), (Some(14.0), 1));
    assert_eq!(source("Lieferzeit (Wochen)", "2"), (Some(14.0), 1));
    assert_eq!(source("Délai de livraison (semaines)", "2"), (Some(14.0), 1));
    assert_eq!(source("Lieferzeit (Werktage)", "2"), (None, 1));
    assert_eq!(source("Lead Time (hours)", "36"), (Some(1.5), 1));
    assert_eq!(source("Lead Time (months)", "2"), (None, 1));
    let sold = |header: &str, value: &str| {
        let text = format!("date,item_id,\"{header}\"\n2026-03-02,a,{value}\n");
        import_one("sales.csv", text).unwrap().dataset.sales.quantity[0].to_string()
    };
    assert_eq!(sold("销量(万)", "1.5"), "15000");
    assert_eq!(sold("Quantity (in thousands)", "1.5"), "1500");
    assert_eq!(sold("Quantity (kg)", "1.5"), "1.5");
    let items = import_one("items.csv", "item_id,Weight (g),Volume (l),unit_cost (cents)\na,250,0.5,199\n");
    let item = &items.unwrap().dataset.items[0];
    assert_eq!((item.weight, item.volume, item.unit_cost), (Some(0.25), Some(0.0005), Some("1.99".parse().unwrap())));
    let listed = |value: &str| {
        let text = format!("item_id,location_id,Service level (%)\na,s,{value}\n");
        import_one("item_locations.csv", text).unwrap().dataset.item_locations[0].service_target
    };
    assert_eq!((listed("95"), listed("95%")), (Some(0.95), Some(0.95)));
}

#[test]
fn spans_of_weekdays_are_whole() {
    let days = |text: &str| {
        let import = import_one("suppliers.csv", format!("supplier_id,order_days\ns,\"{text}\"\n"));
        import.map(|import| import.dataset.suppliers[0].order_days.to_string()).unwrap_or_else(|_| "refused".to_owned())
    };
    for (text, expected) in [
        ("mon-fri", "mon tue wed thu fri"),
        ("Mon, Thu", "mon thu"),
        ("Friday - Monday", "mon fri sat sun"),
        ("1-3;5", "mon tue wed fri"),
        ("周一至周三", "mon tue wed"),
        ("周一、周四", "mon thu"),
        ("daily", "mon tue wed thu fri sat sun"),
        ("monthly", "refused"),
        ("mon-", "refused"),
        ("sunny", "refused"),
        ("0", "refused"),
    ] {
        assert_eq!(days(text), expected, "{text}");
    }
}

/// A header that no field takes names an attribute. With NUL bytes in it, what was imported could be written and not read.
#[test]
fn headers_have_no_nul_bytes() {
    let folder = Folder::new();
    // Blank lines keep the file itself from looking like a binary one.
    let text = format!("location_id,\0a\0\0\0\0g\0\0\0\0\0e\0\ns,3{}", "\n".repeat(400));
    let import = import_one("locations.csv", text).unwrap();
    assert_eq!(import.dataset.locations[0].attributes["age"], "3");
    restock_store::write::dataset(&import.dataset, &folder.path(""), restock_store::write::Format::Csv).unwrap();
    assert_eq!(folder.import().unwrap().dataset.locations, import.dataset.locations);
}
