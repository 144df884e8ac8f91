//! The tables of the product, their fields, and the headers that are taken for them, in English and Chinese
//! ([`crate::languages`] knows more).

use rust_decimal::Decimal;

use crate::languages::in_english;

/// A table that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Items,
    Locations,
    Suppliers,
    Sales,
    Inventory,
    Sources,
    ItemLocations,
    OpenOrders,
    Receipts,
    Prices,
    Promotions,
    Calendars,
    Events,
    Signals,
    Readings,
    Stockouts,
    Bom,
    Adjustments,
    Substitutions,
    Budgets,
    Capacities,
    Uoms,
    ForecastOverrides,
    Forecasts,
}

macro_rules! fields {
    ($($field:ident),* $(,)?) => {
        /// A field of any table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Field { $($field),* }
        impl Field {
            /// The number of fields.
            pub(crate) const COUNT: usize = [$(Field::$field),*].len();
        }
    };
}

fields! {
    Allocated, Amount, AsOf, Author, BaseUom, Blocked, Calendar, CalendarId, Category, Channel, Component, ContainerVolume,
    ContainerWeight, CustomerId, CutOff, Date, Depth, Discount, Display, DisplayMin, DoNotOrder, DueOn, EffectiveFrom,
    EffectiveTo, End, ExpectedUplift, Expiry, Factor, From, FromLocation, Holiday, HolidaysCalendar, InStock, InTransit,
    IsReturn, ItemId, Kind, KnownInFuture, Launch, LayerSize, LeadTimeDays, LeadTimeSd, Lines, ListedFrom, ListedTo,
    LocationId, LotId, Lost, Magnitude, MaxOrder, MaxStock, Mean, Metric, MinOrder, MinOrderQuantity, MinOrderValue, MinStock, Name,
    OnHand, Open, OrderDays, OrderId, OrderedOn, PackSize, PalletSize, Parent, ParentId, Policy, Price, PriceBreaks,
    PriceRatio, Priority, Promo, PromoId, Quantity, QuantityPer, Rate, Reason, Received, ReceivedOn, Recorded, RecordedOn,
    ReviewCalendar, SafetyDays, SalesValue, Scope, Scrap, SensorId, SensorUnit, ServiceTarget, ServiceType, Share, ShelfCapacity,
    ShelfLifeDays, Status, StockoutHours, StockoutShare, SuccessorId, SupplierId, Surge, To, ToLocation, UnitCost, UnitPrice,
    Uom, Value, Volume, Weekdays, Weight, Yield,
}

/// One field of a table.
pub(crate) struct FieldSpec {
    pub field: Field,
    /// The canonical column name.
    pub name: &'static str,
    pub required: bool,
    /// Other headers, squashed (see [`squash`]), best first.
    pub aliases: &'static [&'static str],
}

/// One table.
pub(crate) struct TableSpec {
    pub table: Table,
    pub name: &'static str,
    /// Other file or sheet names.
    pub aliases: &'static [&'static str],
    pub fields: &'static [FieldSpec],
}

const fn required(field: Field, name: &'static str, aliases: &'static [&'static str]) -> FieldSpec {
    FieldSpec { field, name, required: true, aliases }
}

const fn optional(field: Field, name: &'static str, aliases: &'static [&'static str]) -> FieldSpec {
    FieldSpec { field, name, required: false, aliases }
}

const ITEM: &[&str] = &[
    "itemid",
    "item",
    "sku",
    "skuid",
    "product",
    "productid",
    "productcode",
    "article",
    "articleid",
    "articlenumber",
    "material",
    "materialid",
    "part",
    "partid",
    "partnumber",
    "partno",
    "variant",
    "variantid",
    "stockcode",
    "itemcode",
    "itemno",
    "itemnumber",
    "upc",
    "ean",
    "gtin",
    "asin",
    "seriesid",
    "itemnbr",
    "商品编码",
    "商品编号",
    "商品",
    "商品id",
    "物料编码",
    "物料",
    "产品编码",
    "产品",
    "货号",
    "编码",
    "品号",
    "料号",
    "sku编码",
];
const LOCATION: &[&str] = &[
    "locationid",
    "location",
    "store",
    "storeid",
    "shop",
    "shopid",
    "site",
    "siteid",
    "warehouse",
    "warehouseid",
    "facility",
    "facilityid",
    "plant",
    "plantid",
    "branch",
    "branchid",
    "outlet",
    "depot",
    "storenbr",
    "ward",
    "门店",
    "门店编码",
    "门店编号",
    "店铺",
    "店铺编码",
    "仓库",
    "仓库编码",
    "地点",
    "网点",
];
const SUPPLIER: &[&str] = &[
    "supplierid",
    "supplier",
    "vendor",
    "vendorid",
    "vendorcode",
    "suppliercode",
    "供应商",
    "供应商编码",
    "供应商编号",
    "供货商",
];
const DATE: &[&str] = &[
    "date",
    "day",
    "ts",
    "timestamp",
    "datetime",
    "time",
    "salesdate",
    "saledate",
    "orderdate",
    "invoicedate",
    "transactiondate",
    "week",
    "weekstart",
    "month",
    "period",
    "ds",
    "日期",
    "时间",
    "销售日期",
    "订单日期",
    "下单时间",
    "交易日期",
    "周",
    "月份",
];
const QUANTITY: &[&str] = &[
    "quantity",
    "qty",
    "units",
    "unitssold",
    "unitsales",
    "quantitysold",
    "qtysold",
    "sold",
    "soldqty",
    "salesqty",
    "salesquantity",
    "pieces",
    "demand",
    "volume",
    "sales",
    "销量",
    "数量",
    "销售数量",
    "件数",
    "出库数量",
];
/// Those of them that can only mean sales.
const SOLD: &[&str] = &[
    "unitssold",
    "unitsales",
    "quantitysold",
    "qtysold",
    "sold",
    "soldqty",
    "salesqty",
    "salesquantity",
    "demand",
    "sales",
    "销量",
    "销售数量",
    "出库数量",
];
/// Headers that can only mean stock.
const ON_HAND: &[&str] =
    &["onhand", "soh", "stockonhand", "quantityonhand", "qtyonhand", "库存", "库存数量", "现有库存"];
const NAME: &[&str] = &[
    "name",
    "itemname",
    "productname",
    "description",
    "itemdescription",
    "title",
    "名称",
    "品名",
    "商品名称",
    "产品名称",
    "描述",
];
const CATEGORY: &[&str] = &[
    "category",
    "categorypath",
    "productgroup",
    "itemgroup",
    "group",
    "family",
    "productcategory",
    "品类",
    "类别",
    "分类",
    "商品分类",
];
const UNIT_COST: &[&str] =
    &["unitcost", "cost", "purchaseprice", "costprice", "buyingprice", "成本", "进价", "采购价", "成本价", "单位成本"];
const ORDER: &[&str] = &[
    "orderid",
    "ordernumber",
    "orderno",
    "order",
    "invoice",
    "invoiceno",
    "invoiceid",
    "receiptno",
    "transactionid",
    "poid",
    "ponumber",
    "po",
    "purchaseorder",
    "proposalid",
    "订单号",
    "单号",
    "订单编号",
    "采购单号",
    "发票号",
];
const LEAD_TIME: &[&str] =
    &["leadtimedays", "leadtime", "lt", "leaddays", "deliverydays", "提前期", "交货期", "采购提前期", "到货天数"];
const UOM: &[&str] = &["uom", "unit", "unitofmeasure", "单位", "计量单位"];
const TO_LOCATION: &[&str] = &[
    "tolocation",
    "locationid",
    "location",
    "to",
    "destination",
    "store",
    "storeid",
    "site",
    "warehouse",
    "收货地点",
    "门店",
    "仓库",
];
const FROM_LOCATION: &[&str] = &["fromlocation", "sourcelocation", "from", "shippingpoint", "发货地点", "发货仓库"];
const FROM_DAY: &[&str] =
    &["from", "startdate", "start", "datefrom", "validfrom", "fromdate", "begin", "date", "开始日期", "生效日期"];
const TO_DAY: &[&str] = &["to", "enddate", "end", "dateto", "validto", "todate", "结束日期", "失效日期"];
const ORDERED: &[&str] = &["orderedon", "orderdate", "ordered", "podate", "asof", "下单日期", "订货日期"];
const DUE: &[&str] = &[
    "dueon",
    "due",
    "duedate",
    "eta",
    "expecteddate",
    "expectedreceipt",
    "promiseddate",
    "deliverydate",
    "scheduleddeliverydate",
    "预计到货",
    "到货日期",
    "交货日期",
];

use Field as F;

/// Every table, in the order files are read: entities first, so that other tables find them.
pub(crate) const TABLES: &[TableSpec] = &[
    TableSpec {
        table: Table::Items,
        name: "items",
        aliases: &["item", "products", "product", "articles", "skus", "materials", "商品", "商品资料", "物料", "产品"],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            optional(F::Name, "name", NAME),
            optional(F::Category, "category", CATEGORY),
            optional(F::BaseUom, "base_uom", &["baseuom", "uom", "unit", "unitofmeasure", "单位", "计量单位"]),
            optional(F::UnitCost, "unit_cost", UNIT_COST),
            optional(
                F::Price,
                "price",
                &[
                    "price",
                    "unitprice",
                    "sellingprice",
                    "retailprice",
                    "listprice",
                    "medianprice",
                    "售价",
                    "价格",
                    "零售价",
                    "单价",
                ],
            ),
            optional(F::Volume, "volume", &["volume", "volumem3", "cbm", "体积"]),
            optional(F::Weight, "weight", &["weight", "weightkg", "重量"]),
            optional(F::ShelfLifeDays, "shelf_life_days", &["shelflifedays", "shelflife", "保质期", "保质期天数"]),
            optional(F::Launch, "launch_date", &["launchdate", "launch", "introduced", "上市日期", "上架日期"]),
            optional(F::End, "end_date", &["enddate", "end", "discontinued", "delistdate", "下架日期", "停售日期"]),
            optional(F::SuccessorId, "successor_id", &["successorid", "successor", "replacedby", "替代商品"]),
        ],
    },
    TableSpec {
        table: Table::Locations,
        name: "locations",
        aliases: &["location", "stores", "store", "sites", "warehouses", "shops", "门店", "仓库", "店铺"],
        fields: &[
            required(F::LocationId, "location_id", LOCATION),
            optional(
                F::Name,
                "name",
                &["name", "locationname", "storename", "description", "名称", "门店名称", "仓库名称"],
            ),
            optional(F::Kind, "kind", &["kind", "type", "locationtype", "storetype", "类型"]),
            optional(F::ParentId, "parent_id", &["parentid", "parent", "上级", "所属仓库"]),
            optional(F::Calendar, "calendar", &["calendar", "calendarid", "日历"]),
        ],
    },
    TableSpec {
        table: Table::Suppliers,
        name: "suppliers",
        aliases: &["supplier", "vendors", "vendor", "供应商"],
        fields: &[
            required(F::SupplierId, "supplier_id", SUPPLIER),
            optional(F::Name, "name", &["name", "suppliername", "vendorname", "名称", "供应商名称"]),
            optional(
                F::MinOrderValue,
                "min_order_value",
                &["minordervalue", "minimumordervalue", "最低订货金额", "起订金额"],
            ),
            optional(
                F::MinOrderQuantity,
                "min_order_qty",
                &["minorderqty", "minorderquantity", "minimumorderquantity", "最低订货量", "起订量"],
            ),
            optional(F::OrderDays, "order_days", &["orderdays", "orderday", "订货日"]),
            optional(F::CutOff, "cut_off", &["cutoff", "cutofftime", "截单时间"]),
            optional(F::ContainerVolume, "container_volume", &["containervolume", "truckvolume", "集装箱容积"]),
            optional(F::ContainerWeight, "container_weight", &["containerweight", "truckweight", "集装箱载重"]),
            optional(F::HolidaysCalendar, "holidays_calendar", &["holidayscalendar", "holidaycalendar", "calendar"]),
        ],
    },
    TableSpec {
        table: Table::Calendars,
        name: "calendars",
        aliases: &["calendar", "日历"],
        fields: &[
            required(F::CalendarId, "calendar_id", &["calendarid", "id", "calendar", "日历"]),
            optional(
                F::Weekdays,
                "weekdays",
                &["weekdays", "opendays", "orderdays", "deliverydays", "days", "营业日", "订货日"],
            ),
            optional(F::Date, "date", &["date", "day", "exception", "日期"]),
            optional(F::Open, "open", &["open", "isopen", "营业"]),
        ],
    },
    TableSpec {
        table: Table::Sales,
        name: "sales",
        aliases: &[
            "sale",
            "transactions",
            "transaction",
            "orderlines",
            "saleslines",
            "salesdata",
            "saleshistory",
            "demand",
            "consumption",
            "pos",
            "销售",
            "销售数据",
            "销售明细",
            "销量",
            "订单明细",
        ],
        fields: &[
            required(F::Date, "date", DATE),
            required(F::ItemId, "item_id", ITEM),
            required(F::Quantity, "quantity", QUANTITY),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::OrderId, "order_id", ORDER),
            optional(F::CustomerId, "customer_id", &["customerid", "customer", "客户", "客户编码"]),
            optional(F::Channel, "channel", &["channel", "渠道"]),
            optional(
                F::UnitPrice,
                "unit_price",
                &["unitprice", "price", "sellprice", "sellingprice", "单价", "价格", "售价"],
            ),
            optional(
                F::SalesValue,
                "sales_value",
                &[
                    "salesvalue",
                    "salesamount",
                    "revenue",
                    "turnover",
                    "netsales",
                    "grosssales",
                    "linetotal",
                    "销售额",
                    "金额",
                    "销售金额",
                ],
            ),
            optional(
                F::Promo,
                "promo",
                &["promo", "onpromotion", "promotion", "ispromo", "promoflag", "activityflag", "促销", "是否促销"],
            ),
            optional(F::PromoId, "promo_id", &["promoid", "promotionid", "campaignid", "促销编号"]),
            optional(F::PriceRatio, "price_ratio", &["priceratio"]),
            optional(F::Discount, "discount", &["discount", "discountrate", "折扣"]),
            optional(F::StockoutShare, "stockout_share", &["stockoutshare", "oosshare"]),
            optional(
                F::StockoutHours,
                "stockout_hours",
                &[
                    "stockouthours",
                    "ooshours",
                    "hoursoutofstock",
                    "stockhour622cnt",
                    "缺货小时",
                    "缺货时长",
                    "缺货小时数",
                ],
            ),
            optional(F::InStock, "in_stock", &["instock", "isinstock", "available", "有货"]),
            optional(F::Open, "open", &["open", "isopen", "openshare", "营业", "是否营业"]),
            optional(F::Holiday, "holiday", &["holiday", "isholiday", "holidayflag", "节假日", "是否节假日"]),
            optional(F::Uom, "uom", UOM),
            optional(F::Lost, "lost", &["lost", "lostsales", "lostunits", "损失销量"]),
            optional(F::IsReturn, "is_return", &["isreturn", "return", "returned", "退货", "是否退货"]),
            optional(
                F::Name,
                "item_name",
                &["itemname", "productname", "description", "itemdescription", "商品名称", "品名", "名称"],
            ),
            optional(
                F::Category,
                "category",
                &["category", "productcategory", "productgroup", "品类", "类别", "商品分类"],
            ),
        ],
    },
    TableSpec {
        table: Table::Inventory,
        name: "inventory",
        aliases: &[
            "stock",
            "stocks",
            "stockonhand",
            "onhand",
            "countlist",
            "countsheet",
            "stockcounts",
            "库存",
            "库存数据",
            "库存表",
        ],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            required(
                F::OnHand,
                "on_hand",
                &[
                    "onhand",
                    "soh",
                    "stock",
                    "available",
                    "stockonhand",
                    "quantityonhand",
                    "qtyonhand",
                    "inventory",
                    "quantity",
                    "qty",
                    "balance",
                    "库存",
                    "库存数量",
                    "现有库存",
                    "可用库存",
                    "数量",
                ],
            ),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::Recorded, "recorded", &["recorded", "recordedstock"]),
            optional(F::RecordedOn, "recorded_on", &["recordedon", "recordeddate"]),
            optional(F::AsOf, "as_of", &["asof", "date", "countdate", "timestamp", "ts", "日期", "盘点日期"]),
            optional(F::LotId, "lot_id", &["lotid", "lot", "batch", "batchid", "批次", "批号"]),
            optional(
                F::Expiry,
                "expiry_date",
                &["expirydate", "expiry", "bestbefore", "expirationdate", "有效期", "到期日", "失效日期"],
            ),
            optional(F::Uom, "uom", UOM),
            optional(F::Allocated, "allocated", &["allocated", "reserved", "committed", "已分配", "占用"]),
            optional(F::Blocked, "blocked", &["blocked", "quarantine", "冻结"]),
            optional(F::InTransit, "in_transit", &["intransit", "onorder", "在途", "在途数量"]),
        ],
    },
    TableSpec {
        table: Table::Sources,
        name: "sources",
        aliases: &["source", "lanes", "lane", "sourcing", "supplierprices", "货源", "供货关系"],
        fields: &[
            optional(F::ToLocation, "to_location", TO_LOCATION),
            optional(F::SupplierId, "supplier_id", SUPPLIER),
            optional(F::FromLocation, "from_location", FROM_LOCATION),
            optional(F::ItemId, "item_id", ITEM),
            optional(F::Category, "category", CATEGORY),
            optional(F::LeadTimeDays, "lead_time_days", LEAD_TIME),
            optional(
                F::LeadTimeSd,
                "lead_time_sd",
                &["leadtimesd", "leadtimesddays", "leadtimestd", "leadtimestdev", "提前期标准差"],
            ),
            optional(
                F::UnitCost,
                "unit_cost",
                &["unitcost", "cost", "purchaseprice", "costprice", "price", "进价", "采购价", "成本"],
            ),
            optional(
                F::MinOrder,
                "moq",
                &[
                    "moq",
                    "minorder",
                    "minimumorder",
                    "minorderqty",
                    "minqty",
                    "minimumorderquantity",
                    "起订量",
                    "最小订货量",
                    "最小起订量",
                ],
            ),
            optional(
                F::PackSize,
                "pack_size",
                &["packsize", "pack", "casesize", "casepack", "ordermultiple", "multiple", "箱规", "装箱数", "包装数"],
            ),
            optional(F::LayerSize, "layer_size", &["layersize", "layer", "每层数量"]),
            optional(F::PalletSize, "pallet_size", &["palletsize", "pallet", "每托数量"]),
            optional(F::MaxOrder, "max_qty", &["maxqty", "maxorder", "maximumorder", "maxorderqty", "最大订货量"]),
            optional(F::Priority, "priority", &["priority", "rank", "优先级"]),
            optional(F::Share, "share", &["share", "份额"]),
            optional(F::ReviewCalendar, "review_calendar", &["reviewcalendar", "ordercalendar", "订货日历"]),
            optional(F::EffectiveFrom, "effective_from", &["effectivefrom", "validfrom", "startdate", "生效日期"]),
            optional(F::EffectiveTo, "effective_to", &["effectiveto", "validto", "enddate", "失效日期"]),
            optional(F::PriceBreaks, "price_breaks", &["pricebreaks", "quantitydiscounts", "阶梯价"]),
        ],
    },
    TableSpec {
        table: Table::ItemLocations,
        name: "item_locations",
        aliases: &["itemlocation", "assortment", "listing", "listings", "parameters", "商品门店", "补货参数"],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            required(F::LocationId, "location_id", LOCATION),
            optional(F::ListedFrom, "listed_from", &["listedfrom", "startdate", "上架日期"]),
            optional(F::ListedTo, "listed_to", &["listedto", "enddate", "下架日期"]),
            optional(F::ServiceType, "service_type", &["servicetype", "服务类型"]),
            optional(F::ServiceTarget, "service_target", &["servicetarget", "servicelevel", "target", "服务水平"]),
            optional(F::MinStock, "min_stock", &["minstock", "min", "minimumstock", "最小库存", "最低库存"]),
            optional(F::MaxStock, "max_stock", &["maxstock", "max", "maximumstock", "最大库存", "最高库存"]),
            optional(
                F::DisplayMin,
                "display_min",
                &["displaymin", "displayminimum", "presentationstock", "陈列量", "最小陈列量"],
            ),
            optional(F::ShelfCapacity, "shelf_capacity", &["shelfcapacity", "capacity", "货架容量"]),
            optional(F::SafetyDays, "safety_days", &["safetydays", "安全天数"]),
            optional(F::Policy, "policy", &["policy", "策略"]),
            optional(F::DoNotOrder, "do_not_order", &["donotorder", "blocked", "noorder", "禁止订货", "停止订货"]),
        ],
    },
    TableSpec {
        table: Table::OpenOrders,
        name: "open_orders",
        aliases: &[
            "openorder",
            "purchaseorders",
            "openpurchaseorders",
            "openpos",
            "onorder",
            "在途订单",
            "采购订单",
            "未到货订单",
        ],
        fields: &[
            required(F::OrderId, "order_id", ORDER),
            required(F::ItemId, "item_id", ITEM),
            required(
                F::Quantity,
                "quantity",
                &["quantity", "qty", "units", "orderedqty", "orderqty", "openqty", "数量", "订货数量"],
            ),
            optional(F::ToLocation, "to_location", TO_LOCATION),
            optional(F::SupplierId, "supplier_id", SUPPLIER),
            optional(F::FromLocation, "from_location", FROM_LOCATION),
            optional(F::OrderedOn, "ordered_on", ORDERED),
            optional(F::DueOn, "due_on", DUE),
            optional(F::Status, "status", &["status", "state", "状态"]),
            optional(F::Uom, "uom", UOM),
            optional(F::Received, "received_qty", &["receivedqty", "received", "qtyreceived", "已收数量"]),
        ],
    },
    TableSpec {
        table: Table::Receipts,
        name: "receipts",
        aliases: &["receipt", "goodsreceipts", "deliveries", "purchases", "收货", "入库", "收货记录"],
        fields: &[
            optional(F::OrderId, "order_id", ORDER),
            required(F::ItemId, "item_id", ITEM),
            required(
                F::Quantity,
                "quantity",
                &["quantity", "qty", "units", "receivedqty", "received", "数量", "收货数量"],
            ),
            required(
                F::ReceivedOn,
                "received_on",
                &[
                    "receivedon",
                    "receiptdate",
                    "receiveddate",
                    "receivingdate",
                    "deliverydate",
                    "date",
                    "收货日期",
                    "入库日期",
                    "到货日期",
                    "日期",
                ],
            ),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::SupplierId, "supplier_id", SUPPLIER),
            optional(F::FromLocation, "from_location", FROM_LOCATION),
            optional(F::OrderedOn, "ordered_on", ORDERED),
            optional(
                F::DueOn,
                "due_on",
                &["dueon", "due", "duedate", "promiseddate", "scheduleddeliverydate", "交货日期"],
            ),
            optional(F::UnitCost, "unit_cost", UNIT_COST),
            optional(F::Uom, "uom", UOM),
        ],
    },
    TableSpec {
        table: Table::Prices,
        name: "prices",
        aliases: &["price", "pricelist", "sellprices", "价格", "价格表"],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            required(F::From, "from", FROM_DAY),
            required(F::Price, "price", &["price", "unitprice", "sellprice", "sellingprice", "价格", "售价", "单价"]),
            optional(F::To, "to", TO_DAY),
            optional(F::LocationId, "location_id", LOCATION),
        ],
    },
    TableSpec {
        table: Table::Promotions,
        name: "promotions",
        aliases: &["promotion", "promos", "campaigns", "促销", "促销活动"],
        fields: &[
            required(F::From, "from", FROM_DAY),
            required(F::To, "to", TO_DAY),
            optional(F::ItemId, "item_id", ITEM),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::PromoId, "promo_id", &["promoid", "promotionid", "id", "campaign", "促销编号"]),
            optional(F::Depth, "depth", &["depth", "discount", "discountdepth", "pricecut", "折扣力度"]),
            optional(F::Display, "display", &["display", "ondisplay", "陈列"]),
            optional(F::ExpectedUplift, "expected_uplift", &["expecteduplift", "uplift", "预计增幅"]),
        ],
    },
    TableSpec {
        table: Table::Events,
        name: "events",
        aliases: &["event", "holidays", "holiday", "节假日", "事件"],
        fields: &[
            required(F::Date, "date", &["date", "day", "日期"]),
            required(F::Name, "name", &["name", "event", "eventname", "holiday", "description", "名称", "节日"]),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::Kind, "kind", &["kind", "type", "eventtype", "类型"]),
            optional(F::Magnitude, "magnitude", &["magnitude", "strength", "强度"]),
        ],
    },
    TableSpec {
        table: Table::Signals,
        name: "signals",
        aliases: &["signal", "weather", "covariates", "features", "天气"],
        fields: &[
            required(F::Date, "date", DATE),
            optional(F::Name, "name", &["name", "signal"]),
            optional(F::Value, "value", &["value"]),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::KnownInFuture, "known_in_future", &["knowninfuture"]),
        ],
    },
    TableSpec {
        table: Table::Readings,
        name: "readings",
        aliases: &["reading", "sensorreadings", "sensors", "传感器", "传感器读数"],
        fields: &[
            required(F::Date, "date", DATE),
            required(F::ItemId, "item_id", ITEM),
            required(F::Metric, "metric", &["metric", "measured", "指标"]),
            required(F::Value, "value", &["value", "reading", "读数"]),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::SensorId, "sensor_id", &["sensorid", "sensor", "传感器编号"]),
            optional(F::SensorUnit, "unit", &["unit", "单位"]),
            optional(F::Mean, "mean", &["mean", "average", "均值"]),
        ],
    },
    TableSpec {
        table: Table::Stockouts,
        name: "stockouts",
        aliases: &["stockout", "outofstock", "oos", "缺货", "缺货记录"],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            required(F::From, "from", FROM_DAY),
            optional(F::To, "to", TO_DAY),
            optional(F::LocationId, "location_id", LOCATION),
        ],
    },
    TableSpec {
        table: Table::Bom,
        name: "bom",
        aliases: &["boms", "recipes", "recipe", "billofmaterials", "配方", "物料清单"],
        fields: &[
            required(F::Parent, "parent_id", &["parentid", "parent", "parentitem", "product", "dish", "父项", "成品"]),
            required(
                F::Component,
                "component_id",
                &["componentid", "component", "child", "ingredient", "子项", "原料", "组件"],
            ),
            required(F::QuantityPer, "qty_per", &["qtyper", "quantityper", "quantity", "qty", "用量", "数量"]),
            optional(F::Yield, "yield", &["yield", "yieldshare", "成品率"]),
            optional(F::Scrap, "scrap", &["scrap", "scrapshare", "waste", "损耗率"]),
        ],
    },
    TableSpec {
        table: Table::Adjustments,
        name: "adjustments",
        aliases: &["adjustment", "waste", "stockadjustments", "库存调整", "损耗"],
        fields: &[
            required(F::Date, "date", DATE),
            required(F::ItemId, "item_id", ITEM),
            required(F::Quantity, "quantity", &["quantity", "qty", "units", "数量"]),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::Uom, "uom", UOM),
            optional(F::Reason, "reason", &["reason", "kind", "type", "原因"]),
        ],
    },
    TableSpec {
        table: Table::Substitutions,
        name: "substitutions",
        aliases: &["substitution", "substitutes", "替代"],
        fields: &[
            required(F::Parent, "from_item", &["fromitem", "from", "itemid", "item"]),
            required(F::Component, "to_item", &["toitem", "to", "substitute", "substituteid"]),
            optional(F::Rate, "rate", &["rate", "share"]),
        ],
    },
    TableSpec {
        table: Table::Budgets,
        name: "budgets",
        aliases: &["budget", "预算"],
        fields: &[
            required(F::Amount, "amount", &["amount", "budget", "value", "金额", "预算"]),
            optional(F::Scope, "scope", &["scope"]),
            optional(F::From, "from", FROM_DAY),
            optional(F::To, "to", TO_DAY),
        ],
    },
    TableSpec {
        table: Table::Capacities,
        name: "capacities",
        aliases: &["capacity", "产能", "容量"],
        fields: &[
            required(F::Scope, "scope", &["scope"]),
            optional(F::From, "from", FROM_DAY),
            optional(F::To, "to", TO_DAY),
            optional(F::Volume, "volume", &["volume"]),
            optional(F::Weight, "weight", &["weight"]),
            optional(F::Lines, "lines", &["lines"]),
        ],
    },
    TableSpec {
        table: Table::Uoms,
        name: "uoms",
        aliases: &["uom", "units", "计量单位"],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            required(F::Uom, "uom", UOM),
            required(F::Factor, "factor", &["factor", "quantity", "换算系数"]),
        ],
    },
    TableSpec {
        table: Table::ForecastOverrides,
        name: "forecast_overrides",
        aliases: &["forecastoverride", "demandoverrides", "预测调整"],
        fields: &[
            required(F::From, "from", FROM_DAY),
            required(F::To, "to", TO_DAY),
            required(F::Reason, "reason", &["reason", "why", "note", "原因"]),
            optional(F::ItemId, "item_id", ITEM),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::Category, "category", &["category", "categorypath", "类别"]),
            optional(F::Factor, "factor", &["factor", "multiplier", "multiple", "倍数"]),
            optional(F::Quantity, "quantity", &["quantity", "qty", "total", "数量"]),
            optional(F::Surge, "surge", &["surge", "emergency", "应急"]),
            optional(F::Author, "author", &["author", "by", "user", "planner", "人员"]),
        ],
    },
    TableSpec {
        table: Table::Forecasts,
        name: "forecasts",
        aliases: &["forecast", "externalforecasts", "demandforecasts", "预测"],
        fields: &[
            required(F::ItemId, "item_id", ITEM),
            required(F::Date, "date", DATE),
            optional(F::LocationId, "location_id", LOCATION),
            optional(F::Value, "mean", &["mean", "forecast", "expected", "yhat", "均值"]),
        ],
    },
];

/// The specification of a table.
pub(crate) fn spec(table: Table) -> &'static TableSpec {
    TABLES.iter().find(|spec| spec.table == table).expect("every table has a specification")
}

impl Table {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        spec(self).name
    }

    /// The table with this exact name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        TABLES.iter().find(|spec| spec.name == name).map(|spec| spec.table)
    }

    /// The table a file or sheet name stands for: `sales`, `Stock 2026`, `sales_north`, `销售明细`.
    pub(crate) fn from_file_name(stem: &str) -> Option<Self> {
        let known = |name: &str| {
            TABLES.iter().find(|spec| squash(spec.name) == name || spec.aliases.contains(&name)).map(|spec| spec.table)
        };
        let known = |name: &str| known(name).or_else(|| known(&in_english(name)));
        let whole = squash(stem);
        if let Some(table) = known(&whole) {
            return Some(table);
        }
        // A table name followed by a part that only tells files of one table apart.
        let mut words: Vec<String> = stem.split(|c: char| !c.is_alphanumeric()).map(squash).collect();
        while words.len() > 1 {
            words.pop();
            if let Some(table) = known(&words.concat()) {
                return Some(table);
            }
        }
        let without_digits = whole.trim_end_matches(|c: char| c.is_ascii_digit());
        if without_digits.len() < whole.len() { known(without_digits) } else { None }
    }
}

/// A header without case, blanks, punctuation and remarks in parentheses: `Lead Time (days)` is `leadtime`.
pub(crate) fn squash(header: &str) -> String {
    let cut = header.find(['(', '（', '[']).filter(|&at| at > 0).map_or(header, |at| &header[..at]);
    cut.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What the remark of a header says about the numbers below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Remark {
    /// Nothing that changes them.
    Plain,
    /// They are multiples of this number.
    Times(Decimal),
    /// They are parts: so many make one.
    Parts(Decimal),
    /// They are in a unit that has no fixed ratio to ours.
    NoRatio,
}

/// Reads `weeks` in `Lead Time (weeks)`: a column in another unit than ours would be wrong by its ratio.
pub(crate) fn remark(field: Field, header: &str) -> Remark {
    use Field as F;
    let Some(at) = header.find(['(', '（', '[']).filter(|&at| at > 0) else {
        return if header.trim_end().ends_with('%') && is_share(field) {
            Remark::Parts(Decimal::ONE_HUNDRED)
        } else {
            Remark::Plain
        };
    };
    let inner = header[at..].trim_start_matches(['(', '（', '[']);
    let end = inner.find([')', '）', ']']).unwrap_or(inner.len());
    let unit = inner[..end].trim().trim_start_matches("in ").to_lowercase();
    let unit = unit.trim_matches(['.', '\'', '’', ' ']);
    let times = |number: i64| Remark::Times(Decimal::from(number));
    let parts = |number: i64| Remark::Parts(Decimal::from(number));
    match field {
        F::LeadTimeDays | F::LeadTimeSd | F::ShelfLifeDays | F::SafetyDays => match unit {
            "w" | "wk" | "wks" | "week" | "weeks" | "周" | "星期" | "woche" | "wochen" | "semaine" | "semaines"
            | "semana" | "semanas" => times(7),
            "h" | "hr" | "hrs" | "hour" | "hours" | "小时" | "std" | "stunden" | "heures" | "horas" => parts(24),
            "m" | "mo" | "month" | "months" | "月" | "个月" | "y" | "year" | "years" | "年" | "working days"
            | "business days" | "workdays" | "工作日" | "monat" | "monate" | "jahre" | "mois" | "ans" | "meses"
            | "años" | "werktage" | "arbeitstage" | "jours ouvrés" | "días laborables" => Remark::NoRatio,
            _ => Remark::Plain,
        },
        F::Weight | F::ContainerWeight => match unit {
            "g" | "gr" | "gram" | "grams" | "克" => parts(1000),
            "t" | "ton" | "tons" | "tonne" | "tonnes" | "吨" => times(1000),
            "lb" | "lbs" | "pound" | "pounds" => Remark::Times(Decimal::new(45_359_237, 8)),
            "oz" | "ounce" | "ounces" | "st" | "斤" => Remark::NoRatio,
            _ => Remark::Plain,
        },
        F::Volume | F::ContainerVolume => match unit {
            "l" | "liter" | "litre" | "liters" | "litres" | "dm3" | "dm³" | "升" => parts(1000),
            "ml" | "cm3" | "cm³" | "cc" | "毫升" | "立方厘米" => parts(1_000_000),
            "ft3" | "ft³" | "cuft" | "cu ft" | "cubic feet" | "gal" | "gallons" | "in3" => Remark::NoRatio,
            _ => Remark::Plain,
        },
        _ if is_share(field) && matches!(unit, "%" | "percent" | "pct" | "％") => Remark::Parts(Decimal::ONE_HUNDRED),
        _ if is_money(field) => match unit {
            "cent" | "cents" | "ct" | "pence" | "p" | "分" => parts(100),
            "k" | "000" | "000s" | "thousand" | "thousands" | "teur" | "k€" | "k$" | "keur" | "kusd" | "千"
            | "千元" => times(1000),
            "万" | "万元" => times(10_000),
            "million" | "millions" | "mio" | "mn" | "百万" | "百万元" => times(1_000_000),
            _ => Remark::Plain,
        },
        _ if is_quantity(field) => match unit {
            "k" | "000" | "000s" | "thousand" | "thousands" | "千" | "千件" | "千个" => times(1000),
            "万" | "万件" | "万个" => times(10_000),
            "million" | "millions" | "mio" | "mn" | "百万" | "百万件" => times(1_000_000),
            "dozen" | "dozens" | "打" => times(12),
            _ => Remark::Plain,
        },
        _ => Remark::Plain,
    }
}

/// The level of a column of quantiles: 0.05 of `q0.05`.
pub(crate) fn quantile_level(header: &str) -> Option<Decimal> {
    let level: Decimal = header.trim().strip_prefix(['q', 'Q'])?.parse().ok()?;
    // More digits would round to another level.
    (level > Decimal::ZERO && level < Decimal::ONE && level.scale() <= 6).then(|| level.normalize())
}

fn is_share(field: Field) -> bool {
    use Field as F;
    matches!(
        field,
        F::Share | F::ServiceTarget | F::Depth | F::Discount | F::StockoutShare | F::Yield | F::Scrap | F::Rate
    )
}

fn is_money(field: Field) -> bool {
    use Field as F;
    matches!(field, F::UnitPrice | F::SalesValue | F::UnitCost | F::Price | F::Amount | F::MinOrderValue)
}

fn is_quantity(field: Field) -> bool {
    use Field as F;
    matches!(
        field,
        F::Quantity
            | F::OnHand
            | F::Recorded
            | F::Allocated
            | F::Blocked
            | F::InTransit
            | F::Lost
            | F::MinOrder
            | F::MaxOrder
            | F::MinOrderQuantity
            | F::PackSize
            | F::LayerSize
            | F::PalletSize
            | F::MinStock
            | F::MaxStock
            | F::DisplayMin
            | F::ShelfCapacity
            | F::Received
            | F::QuantityPer
    )
}

/// Fields with the index of their column.
pub(crate) type FieldColumns = Vec<(Field, usize)>;

/// Which column each field of `spec` is taken from by its header, and headers that lost to a better one.
pub(crate) fn match_headers(spec: &TableSpec, headers: &[String]) -> (FieldColumns, FieldColumns) {
    let squashed: Vec<String> = headers.iter().map(|header| squash(header)).collect();
    // For every (field, header), how well they fit: 0 is the canonical name, then the order of the aliases.
    let mut fits: Vec<(usize, usize, usize)> = Vec::new();
    for (column, header) in squashed.iter().enumerate() {
        for (field_idx, field) in spec.fields.iter().enumerate() {
            let rank = |name: &str| field.aliases.iter().position(|alias| *alias == name);
            if squash(field.name) == *header {
                fits.push((0, field_idx, column));
            } else if let Some(rank) = rank(header).or_else(|| rank(&in_english(header))) {
                fits.push((rank + 1, field_idx, column));
            }
        }
    }
    fits.sort_unstable();
    let (mut taken, mut lost) = (Vec::new(), Vec::new());
    for (_, field_idx, column) in fits {
        let field = spec.fields[field_idx].field;
        let column_taken = taken.iter().any(|&(_, other)| other == column);
        let field_taken = taken.iter().any(|&(other, _)| other == field);
        match (field_taken, column_taken) {
            (false, false) => taken.push((field, column)),
            (true, false) => lost.push((field, column)),
            _ => {}
        }
    }
    lost.retain(|&(_, column)| !taken.iter().any(|&(_, other)| other == column));
    (taken, lost)
}

/// Whether all that `table` requires is among the headers.
pub(crate) fn is_complete(table: Table, headers: &[String]) -> bool {
    let spec = spec(table);
    let (taken, _) = match_headers(spec, headers);
    spec.fields.iter().filter(|field| field.required).all(|field| taken.iter().any(|&(got, _)| got == field.field))
}

/// Whether columns are those of a count sheet: what the records said, and what somebody counted.
pub(crate) fn is_count_sheet(headers: &[String]) -> bool {
    let (taken, _) = match_headers(spec(Table::Inventory), headers);
    let has = |field: Field| taken.iter().any(|&(got, _)| got == field);
    has(Field::ItemId) && has(Field::Recorded) && headers.iter().any(|header| squash(header) == "onhand")
}

/// Whether texts are the header of the table that a file's name or the texts themselves tell.
pub(crate) fn is_header(stem: &str, texts: &[String]) -> bool {
    Table::from_file_name(stem).is_some_and(|table| is_complete(table, texts)) || guess(texts).is_some()
}

/// Guesses the table from its columns, for files whose name says nothing.
pub(crate) fn guess(headers: &[String]) -> Option<Table> {
    let complete = |table: Table| is_complete(table, headers);
    let squashed: Vec<String> = headers.iter().map(|header| in_english(&squash(header))).collect();
    let has = |names: &[&str]| squashed.iter().any(|header| names.contains(&header.as_str()));
    // A day's sales may stand beside the stock of that day; what was sold is what no other file tells.
    let has_sold = complete(Table::Sales) && has(SOLD);
    if complete(Table::Inventory) && has(ON_HAND) && !has_sold {
        return Some(Table::Inventory);
    }
    if complete(Table::OpenOrders) && has(&["dueon", "eta", "duedate", "expectedreceipt"]) {
        return Some(Table::OpenOrders);
    }
    if complete(Table::Receipts) && has(&["receivedon", "receiptdate", "receivingdate", "收货日期", "入库日期"])
    {
        return Some(Table::Receipts);
    }
    if complete(Table::Sales) {
        return Some(Table::Sales);
    }
    let has_date = match_headers(spec(Table::Sales), headers).0.iter().any(|&(field, _)| field == Field::Date);
    if complete(Table::Items) && !has_date {
        return Some(Table::Items);
    }
    if complete(Table::Locations) && !has_date {
        return Some(Table::Locations);
    }
    None
}

/// Whether a column that no field took holds stock.
pub(crate) fn is_stock(header: &str) -> bool {
    let squashed = in_english(&squash(header));
    ON_HAND.contains(&squashed.as_str()) || matches!(squashed.as_str(), "stock" | "inventory")
}

/// The closest header to a wanted field, for messages.
pub(crate) fn closest<'a>(spec: &TableSpec, field: &FieldSpec, headers: &'a [String]) -> Option<&'a str> {
    let (taken, _) = match_headers(spec, headers);
    let mut best: Option<(usize, &str)> = None;
    for (column, header) in headers.iter().enumerate() {
        if taken.iter().any(|&(_, other)| other == column) {
            continue;
        }
        let squashed = squash(header);
        let names = std::iter::once(squash(field.name)).chain(field.aliases.iter().map(|&alias| alias.to_owned()));
        for name in names {
            let contains = name.chars().count() >= 3
                && squashed.chars().count() >= 3
                && (squashed.contains(&name) || name.contains(&squashed));
            let distance = if contains { 1 } else { edit_distance(&squashed, &name) };
            if distance * 3 <= name.chars().count().max(3) && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, header));
            }
        }
    }
    best.map(|(_, header)| header)
}

fn edit_distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let cost = (diagonal + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(table: Table, headers: &[&str]) -> String {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        let (taken, lost) = match_headers(spec(table), &headers);
        let mut shown: Vec<String> =
            taken.iter().map(|(field, column)| format!("{field:?}={}", headers[*column])).collect();
        shown.sort();
        let lost: Vec<String> = lost.iter().map(|(field, column)| format!("{field:?}!{}", headers[*column])).collect();
        format!("{} | {}", shown.join(" "), lost.join(" "))
    }

    #[test]
    fn headers_find_their_fields() {
        insta::assert_snapshot!(matched(Table::Sales, &["order_id", "timestamp", "sku", "quantity", "unit_price", "country"]),
            @"Date=timestamp ItemId=sku OrderId=order_id Quantity=quantity UnitPrice=unit_price | ");
        insta::assert_snapshot!(matched(Table::Sales, &["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]),
            @"CustomerId=CustomerID Date=InvoiceDate ItemId=StockCode Name=Description OrderId=InvoiceNo Quantity=Quantity UnitPrice=UnitPrice | ");
        insta::assert_snapshot!(matched(Table::Sales, &["日期", "商品编码", "销量", "门店", "单价"]),
            @"Date=日期 ItemId=商品编码 LocationId=门店 Quantity=销量 UnitPrice=单价 | ");
        insta::assert_snapshot!(matched(Table::Sales, &["date", "store_nbr", "item_nbr", "unit_sales", "onpromotion"]),
            @"Date=date ItemId=item_nbr LocationId=store_nbr Promo=onpromotion Quantity=unit_sales | ");
        insta::assert_snapshot!(matched(Table::Sales, &["sku", "product_id", "date", "qty", "units"]),
            @"Date=date ItemId=sku Quantity=qty | Quantity!units ItemId!product_id");
        insta::assert_snapshot!(matched(Table::Inventory, &["SKU", "SOH", "Warehouse", "Best Before"]),
            @"Expiry=Best Before ItemId=SKU LocationId=Warehouse OnHand=SOH | ");
        insta::assert_snapshot!(matched(Table::Sources, &["to", "vendor", "sku", "Lead Time (days)", "MOQ", "case pack"]),
            @"ItemId=sku LeadTimeDays=Lead Time (days) MinOrder=MOQ PackSize=case pack SupplierId=vendor ToLocation=to | ");
        insta::assert_snapshot!(matched(Table::Sources, &["门店", "供应商", "提前期", "起订量"]),
            @"LeadTimeDays=提前期 MinOrder=起订量 SupplierId=供应商 ToLocation=门店 | ");
    }

    #[test]
    fn file_names_find_their_tables() {
        for (stem, table) in [
            ("sales", Some(Table::Sales)),
            ("Sales_2024", Some(Table::Sales)),
            ("sales_CA_1", Some(Table::Sales)),
            ("item-locations", Some(Table::ItemLocations)),
            ("open_orders", Some(Table::OpenOrders)),
            ("库存", Some(Table::Inventory)),
            ("stock 2026-03", Some(Table::Inventory)),
            ("gift_orders", None),
            ("readme", None),
            ("sales2024", Some(Table::Sales)),
        ] {
            assert_eq!(Table::from_file_name(stem), table, "{stem}");
        }
    }

    #[test]
    fn every_alias_is_squashed_and_every_field_named_once() {
        for spec in TABLES {
            for field in spec.fields {
                assert!(field.aliases.iter().all(|alias| squash(alias) == *alias), "{} {}", spec.name, field.name);
                assert_eq!(spec.fields.iter().filter(|other| other.field == field.field).count(), 1);
            }
        }
    }
}
