//! Every message in English and Simplified Chinese, side by side.
//!
//! `{0}`, `{1}`… are filled in by [`Text::fill`]. A message without its Chinese does not compile.

use std::fmt::Display;

use restock_core::finding::{ExceptionCode, FindingCode, Severity};
use restock_core::proposal::WaterfallCode;
use restock_core::settings::Lang;
use restock_core::{Objective, ServiceType};

macro_rules! texts {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        /// A message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names)] // Messages are named by what they say.
        pub(crate) enum Text { $($name),* }

        impl Text {
            /// Every message.
            #[cfg(test)]
            pub(crate) const ALL: &[Text] = &[$(Text::$name),*];

            /// The message in a language.
            pub(crate) fn get(self, lang: Lang) -> &'static str {
                let (en, zh) = match self { $(Text::$name => ($en, $zh)),* };
                match lang { Lang::En => en, Lang::ZhCn => zh }
            }
        }
    };
}

impl Text {
    /// The message with `{0}`, `{1}`… filled in; `{0|line|lines}` is the number with the word that goes with it.
    pub(crate) fn fill(self, lang: Lang, values: &[&dyn Display]) -> String {
        let mut out = String::new();
        let mut rest = self.get(lang);
        while let Some(at) = rest.find('{') {
            let end = at + rest[at..].find('}').expect("holes are closed");
            let mut hole = rest[at + 1..end].split('|');
            let idx: usize = hole.next().and_then(|idx| idx.parse().ok()).expect("messages hold {0} to {9}");
            let value = values[idx].to_string();
            out.push_str(&rest[..at]);
            out.push_str(&value);
            if let (Some(one), Some(many)) = (hole.next(), hole.next()) {
                out.push(' ');
                out.push_str(if value == "1" { one } else { many });
            }
            rest = &rest[end + 1..];
        }
        out + rest
    }
}

texts! {
    Item: "item", "商品";
    Location: "location", "地点";
    Order: "order", "订货";
    Quantity: "quantity", "数量";
    Units: "units", "件数";
    FillVsStock: "Fill rate against average stock", "需求满足率与平均库存";
    Value: "value", "金额";
    AtRisk: "at risk", "风险金额";
    AtRiskUnits: "at risk, units", "风险件数";
    UnitsOf: "{0} units", "{0} 件";
    AtRiskHelp: "expected loss if the line is not ordered", "不订货的预期损失";
    StockoutWithout: "stock-out", "缺货概率";
    Cover: "cover", "可用天数";
    Why: "why", "原因";
    OrderBy: "order by", "下单截止";
    Arrives: "arrives", "到货";
    NoSupplier: "no supplier given", "未提供供应商";
    FromLocation: "transfer from {0}", "从 {0} 调拨";
    NLines: "{0} lines", "{0} 行";
    OneLine: "1 line", "1 行";
    PlanTitle: "Order proposals for the morning of {0}", "{0} 早晨的订货建议";
    SummaryOrders: "Orders", "订货";
    SummaryData: "Data", "数据";
    SummaryService: "Objective", "目标";
    SummaryRisk: "At risk", "风险";
    SummaryPlanned: "{0|order line|order lines} worth {1}, for {2} of {3|item-location|item-locations}",
        "{0} 条订货行，共 {1}；涉及 {3} 个商品-地点中的 {2} 个";
    SummaryPlannedNoCost: "{0|order line|order lines}, {1|unit|units} in all (no cost known), for {2} of {3|item-location|item-locations}",
        "{0} 条订货行，共 {1} 件（成本未知）；涉及 {3} 个商品-地点中的 {2} 个";
    SummaryPartCost: "lines without a cost, not in the value: {0}", "其中 {0} 行没有成本，未计入金额";
    SummaryRiskText: "{0} expected to be lost until the next delivery if nothing is ordered, {1} with these orders",
        "若不订货，到下次到货前预期损失 {0}；按建议订货后为 {1}";
    SummaryRiskBoth: "{0} until the next delivery if nothing is ordered ({1} lost, {2} of requests by stores and production that wait), {3} with these orders ({4} lost, {5} waiting)",
        "若不订货，到下次到货前为 {0}（损失 {1}，门店和生产的请求需等待 {2}）；按建议订货后为 {3}（损失 {4}，等待 {5}）";
    KpiLostAndWaiting: "{0} lost, {1} waits", "损失 {0}，等待 {1}";
    SummaryRiskUnits: "{0|unit|units} of demand expected to be lost if nothing is ordered, {1} with these orders",
        "若不订货，预期损失 {0} 件需求；按建议订货后为 {1} 件";
    SummaryUnplanned: "could not be planned: {0}; the report says why", "无法计划：{0} 个，原因见报告";
    SummaryLeftOut: "Left out", "未计划";
    Assumed: "Assumed, because no table tells it", "因缺少数据而作的假设";
    AssumedReplace: "to replace it: {0}", "替换方法：{0}";
    Missing: "What another table would improve", "补充哪些数据表可改善结果";
    DataFirst: "Correct in the data first", "请先更正数据";
    TopExceptions: "Needs a look", "需要关注";
    NMore: "… and {0} more", "……另有 {0} 项";
    Showing: "The {0} lines with the most at stake, of {1}. All of them: {2}", "显示风险最高的 {0} 行，共 {1} 行。全部：{2}";
    ShowingDry: "The {0} lines with the most at stake, of {1}", "显示风险最高的 {0} 行，共 {1} 行";
    NothingToOrder: "Nothing to order: stock and open orders cover every target. What runs out before they arrive is listed above.",
        "无需订货：现有库存与在途订单已覆盖全部目标。到货前会缺货的商品见上文。";
    NothingPlanned: "Nothing could be planned", "无法计划任何商品";
    NothingPlannedReason: "{0|item-location|item-locations}, such as {1}: {2}", "{0} 个商品-地点，例如 {1}：{2}";
    AssumeStale: "the last sale is of {0}, {1} days before the plan: what sold since is not known",
        "最后一笔销售在 {0}，距计划日 {1} 天：此后的销售未知";
    ReplaceStale: "sales up to the day of the plan, or leave --as-of out", "提供截至计划日的销售，或不用 --as-of";
    NextSteps: "Next", "下一步";
    NextReport: "open {0}: every line with its reasons and charts", "打开 {0}：每一行的原因与图表";
    NextExplain: "restock explain {0}  # why this line, and what if", "restock explain {0}  # 这一行的原因与假设分析";
    NextCheck: "restock check{0}  # what to correct in the data", "restock check{0}  # 数据中需要更正之处";
    NextBacktest: "restock backtest{0}  # what these orders would have saved on your history",
        "restock backtest{0}  # 在您的历史数据上检验这些订货能节省多少";
    Written: "wrote {0}", "已写入 {0}";
    DryRun: "dry run, nothing was written", "试运行，未写入任何文件";
    SummaryRiskUnpriced: "{0|more unit|more units} at risk in lines whose price and cost are not known: {1}",
        "另有 {0} 件风险需求，涉及价格与成本均未知的 {1} 行";
    RowsRead: "{0|row|rows}", "{0} 行";
    NFiles: "{0|file|files}", "{0} 个文件";
    RowsBad: "{0|row|rows} could not be read and took no part", "{0} 行无法读取，已略过";
    Quarantine: "all of them with their reasons: {0}", "全部错误行及原因：{0}";
    Reading: "reading", "读取";
    Planning: "planning", "计划";
    Forecasting: "forecasting", "预测";
    Replaying: "replaying", "回放";
    Generating: "generating", "生成";
    UnusedSetting: "{0} in {1} is read but not used by this version", "{1} 中的 {0} 在此版本中尚未使用";
    CheckClean: "No findings: the data is in good health.", "未发现问题：数据状况良好。";
    CheckRefused: "Warning: {0|row was|rows were} refused and took no part; correct what is shown above.",
        "警告：{0} 行被拒绝，未参与计算；请更正，详见上文。";
    CheckCleanElse: "No other findings.", "未发现其他问题。";
    CountTitle: "{0} item-locations to count, the most worth it first", "{0} 个商品-地点需要盘点，最值得的排在最前";
    CountNothing: "No count is expected to save more than it costs.", "没有值得进行的盘点。";
    CountSheet: "wrote {0}: fill in on_hand and put it with your data; a count is as of the evening of as_of, so correct as_of if you count on another day, to the day before if you count before opening", "已写入 {0}：填写 on_hand 后放入数据文件夹；盘点视为 as_of 当日营业结束后的数量，如在其他日期盘点请更正 as_of，开门前盘点请填前一天";
    CountSheetFilled: "{0} has counts filled in and is not overwritten: put it with your data first, or give --out another name", "{0} 已填写盘点数量，未覆盖：请先将其放入数据文件夹，或用 --out 指定其他文件名";
    CountEmpty: "empty", "空架概率";
    CountRecorded: "record", "账面";
    CountExpected: "expected", "预期实存";
    CountSaving: "saves", "可节省";
    CountReason: "why", "原因";
    CheckFindings: "{0|finding|findings}: {1|error|errors}, {2|warning|warnings}, {3} to know",
        "{0} 项发现：{1} 项错误、{2} 项警告、{3} 项提示";
    CheckScore: "mean health of {0|item-location|item-locations}: {1}", "{0} 个商品-地点的平均健康度：{1}";
    Fix: "fix", "处理方法";
    Rows: "rows", "行";
    Code: "code", "代码";
    SeverityWord: "severity", "严重程度";
    Found: "found", "发现";
    Table: "table", "数据表";
    Improves: "improves", "可改善";
    Setting: "setting", "设置项";
    ValueNow: "value", "当前值";
    Default: "default", "默认值";
    Meaning: "meaning", "含义";
    NotYetUsed: "(not used yet)", "（尚未使用）";
    ConfigFrom: "Values from {0}; everything else is the default.", "取值来自 {0}，其余为默认值。";
    ConfigNoFile: "No restock.toml here: every value is the default.", "此处没有 restock.toml，全部为默认值。";
    WaterfallTitle: "How the quantity comes about", "数量的由来";
    Total: "order quantity", "订货数量";
    WithWithoutTitle: "Until the order after this one can arrive", "到下一次订货可到货为止";
    Without: "without this order", "不订货";
    With: "with this order", "订货";
    PStockout: "probability of a stock-out", "缺货概率";
    LostUnits: "expected lost demand", "预期损失需求";
    LostMargin: "expected lost margin", "预期损失毛利";
    WaitingUnits: "expected demand that has to wait", "预期需等待的需求";
    WaitingMargin: "margin of what has to wait", "等待需求的毛利";
    WasteUnits: "expected to expire", "预期过期";
    DaysOfCover: "days of cover", "可用天数";
    MarginalTitle: "What each pack brings", "每一包带来的收益";
    Pack: "pack", "第几包";
    Unit: "unit", "第几件";
    AssumedInStock: "assumed in stock", "假设库存";
    PSold: "sells in time", "按时售出概率";
    NetGain: "expected gain", "预期收益";
    SensitivityTitle: "If one thing were different", "若某一条件改变";
    If: "if", "若";
    AlternativesTitle: "What other policies would order", "其他策略的订货量";
    DriversTitle: "What moves the forecast", "影响预测的因素";
    WarningsTitle: "To keep in mind", "注意事项";
    LineageTitle: "To reproduce it", "复现信息";
    ModelWord: "forecast model", "预测模型";
    PolicyWord: "policy", "策略";
    DataHash: "data", "数据";
    SettingsHash: "settings", "设置";
    Version: "version", "版本";
    Seed: "seed", "随机数种子";
    NoOrderLine: "no order needed now", "目前无需订货";
    WhatIfTitle: "Re-planned with {0}", "按 {0} 重新计划";
    WhatIfNow: "as it is", "现状";
    ReplaySame: "replayed: identical, byte for byte, to the line in {0}", "已重放：与 {0} 中的该行逐字节一致";
    ReplayNoPlan: "replayed twice: both runs are identical, byte for byte (there is no plan at {0} to compare with)",
        "已重放两次：结果逐字节一致（{0} 处没有可比较的计划）";
    ReplayDiffers: "replayed: differs from the line in {0}", "已重放：与 {0} 中的该行不一致";
    ReplayNotThere: "; the line was not planned there", "；该处未计划此行";
    ReplayQuantity: "; {0} was ordered there, {1} now", "；该处订购 {0}，现在为 {1}";
    ReplayNumbers: "; the quantity is the same, other numbers are not", "；数量相同，其他数字不同";
    ReplayData: "; the data of the line have changed", "；该行的数据已变化";
    ReplaySettings: "; settings have changed: repeat the flags of that plan", "；设置已变化：请重复该计划的参数";
    ReplayCode: "; it was made by another version", "；由另一版本生成";
    ForecastTitle: "Demand forecast, {0} series, {1|period|periods} from {2}", "需求预测：{0} 个序列，自 {2} 起 {1} 个周期";
    Mean: "mean", "均值";
    TotalWord: "total", "合计";
    Model: "model", "模型";
    ShowingSeries: "{0} of {1} series shown, the largest first", "显示 {1} 个序列中最大的 {0} 个";
    ImportTitle: "{0|table|tables} read", "读取了 {0} 个数据表";
    DemoTitle: "A generated chain: {0|item|items} in {1|location|locations}, {2|day|days} of sales, seed {3}",
        "生成的连锁示例：{0} 种商品、{1} 个地点、{2} 天销售，种子 {3}";
    DemoNote: "The data is made by the project's own demand simulator; no real company is behind it.",
        "数据由本项目的需求模拟器生成，不对应任何真实企业。";
    InitDone: "Created {0} ({1} template)", "已创建 {0}（{1} 模板）";
    InitNext: "cd {0} && restock plan", "cd {0} && restock plan";
    ExportDone: "{0|order file|order files} with {1|line|lines} in {2}", "{2} 中共 {0} 个订单文件、{1} 行";
    BacktestTitle: "Replayed {0|item-location|item-locations} over {1|day|days}, {2} to {3}", "回放 {0} 个商品-地点，共 {1} 天（{2} 至 {3}）";
    FillRate: "fill rate", "需求满足率";
    InStock: "in stock", "有货率";
    Turns: "turns", "周转次数";
    AvgStock: "average stock", "平均库存";
    Waste: "waste", "损耗";
    Cost: "cost", "总成本";
    Bound: "clairvoyant bound", "先知下界";
    ActualOrders: "actual orders", "实际订货";
    Leaderboard: "Forecast leaderboard, best first", "预测排行榜（由优到劣）";
    DataHealth: "Data health", "数据健康";
    OrdersTitle: "Orders", "订货清单";
    Search: "search item, location or supplier", "搜索商品、地点或供应商";
    KpiValue: "order value", "订货金额";
    KpiLines: "order lines", "订货行数";
    KpiRiskWithout: "at risk without orders", "不订货的风险";
    KpiRiskWith: "left at risk with orders", "订货后的风险";
    KpiStockouts: "lines likely to run out", "很可能缺货的行数";
    KpiStockoutsHelp: "without order; {0} with", "不订货时；订货后 {0}";
    StockProjection: "Stock projection", "库存预测";
    ChartHistory: "sales", "销量";
    ChartOrder: "this order", "本次订货";
    ChartArrival: "arrives", "在途到货";
    ChartBand: "10–90 % range", "10–90% 区间";
    ChartStockWith: "stock with the order", "订货后库存";
    ChartStockWithout: "stock without it", "不订货库存";
    DetailsLimited: "Charts are included for the {0} lines with the most at stake; `restock explain ITEM@LOCATION` shows any other.",
        "图表仅包含风险最高的 {0} 行；其他行可用 `restock explain 商品@地点` 查看。";
    Unplanned: "Could not be planned", "无法计划";
    ExportCsv: "download as CSV", "下载 CSV";
    MadeBy: "Made offline by restock {0}. Same data, settings and seed give the same plan.",
        "由 restock {0} 离线生成。相同的数据、设置和种子得到相同的计划。";
    NoExceptions: "nothing needs a look", "没有需要关注的事项";
    NoAssumptions: "none: every number comes from a table", "无：所有数字均来自数据表";
    AssumeStock: "stock of {0} of {1} item-locations: taken to have been filled to target at the last order day, so that an order replaces what sold since",
        "{1} 个商品-地点中 {0} 个的库存：假设上次订货时已补到目标，订货补足此后售出的数量";
    AssumeStockZero: "stock of {0} of {1} item-locations: taken to be empty", "{1} 个商品-地点中 {0} 个的库存：假设为零";
    ReplaceStock: "add inventory.csv with item_id, location_id, on_hand", "添加 inventory.csv（item_id、location_id、on_hand）";
    AssumeLeadTime: "a delivery takes {0|day|days} and orders can be placed every {1|day|days}", "到货需 {0} 天，每 {1} 天可订货一次";
    ReplaceLeadTime: "--lead-time and --review-period, or sources.csv with supplier_id, lead_time_days, pack_size, moq",
        "使用 --lead-time 和 --review-period，或添加 sources.csv（supplier_id、lead_time_days、pack_size、moq）";
    AssumeCost: "{0} of {1} lines have no purchase cost: a margin of {2} of the price is assumed where a price is known",
        "{1} 行中 {0} 行没有采购成本：有售价时假设毛利率为 {2}";
    ReplaceCost: "add items.csv with item_id, unit_cost, price", "添加 items.csv（item_id、unit_cost、price）";
    AssumeAsOf: "the plan is made on the morning of {0}, the day after the last sale", "计划日为 {0} 早晨，即最后一笔销售的次日";
    ReplaceAsOf: "--as-of DATE", "--as-of 日期";
    AssumeObjective: "the aim is {0}", "目标为{0}";
    ReplaceObjective: "--objective fill_rate=0.95, or economics", "--objective fill_rate=0.95 或 economics";
    AssumeCurrency: "amounts are in {0}", "金额币种为 {0}";
    ReplaceCurrency: "--currency CODE", "--currency 代码";
    Day: "day", "日期";
    File: "file", "文件";
    Quarantined: "bad rows", "错误行";
    LeftOut: "filtered", "已过滤";
    Columns: "columns", "列";
    ShopRule: "simple rule", "简单规则";
    CostParts: "Total cost by part", "总成本构成";
    SavingTitle: "Savings, with {0} interval", "节省（{0} 区间）";
    StockOverTime: "Stock value over time", "库存金额变化";
    Indicators: "Indicators", "指标";
    HowItWasDone: "How it was done, and what it does not know", "方法与局限";
    SkippedPairs: "{0|item-location|item-locations} left out: {1}", "略过 {0} 个商品-地点：{1}";
    CostByLine: "Where the policies differ most, cost in {0}", "策略差异最大的商品（成本，{0}）";
    AboveBound: "above the clairvoyant bound", "高于先知下界";
    Holding: "holding", "持有";
    LostSales: "lost sales", "缺货损失";
    Ordering: "ordering", "订货";
    Against: "{0} against {1}", "{0} 对比 {1}";
    LostDemand: "lost demand", "损失需求";
    LeaderboardOver: "{0} series, {1|origin|origins}, {2|period|periods} ahead; {3} series were too short",
        "{0} 个序列，{1} 个起点，预测 {2} 个周期；{3} 个序列过短";
    LeaderboardNote: "WQL weighted quantile loss, MASE and RMSSE scaled errors, SQL scaled quantile loss: lower is better. Bias, error sum and tracking signal above zero are over-forecast. Coverage should read 10% / 90%. FVA is the WQL gained over seasonal_naive, PIS the periods in stock.",
        "WQL 加权分位数损失，MASE、RMSSE 标准化误差，SQL 标准化分位数损失：越低越好。偏差、累计误差和跟踪信号为正表示预测偏高。覆盖率应为 10% / 90%。FVA 为相对 seasonal_naive 改善的 WQL，PIS 为库存周期。";
    Bias: "bias", "偏差";
    ValueAdded: "FVA", "FVA";
    TrackingSignal: "signal", "跟踪信号";
    CumulativeError: "error sum", "累计误差";
    Coverage: "coverage", "覆盖率";
    LeadTimePinball: "lead time", "提前期损失";
    Demand: "Demand", "需求";
    ForecastWord: "forecast", "预测";
    SoldOut: "out of stock, sales are a lower bound", "缺货，销量为需求下限";
    LinesLimited: "The page shows the {0} lines with the most at stake; orders.csv has all {1}.",
        "本页显示风险最高的 {0} 行；orders.csv 含全部 {1} 行。";
    StockValue: "stock value", "库存金额";
    NotOrdered: "enough stock", "库存充足";
    ShadowTitle: "What one more unit of a limit would bring", "限额每增加一单位的收益";
    Limit: "limit", "限额";
    Allowed: "allowed", "允许";
    Used: "used", "已用";
    PerUnit: "gain per unit", "每单位收益";
    MinimumMissed: "below the supplier's minimum of {0}", "低于供应商起订额 {0}";
    PlanId: "plan", "计划";
    Simulating: "simulating", "模拟";
    SimTitle: "The next {0} days, {1} to {2}, played {3} times for {4} item-locations",
        "未来 {0} 天（{1} 至 {2}），对 {4} 个商品-地点模拟 {3} 次";
    SimHeadline: "{0} of demand is expected to be met, with an average stock of {1} and {2} of margin lost",
        "预期需求满足率 {0}，平均库存 {1}，损失毛利 {2}";
    SimShocked: "With the shock, {0} of demand is expected to be met instead of {1}, and the lost margin changes by {2}",
        "受冲击后预期需求满足率由 {1} 变为 {0}，损失毛利变化 {2}";
    Shock: "Shock", "冲击";
    Baseline: "baseline", "基准";
    WithShock: "with shock", "受冲击";
    DifferenceWord: "difference", "差异";
    Expected: "expected", "期望";
    Interval: "5–95 %", "5–95% 区间";
    CycleService: "cycles without shortage", "周期服务水平";
    LostMarginWord: "lost margin", "损失毛利";
    PShortage: "chance of a shortage", "出现短缺的概率";
    ByLocation: "By location", "按地点";
    WorstLines: "Most margin lost, in {0}", "预期损失毛利最多的商品（{0}）";
    NothingLost: "no demand is expected to be lost", "预期没有需求流失";
    StockFan: "Total stock value by day, {0}", "每日库存总金额（{0}）";
    ServiceByWeek: "Fill rate of customers by week", "每周顾客需求满足率";
    DemandWord: "demand", "需求";
    SimUnplanned: "item-locations left out because they cannot be planned: {0}; --json lists them with the reason",
        "{0} 个商品-地点无法计划，已略过；--json 列出原因";
    ErrorLabel: "error:", "错误：";
    HintLabel: "hint:", "提示：";
    NoteLabel: "note:", "注意：";
    BadRow: "{0} row {1}: got {2}, expected {3}", "{0} 第 {1} 行：得到 {2}，应为{3}";
    BadCell: "{0} row {1}, column {4}: got {2}, expected {3}", "{0} 第 {1} 行，列 {4}：得到 {2}，应为{3}";
    BadCellFix: "fix: {0}", "处理：{0}";
    CoverDays: "{0}→{1} d", "{0}→{1} 天";
    EnvironmentWord: "environment", "环境";
    SolvedExactly: "exact", "可精确求解";
    Yes: "yes", "是";
    No: "no", "否";
    Differs: "differs", "不一致";
    State: "state", "状态";
    Action: "action", "决策";
    Chance: "chance", "随机因素";
    Events: "What happens in a period", "一个周期内的事件顺序";
    Holds: "holds", "通过";
    Checking: "checking", "检查";
    Solving: "solving", "求解";
    Learning: "learning", "学习";
    LearningEpoch: "learning, cost {0}", "学习，成本 {0}";
    LearnedBy: "learned by {0}", "{0} 所学策略";
    SolvedBy: "solved exactly", "精确求解的策略";
    Optimum: "optimum", "最优解";
    PeriodsPlayed: "periods played", "已模拟周期";
    EpochsWord: "epochs", "轮次";
    CpuSeconds: "CPU seconds", "CPU 秒";
    ChosenBecause: "{0} is chosen: {1}", "选择 {0}：{1}";
    ChoiceFacts: "{0} states, {1} actions, {2|quantity|quantities} an action, model {3}, derivative {4}",
        "{0} 个状态，{1} 个动作，每个动作 {2} 个数量，模型：{3}，导数：{4}";
    ChoiceRule: "rule", "规则";
    ChoiceAlgorithm: "algorithm", "算法";
    ChoiceApplies: "applies", "适用";
    ModelKnown: "known", "已知";
    ModelUnknown: "not used", "不使用";
    DerivativeKnown: "known", "有";
    DerivativeUnknown: "none", "无";
    RuleExact: "the model is known and has at most 4,000,000 states", "模型已知，且状态不超过 4,000,000 个";
    RuleTable: "states times actions are at most 100,000: a table", "状态数乘以动作数不超过 100,000：用表格";
    RuleDerivative: "the simulation has a derivative and the model is known", "模拟可求导，且模型已知";
    RuleDiscrete: "one quantity with at most 256 choices", "单一数量，且选择不超过 256 种";
    RuleContinuous: "several quantities, or more choices", "多个数量，或更多选择";
    PerPeriod: "cost per period", "每周期成本";
    DiscountedCost: "discounted cost from the first state", "从初始状态起的折扣成本";
    TestInterval: "Cost ± {0}, gap ± {1} with 95 %, by simulation on chances that training never met.",
        "成本 ± {0}，差距 ± {1}（95 % 区间），在训练未见过的随机数上模拟。";
    TestExact: "Costs are exact: every state is evaluated.", "成本为精确值：对每个状态求值。";
    GoOn: "go on: {0}", "继续：{0}";
    PortfolioTitle: "Portfolio of {0} item-locations as of {1}, demand from {2}, paths of {3} days",
        "截至 {1} 的组合：{0} 个商品-地点，需求来源 {2}，每条路径 {3} 天";
    PortfolioReach: "The network decides {0} of {1} item-locations, the classical policy the others:",
        "网络决定 {1} 个商品-地点中的 {0} 个，其余由经典策略决定：";
    PortfolioLeftOut: "{0|item-location|item-locations} of less value left out; items=N takes more", "另有 {0} 个价值较低的商品-地点未纳入；items=N 可纳入更多";
    PortfolioNoDemand: "{0|item-location|item-locations} without expected demand or order day left out", "{0} 个商品-地点无预期需求或无订货日，未纳入";
    PortfolioUnplanned: "{0|item-location|item-locations} cannot be planned; --json lists them with the reason", "{0} 个商品-地点无法计划；--json 列出原因";
    PerDay: "cost a day", "每日成本";
    PortfolioClassical: "classical", "经典策略";
    PortfolioShipped: "before the fit", "拟合前的策略";
    PortfolioFitted: "fitted", "拟合后的策略";
    PortfolioGuarded: "fitted, behind the guard", "拟合后的策略（经守卫）";
    PortfolioTest: "On demand paths that nothing was learned or chosen from, from today's stock, under the ordering rules of the plan; differences with 95 %.",
        "在未用于学习或选择的需求路径上，从当前库存出发，遵守计划的订货规则；差异为 95 % 区间。";
    PortfolioConverged: "Converged after {0} steps: the cost on the paths of validation falls no further.", "{0} 步后收敛：验证路径上的成本不再下降。";
    PortfolioOutOfSteps: "All {0} steps are made; steps=N makes more.", "已完成全部 {0} 步；steps=N 可增加步数。";
    PortfolioOutOfTime: "The time was over after {0} steps; --budget gives more.", "{0} 步后时间用尽；--budget 可增加时间。";
    PortfolioNothing: "Nothing was learned: the network decides none of these item-locations, or days=N is shorter than what it looks ahead.", "未进行学习：网络不决定其中任何商品-地点，或 days=N 短于其前瞻期。";
    PortfolioSaved: "The weights of step {0} are the project's learned policy now; it watches anew before it acts. Delete {1} to go back.",
        "第 {0} 步的权重现为本项目的学习策略；重新观察期满后才会生效。删除 {1} 即可恢复。";
    PortfolioKept: "The policy stays as it is: no weights were cheaper beyond chance on the paths of validation, and no dearer behind the guard.", "策略保持不变：验证路径上没有权重的成本显著更低且经守卫后不更高。";
    PortfolioNoProject: "The fit is cheaper, but there is no project to keep it in: `restock init` makes one.", "拟合后成本更低，但没有项目可保存：用 `restock init` 创建。";
    OnDesk: "desk: {0} new, {1} revised, {2} over; {3} that people decided on keep their quantity",
        "工作台：新增 {0}，修订 {1}，结束 {2}；{3} 个已由人工决定的保持原数量";
    Decided: "{0|proposal|proposals} decided", "已处理 {0} 个建议";
    OpenProposals: "{0|open proposal|open proposals}", "{0} 个未处理建议";
    RouteWord: "from → to", "来源 → 目的地";
    QuantityWord: "quantity", "数量";
    PlanWants: "plan wants", "计划建议";
    ValueWord: "value", "金额";
    ExportedApproved: "{0|line|lines} ordered; {1|order file|order files} of what is on the way in {2}", "已下单 {0} 行；在途订单文件 {1} 个，位于 {2}";
    OrderedLate: "{0|line was|lines were} to be ordered before {1}; `restock plan --publish` says what is needed now", "{0} 行本应在 {1} 之前下单；`restock plan --publish` 给出当前需求";
    ListeningOn: "listening on {0}, interrupt to stop", "正在监听 {0}，中断即停止";
    NobodyYet: "nobody may use it yet: open {0} to make the first account; a program is let in by restock token create NAME --role integrator",
        "尚无人可用：打开 {0} 创建第一个账号；程序用 restock token create NAME --role integrator 获准使用";
    ServeCreated: "a new project in {0} ({1} template): restock.toml, and data for your files", "已在 {0} 新建项目（{1} 模板）：restock.toml 和存放文件的 data";
    AskPassword: "password for {0}, not shown: ", "{0} 的密码（不显示）：";
    AskAgain: "the same again: ", "请再次输入：";
    UserMade: "{0} may log in as {1}", "{0} 可以 {1} 角色登录";
    PasswordChanged: "{0} has another password, and every open session has ended", "{0} 的密码已更改，其所有会话已结束";
    UserDisabled: "{0} is kept out from now on, and every open session has ended", "{0} 自此不能登录，其所有会话已结束";
    UserRemoved: "{0} is no user any more", "{0} 不再是用户";
    LetIn: "let in", "可登录";
    KeptOut: "kept out", "不能登录";
    Stopped: "stopped; everything that was acknowledged is in the ledger", "已停止；所有已确认的内容均在账本中";
    TokenOnce: "Keep it: it is shown this once. Send it as the header  Authorization: Bearer TOKEN", "请妥善保存：仅显示这一次。请求头：Authorization: Bearer TOKEN";
    TokenName: "name", "名称";
    RoleWord: "role", "角色";
    Expires: "until", "有效期至";
    TokenRevoked: "{0} is refused from now on", "{0} 自此被拒绝";
    Ingested: "{0|event|events} taken in, {1} there before, {2} in quarantine; the last event of the ledger is {3}",
        "已接收 {0} 个事件，{1} 个此前已有，{2} 个被隔离；账本最后一个事件为 {3}";
    QuarantineWord: "quarantine", "隔离";
    QuarantineMore: "{0} more in quarantine; --json lists them", "另有 {0} 个被隔离；--json 列出全部";
    LedgerAdded: "added to the files: {0|event|events} of the ledger", "已在文件数据之上加入账本中的 {0} 个事件";
    BackedUp: "events 1 to {0} are copied to {1}", "事件 1 至 {0} 已备份到 {1}";
    Restored: "events 1 to {0} are back in {1}", "事件 1 至 {0} 已恢复到 {1}";
    DoctorSummary: "{0} events, {1} open in quarantine, {2} audit records", "{0} 个事件，{1} 个待处理隔离项，{2} 条审计记录";
    QuarantineEmpty: "nothing is there", "没有条目";
    QuarantineFrom: "there may be more: --from {0}", "可能还有更多：--from {0}";
    EntryReleased: "entry {0} of the quarantine is event {1} now", "隔离项 {0} 现为事件 {1}";
    EntryDiscarded: "entry {0} of the quarantine will never be taken in; it stays readable", "隔离项 {0} 将不再接收；内容仍可查看";
    EventNumber: "event {0}", "事件 {0}";
    NumberWord: "number", "编号";
    StateWord: "state", "状态";
    PositionWord: "where", "位置";
    ReasonWord: "reason", "原因";
    DoctorWell: "all is well", "一切正常";
    PreviewSolved: "What is best for this objective, solved:", "此目标的最优策略（精确求解）：";
    PreviewSimulated: "The best of simple policies for this objective, by simulation, as there are too many states to solve in a moment: {0}",
        "状态过多，无法立即求解；此目标下模拟所得最好的简单策略：{0}";
    OfItOwn: "of it the problem's own", "其中问题本身";
    OfItGoodwill: "of it goodwill", "其中商誉损失";
    OfItBand: "of it the stock band", "其中库存区间";
    MeanStock: "stock at the end of a period, units", "期末库存（件）";
    OrderShare: "periods with an order", "有订货的周期";
    MeanOrder: "units of an order", "每次订货件数";
    OnHandNothingUnderWay: "on hand, nothing under way", "现有库存（无在途）";
    LowerBound: "lower bound", "下界";
    ServiceWorth: "A fill rate of {0} makes the next lost unit worth {1}, on top of what it costs. No policy that reaches it costs less than the lower bound.",
        "需求满足率 {0} 使下一件缺货的价值为 {1}（在其成本之外）。达到该目标的策略，成本都不低于下界。";
    ServiceWorthUnbounded: "A fill rate of {0} is reached with a price of {1} for a lost unit, on top of what it costs. The optimum is not known here, and no bound on the cost.",
        "缺货一件加价 {1}（在其成本之外）时达到需求满足率 {0}。此处最优值和成本下界未知。";
    ServiceFree: "A fill rate of {0} costs nothing: what is cheapest reaches it.", "需求满足率 {0} 无需额外成本：成本最低的策略已达到。";
    ServiceRounds: "{0|price was|prices were} tried", "共尝试 {0} 个价格";
    LearningRound: "round {0}, cost {1}", "第 {0} 轮搜索，成本 {1}";
    SolvingRound: "solving, round {0}", "求解，第 {0} 轮";
    SearchTitle: "{0} settings of {1}, compared on validation costs", "比较 {1} 的 {0} 组设置（按验证成本）";
    SearchRung: "rung", "级";
    SettingsWord: "settings", "设置";
    EpochsEach: "epochs each", "每组轮次";
    LowestCost: "lowest cost", "最低成本";
    UsualCost: "usual settings", "默认设置";
    LeftBehind: "left behind", "已淘汰";
    ValidationWord: "validation", "验证成本";
    BestSettings: "setting {0}", "设置 {0}";
    UsualSettings: "usual settings", "默认设置";
    SearchWon: "Setting {0} wins: its validation cost is {1} below that of the usual settings, trained as long.",
        "设置 {0} 获胜：验证成本比训练同样久的默认设置低 {1}。";
    SearchUsualWon: "The usual settings win: trained as long, they are as good on validation as the best of the others.",
        "默认设置获胜：训练同样久时，其验证成本不高于其他任何设置。";
    SearchTraining: "rung {0}, setting {1}", "第 {0} 级，设置 {1}";
    UseHyper: "use it: {0}", "使用：{0}";
    ProblemWord: "problem", "问题";
    Published: "published", "文献值";
    Ours: "ours", "本程序";
    Gap: "gap", "差距";
    Time: "time", "用时";
    LargeLeftOut: "{0|problem takes|problems take} longer and were left out; --large runs them",
        "{0} 个耗时较长的问题未运行；--large 可运行";
    MayDiffer: "{0} may differ by {1}: {2}", "{0} 允许相差 {1}：{2}";
    RecomputedNumbers: "recomputed, printed in no paper: {0}", "重新计算、并非论文原值：{0}";
    AllProblems: "all problems", "全部问题";
    SourceOf: "source of {0}: {1}", "{0} 的来源：{1}";
    NumbersHold: "{0} of {1} numbers hold", "{1} 个数值中 {0} 个一致";
    NotUsedColumns: "columns not used: {0}", "未使用的列：{0}";
    Tuning: "tuning", "微调";
    TuningStep: "tuning: {0}, step {1}", "微调：{0}，第 {1} 步";
    TuningTitle: "Pretrained model tuned to {0} series ({1} training windows), validated on {2|origin|origins} of {3|period|periods}",
        "预训练模型已在 {0} 个序列（{1} 个训练窗口）上微调，验证：{2} 个起点，每个 {3} 个周期";
    StepsWord: "steps", "步数";
    ShareWord: "share", "比例";
    ShareNote: "Share: how far from the shipped weights towards the fit the best mixture stands.",
        "比例：最佳混合从随附权重到微调结果的位置。";
    TunedSaved: "Saved as {0}: {1} has a scaled quantile loss of {2} against {3} of the shipped model, {4} better [{5} to {6}], on {7} series.",
        "已保存为 {0}：{1} 的 SQL 为 {2}，随附模型为 {3}，改善 {4}[{5} 至 {6}]，共 {7} 个序列。";
    TunedBetter: "Not saved, as asked: {0} has a scaled quantile loss of {1} against {2} of the shipped model, {3} better [{4} to {5}], on {6} series.",
        "按要求未保存：{0} 的 SQL 为 {1}，随附模型为 {2}，改善 {3}[{4} 至 {5}]，共 {6} 个序列。";
    TunedRefused: "Not saved: {0} has a scaled quantile loss of {1} against {2} of the shipped model, {3} better [{4} to {5}], and a weighted quantile loss of {6} against {7}, on {8} series. At least 1 % of the first is asked for, an interval above 0, and no loss of the second.",
        "未保存：{0} 的 SQL 为 {1}，随附模型为 {2}，改善 {3}[{4} 至 {5}]；WQL 为 {6}，随附模型为 {7}，共 {8} 个序列。要求前者至少改善 1 %、区间高于 0，且后者不变差。";
    TunedNothing: "Not saved: no method was better than the shipped model, whose scaled quantile loss is {0}.",
        "未保存：没有方法优于随附模型（SQL {0}）。";
    NextPromote: "restock model promote {0}{1}  # use it wherever pretrained is used", "restock model promote {0}{1}  # 在使用 pretrained 之处使用它";
    MethodWord: "method", "方法";
    ShippedModel: "as shipped", "随附";
    ScaledLoss: "SQL", "SQL";
    ShippedScaledLoss: "SQL as shipped", "随附模型 SQL";
    BetterBy: "better by", "改善";
    ActiveWord: "used", "使用中";
    ValidatedOn: "Scaled quantile loss (SQL) and weighted quantile loss (WQL) on windows that were not trained on, lower is better.",
        "SQL 与 WQL 为训练未用窗口上的分位数损失，越低越好。";
    CheckWord: "check", "检查";
    CheckHash: "SHA-256 of the file", "文件 SHA-256";
    CheckBase: "weights it changes", "所改动的权重";
    CheckTensors: "names, shapes and numbers of tensors", "张量的名称、形状与数值";
    FilesHold: "{0} of {1|check holds|checks hold}", "{1} 项检查中 {0} 项通过";
    Training: "training", "训练";
    TrainingLoss: "training, loss {0}", "训练，损失 {0}";
    TrainedSteps: "{0}, {1} parameters: {2} of {3|step|steps}, {4} series, {5} s",
        "{0}，{1} 个参数：{3} 步中的 {2} 步，{4} 条序列，{5} 秒";
    TrainingNote: "On generated series that were not trained on. Coverage: the share of demand at or below a quantile.",
        "在未用于训练的生成序列上。覆盖率：不超过分位数的需求所占的比例。";
    PinballLoss: "pinball loss", "分位数损失";
    CoverageOf: "coverage of {0}", "{0} 分位覆盖率";
    Periods: "periods", "各期需求";
    CumulativeDemand: "cumulative demand", "累计需求";
    TrainingStopped: "the time is over; the same command goes on after step {0}", "时间已到；再次运行同一命令将从第 {0} 步之后继续";
    LossByStep: "Pinball loss by step", "各步的分位数损失";
    LearnedWatches: "the learned policy watches: it would order otherwise on {0|line|lines} and expects to save {1} {2}; ",
        "学习策略正在观察：它会对 {0} 行给出不同订量，预计节省 {1} {2}；";
    OutcomesUpTo: "outcomes up to {0}: {1} decisions judged, {2} wait for their days, {3} with days of which nothing is known",
        "截至 {0} 的结果：已评判 {1} 项决策，{2} 项等待到期，{3} 项含有未知日";
    SegmentWord: "segment", "分组";
    OutcomesWord: "outcomes", "结果数";
    BiasWord: "bias", "偏差";
    CoveredAt: "covered at {0} % > asked now", "{0}% 覆盖率 > 现取水平";
    AllWord: "all", "全部";
    AlarmsWord: "alarms, newest first", "警报（最新在前）";
    ActsNow: "{0} in use: {1}", "当前{0}：{1}";
    EditsWorth: "edits: {0} judged, {1} cost less than the plan would have, {2} saved in all",
        "人工修改：已评判 {0} 项，其中 {1} 项成本低于原计划，合计节省 {2}";
    EditsSuggest: "rules that edits suggest; the page Models of the dashboard makes one with a click, and `forecast_overrides` in the data folder says the same",
        "人工修改所提示的规则；可在仪表板“模型”页一键采纳，也可写入数据文件夹中的 `forecast_overrides`";
    OverridesWorth: "overrides of forecasts: {0} judged, {1} nearer to what came than the model alone; errors {2} without, {3} with them",
        "预测调整：已评判 {0} 项，其中 {1} 项比模型更接近实际；误差：未调整 {2}，调整后 {3}";
    LastBacktest: "last scheduled backtest: {0}, {1} item-locations; cost and fill rate",
        "最近一次定期回测：{0}，{1} 个商品-地点；成本与满足率";
    LearnedWatchesUntil: "from {0} on it may act (policy.guard.shadow_days), once outcomes show that it costs less; `policy.kind = \"classical\"` leaves it out",
        "自 {0} 起（policy.guard.shadow_days），一旦结果证明其成本更低即可参与决策；policy.kind = \"classical\" 则不使用";
    LearnedOnlyWatches: "`--policy learned` lets it act", "使用 --policy learned 可让其参与决策";
    VersionOfOtherBucket: "version {0} of the pretrained model is tuned to {1}, the data are in {2}: the shipped model is used in its place",
        "预训练模型版本 {0} 按{1}微调，而数据按{2}：改用随附模型";
    PeriodsOfDays: "days", "日";
    PeriodsOfWeeks: "weeks", "周";
    PeriodsOfMonths: "months", "月";
    Promoted: "{0} is used from now on; before it was {1}", "现在使用 {0}，此前为 {1}";
    RolledBack: "back to {0}; {1} is no longer used", "已恢复为 {0}，不再使用 {1}";
}

impl Text {
    /// "1 line" or "12 lines".
    pub(crate) fn lines(lang: Lang, n: usize) -> String {
        if n == 1 { Text::OneLine.get(lang).to_owned() } else { Text::NLines.fill(lang, &[&crate::format::count(n)]) }
    }
}

fn pick<'a>(lang: Lang, (en, zh): (&'a str, &'a str)) -> &'a str {
    match lang {
        Lang::En => en,
        Lang::ZhCn => zh,
    }
}

/// A waterfall line in a word or two, for sums in one line.
pub(crate) fn waterfall_short(code: WaterfallCode, lang: Lang) -> &'static str {
    use WaterfallCode::*;
    pick(
        lang,
        match code {
            ExpectedDemand => ("expected", "预期需求"),
            UncertaintyBuffer => ("buffer", "缓冲"),
            TargetBelowDemand => ("below demand", "低于需求"),
            MinimumStock => ("minimum stock", "最低库存"),
            ReservedOrBackordered => ("reserved", "预留"),
            UsableOnHand => ("on hand", "现有"),
            OnOrderInTime => ("on order", "在途"),
            OnOrderLate => ("on order, late", "在途（晚到）"),
            PolicyAdjustment => ("policy", "策略"),
            AlreadyCovered => ("already covered", "已满足"),
            DoNotOrder => ("do not order", "禁止订货"),
            Moq => ("minimum order", "起订量"),
            RoundToPack => ("full packs", "整包"),
            ShelfLifeCap => ("shelf life", "保质期"),
            EndOfLifeCap => ("end of life", "停售"),
            CapacityCap => ("capacity", "容量"),
            SupplierMinimum => ("supplier minimum", "供应商起订额"),
            ContainerFill => ("container", "装柜"),
            BudgetOrCapacity => ("budget", "预算"),
            SourceShortage => ("source shortage", "来源不足"),
            PlannerEdit => ("planner", "人工"),
        },
    )
}

/// A waterfall line in full.
pub(crate) fn waterfall_label(code: WaterfallCode, lang: Lang) -> &'static str {
    use WaterfallCode::*;
    pick(
        lang,
        match code {
            ExpectedDemand => {
                ("expected demand until the order after this one arrives", "到下一次订货到货前的预期需求")
            }
            UncertaintyBuffer => ("held for uncertainty, to reach the target", "为应对不确定性、达到目标而持有"),
            TargetBelowDemand => ("the target wants less than expected demand", "目标低于预期需求"),
            MinimumStock => ("minimum stock, display or safety days", "最低库存、陈列或安全天数"),
            ReservedOrBackordered => ("reserved or waited for by customers", "已预留或客户等待"),
            UsableOnHand => ("usable stock on hand", "可用现有库存"),
            OnOrderInTime => ("on order, arrives in time", "在途，按时到货"),
            OnOrderLate => ("on order, arrives later", "在途，晚到"),
            PolicyAdjustment => ("policy's own rule", "策略自身规则"),
            AlreadyCovered => ("stock above what is needed", "超出需要的库存"),
            DoNotOrder => ("marked as do not order", "标记为禁止订货"),
            Moq => ("raised to the minimum order", "提高到起订量"),
            RoundToPack => ("rounded to full packs", "取整到整包"),
            ShelfLifeCap => ("limited to what sells before expiry", "限于保质期内可售出的数量"),
            EndOfLifeCap => ("limited to what is needed before the item ends", "限于停售前需要的数量"),
            CapacityCap => ("limited by shelf, maximum stock or order", "受货架、最高库存或最大订货量限制"),
            SupplierMinimum => ("supplier's minimum order value", "供应商起订额"),
            ContainerFill => ("added to fill a container", "为装满货柜而增加"),
            BudgetOrCapacity => ("cut by budget or capacity", "因预算或容量削减"),
            SourceShortage => ("cut because the sender has too little", "因发货方库存不足削减"),
            PlannerEdit => ("changed by a planner", "人工修改"),
        },
    )
}

/// The name of a number behind a waterfall line.
pub(crate) fn evidence_key(key: &str, lang: Lang) -> String {
    let zh = match key {
        "from" => "自",
        "to" => "至",
        "model" => "模型",
        "service" => "服务水平",
        "target" => "目标",
        "sd_demand" => "需求标准差",
        "lead_time_days" => "提前期（天）",
        "sd_lead_time_days" => "提前期标准差（天）",
        "target_level" => "目标水平",
        "pack" => "每包",
        "assumed" => "假设",
        "counted_on" => "盘点日",
        "counted" => "盘点",
        "orders" => "订单",
        "min_order" => "起订量",
        "reason" => "原因",
        "learned_policy" => "学习策略",
        "recalibrated_90" => "90% 分位数改取水平",
        "learned_order" => "学习策略的订量",
        "learned_saving" => "预计节省",
        "policy" => "策略",
        "asked_for_now" => "其中下游现在订货",
        "critical_ratio" => "临界比",
        "blocked_or_expired" => "冻结或过期",
        "recorded" => "账面",
        "p_empty" if lang == Lang::En => return "probability of an empty shelf".to_owned(),
        "p_empty" => "货架为空的概率",
        "measured" => "测量",
        "reorder_point" => "再订货点",
        "min_stock" => "最低库存",
        "sells_before_expiry" => "保质期内可售",
        "still_needed" => "仍需",
        "end" => "停售日",
        "max_order" => "最大订量",
        "max_stock" => "最高库存",
        "shelf_capacity" => "货架容量",
        "source" => "来源",
        "sold_as_it_is" => "直接售出或发出",
        "without_overrides" => "未经调整",
        "override" => "预测调整",
        _ => "",
    };
    if let (Lang::ZhCn, Some(item)) = (lang, key.strip_prefix(restock_engine::USED_FOR)) {
        return match item.strip_suffix(" others") {
            Some(others) => format!("另外{others} 种用"),
            None => format!("{} 用", item.trim_start()),
        };
    }
    if let (Lang::ZhCn, Some(author)) = (lang, key.strip_prefix(restock_engine::OVERRIDE_BY)) {
        return format!("{} 的预测调整", author.trim_start());
    }
    if key.starts_with(restock_engine::USED_FOR) || key.starts_with(restock_engine::OVERRIDE_BY) {
        return key.to_owned();
    }
    if lang == Lang::ZhCn && !zh.is_empty() { zh.to_owned() } else { key.replace('_', " ") }
}

/// What stands behind [`evidence_key`]: names in words, numbers and dates as they are.
pub(crate) fn evidence_value<'a>(key: &str, value: &'a str, lang: Lang) -> &'a str {
    match (lang, key, value) {
        (Lang::En, "service", "fill_rate") => "fill rate",
        (Lang::En, "service", "in_stock") => "in stock",
        (Lang::En, "measured", "shelf_weight") => "by shelf weight",
        (Lang::ZhCn, "measured", "shelf_weight") => "货架称重",
        (Lang::En, "reason", "reorder_point_not_reached") => "reorder point not reached",
        (Lang::En, "reason", "expected_expiry") => "stock that will expire",
        (Lang::En, "reason", "fixed_order_size") => "fixed order size",
        (Lang::En, "reason", "learned") => "learned policy, cheaper on the item's demand paths",
        (Lang::ZhCn, "reason", "learned") => "学习策略，按需求情景成本更低",
        (Lang::En, "learned_policy", "learned_order_cost") => "not used: the order cost matters",
        (Lang::En, "learned_policy", "learned_perishable") => "not used: the item expires or may not be ordered",
        (Lang::En, "learned_policy", "learned_lead_time") => {
            "not used: the lead time is uncertain, long or no multiple of the review period"
        }
        (Lang::En, "learned_policy", "learned_late_supply") => "not used: supply is due after a new order would arrive",
        (Lang::En, "learned_policy", "learned_demand") => "not used: no demand is expected",
        (Lang::En, "learned_policy", "learned_same_order") => "orders as much",
        (Lang::En, "learned_policy", "learned_not_better") => "not used: no cheaper on the item's demand paths",
        (Lang::En, "learned_policy", "learned_loses_more") => "not used: cheaper, but loses more sales",
        (Lang::En, "learned_policy", "learned_watches") => "watches, would order otherwise",
        (Lang::ZhCn, "learned_policy", "learned_watches") => "观察中，会给出不同订量",
        (Lang::ZhCn, "learned_policy", "learned_order_cost") => "未采用：订货成本起作用",
        (Lang::ZhCn, "learned_policy", "learned_perishable") => "未采用：商品会过期或不得订购",
        (Lang::ZhCn, "learned_policy", "learned_lead_time") => "未采用：提前期不确定、过长或不是订货周期的整数倍",
        (Lang::ZhCn, "learned_policy", "learned_late_supply") => "未采用：有在途货物晚于新订单到货",
        (Lang::ZhCn, "learned_policy", "learned_demand") => "未采用：预计无需求",
        (Lang::ZhCn, "learned_policy", "learned_same_order") => "订购量相同",
        (Lang::ZhCn, "learned_policy", "learned_not_better") => "未采用：按需求情景成本不更低",
        (Lang::ZhCn, "learned_policy", "learned_loses_more") => "未采用：成本更低，但失销更多",
        (Lang::ZhCn, "reason", "reorder_point_not_reached") => "未到再订货点",
        (Lang::ZhCn, "reason", "expected_expiry") => "补充将过期的库存",
        (Lang::ZhCn, "reason", "fixed_order_size") => "固定批量",
        (Lang::ZhCn, "service", "cycle") => "周期服务水平",
        (Lang::ZhCn, "service", "fill_rate") => "需求满足率",
        (Lang::ZhCn, "service", "in_stock") => "有货率",
        (Lang::ZhCn, "assumed", "at target one review period ago") => "一个订货周期前处于目标水平",
        (Lang::ZhCn, "assumed", "empty") => "零库存",
        _ => value,
    }
}

/// A unit of measure; `each` is a word of ours, others are the user's.
pub(crate) fn unit_name(uom: &str, lang: Lang) -> &str {
    match (lang, uom) {
        (Lang::ZhCn, "each" | "unit") => "件",
        _ => uom,
    }
}

/// `budget supplier:ID` and the like in words.
pub(crate) fn limit_label(limit: &str, lang: Lang) -> String {
    let Some((kind, scope)) = limit.split_once(' ').filter(|_| lang == Lang::ZhCn) else { return limit.to_owned() };
    let kind = match kind {
        "budget" => "预算",
        "volume" => "体积",
        "weight" => "重量",
        "container" => "货柜",
        "lines" => "订货行数",
        kind => kind,
    };
    let part = |part: &str| match part.split_once(':') {
        Some(("supplier", id)) => format!("供应商 {id}"),
        Some(("location", id)) => format!("地点 {id}"),
        Some(("category", path)) => format!("分类 {path}"),
        _ if part == "all" => "全部".to_owned(),
        _ => part.to_owned(),
    };
    // Ids may hold blanks: a scope ends where another one begins.
    let parts: Vec<String> = match scope.rfind(" location:").filter(|_| scope.starts_with("supplier:")) {
        Some(at) => vec![part(&scope[..at]), part(&scope[at + 1..])],
        None => vec![part(scope)],
    };
    format!("{kind}（{}）", parts.join("，"))
}

/// An exception in words.
pub(crate) fn exception_label(code: ExceptionCode, lang: Lang) -> &'static str {
    use ExceptionCode::*;
    pick(
        lang,
        match code {
            StockoutNow => ("out of stock now", "现已缺货"),
            StockoutBeforeArrival => ("runs out before delivery", "到货前缺货"),
            LateSupply => ("late supply", "供应延误"),
            SupplierShort => ("supplier short", "供应商短交"),
            Overstock => ("overstock", "库存过多"),
            DeadStock => ("dead stock", "呆滞库存"),
            ExpiryRisk => ("may expire", "过期风险"),
            DemandSpike => ("demand spike", "需求激增"),
            DemandDrop => ("demand drop", "需求骤降"),
            ForecastBias => ("forecast bias", "预测偏差"),
            NewItemNoMatch => ("new item", "新品"),
            EndOfLifeBuy => ("last buy", "停售前采购"),
            PromoUncovered => ("promotion not covered", "促销备货不足"),
            PromoExcess => ("promotion excess", "促销备货过多"),
            MoqInflated => ("minimum order too large", "起订量过大"),
            ContainerUnderfilled => ("container not full", "货柜未满"),
            BudgetCut => ("cut by budget", "预算削减"),
            CapacityCut => ("cut by capacity", "容量削减"),
            TransferOpportunity => ("transfer possible", "可调拨"),
            PhantomStock => ("phantom stock", "疑似虚库存"),
            DataBlocked => ("data blocks the order", "数据阻碍订货"),
            OrderUnusual => ("unusual order", "异常订货"),
            GuardTripped => ("guard limited the order", "安全上限"),
            ModelDrift => ("model drift", "模型漂移"),
            CalendarGap => ("calendar gap", "日历缺口"),
            SubstituteAvailable => ("substitute available", "有替代品"),
            SurgeMode => ("surge mode", "应急模式"),
            TargetUnreachable => ("target out of reach", "目标无法达到"),
        },
    )
}

/// What a data-health check looks for.
pub(crate) fn finding_title(code: FindingCode, lang: Lang) -> &'static str {
    use FindingCode::*;
    let zh = match code {
        D01 => "库存为负",
        D02 => "库存超过容量",
        D03 => "停业或未上架日有销售",
        D04 => "重复行",
        D05 => "单位突变 10 倍或 1000 倍",
        D06 => "库存数据过期",
        D07 => "有库存但无销售（疑似虚库存）",
        D08 => "零库存时有销售",
        D09 => "提前期缺失或为零",
        D10 => "实际提前期与设定相差一半以上",
        D11 => "在途订单逾期",
        D12 => "起订量超过一年需求",
        D13 => "包装量大于货架",
        D14 => "保质期短于保护期",
        D15 => "成本或售价缺失，或毛利为负",
        D16 => "供应路径循环",
        D17 => "没有货源",
        D18 => "计划期内没有订货日",
        D19 => "事件日期在未来",
        D20 => "未知的商品、地点或供应商",
        D21 => "上架与停售日期矛盾",
        D22 => "退货多于销售",
        D23 => "时间戳跨日",
        D24 => "分类只有一种商品",
        D25 => "促销没有价格",
        D26 => "配方循环引用、单位混淆或无用",
        D27 => "传感器读数或信号无法使用",
        D28 => "门店长时间没有任何销售",
    };
    match lang {
        Lang::En => code.title(),
        Lang::ZhCn => zh,
    }
}

/// A demand pattern of Syntetos and Boylan, or all of them.
pub(crate) fn pattern_label(pattern: &str, lang: Lang) -> &str {
    match (lang, pattern) {
        (Lang::ZhCn, "all") => "全部",
        (Lang::ZhCn, "smooth") => "平稳",
        (Lang::ZhCn, "erratic") => "波动",
        (Lang::ZhCn, "intermittent") => "间歇",
        (Lang::ZhCn, "lumpy") => "块状",
        (Lang::ZhCn, "none") => "无需求",
        _ => pattern,
    }
}

/// How bad a finding is.
pub(crate) fn severity_label(severity: Severity, lang: Lang) -> &'static str {
    pick(
        lang,
        match severity {
            Severity::Info => ("to know", "提示"),
            Severity::Warning => ("warning", "警告"),
            Severity::Error => ("error", "错误"),
        },
    )
}

/// An objective in words.
pub(crate) fn objective_label(objective: &Objective, lang: Lang) -> String {
    match objective {
        Objective::Economics => pick(lang, ("lowest expected cost", "预期成本最低")).to_owned(),
        Objective::Service { service_type, target } => {
            let label = match service_type {
                ServiceType::Cycle => ("no stock-out in {0} of order cycles", "{0} 的订货周期不缺货"),
                ServiceType::FillRate => ("{0} of demand met from the shelf", "{0} 的需求由现货满足"),
                ServiceType::InStock => ("in stock on {0} of days", "{0} 的天数有货"),
            };
            pick(lang, label).replace("{0}", &crate::format::percent(*target))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_fill_in_the_same_numbers() {
        for text in Text::ALL {
            let holes = |lang| {
                let mut holes: Vec<&str> = text.get(lang).split('{').skip(1).map(|rest| &rest[..1]).collect();
                holes.sort_unstable();
                holes
            };
            assert!(!text.get(Lang::En).is_empty() && !text.get(Lang::ZhCn).is_empty(), "{text:?}");
            assert_eq!(holes(Lang::En), holes(Lang::ZhCn), "{text:?}");
        }
    }

    #[test]
    fn one_is_no_plural() {
        let values: [&dyn Display; 4] = [&1, &0, &1, &"1,200"];
        assert_eq!(Text::CheckFindings.fill(Lang::En, &values), "1 finding: 0 errors, 1 warning, 1,200 to know");
    }

    #[test]
    fn names_of_ours_are_translated_and_ids_are_kept() {
        assert_eq!(evidence_value("service", "fill_rate", Lang::ZhCn), "需求满足率");
        assert_eq!(limit_label("budget supplier:A B", Lang::ZhCn), "预算（供应商 A B）");
        assert_eq!(limit_label("container supplier:A B location:dc", Lang::ZhCn), "货柜（供应商 A B，地点 dc）");
        assert_eq!(limit_label("budget all", Lang::En), "budget all");
    }

    #[test]
    fn chinese_reorders_what_english_says() {
        let values: [&dyn Display; 4] = [&12, &"340.00 EUR", &11, &40];
        assert_eq!(
            Text::SummaryPlanned.fill(Lang::En, &values),
            "12 order lines worth 340.00 EUR, for 11 of 40 item-locations"
        );
        assert_eq!(
            Text::SummaryPlanned.fill(Lang::ZhCn, &values),
            "12 条订货行，共 340.00 EUR；涉及 40 个商品-地点中的 11 个"
        );
    }
}
