//! `restock.toml`: one table of settings drives reading, refusing, explaining and documenting.

use std::net::SocketAddr;

use jiff::tz::TimeZone;
use restock_core::filter::Filter;
use restock_intake::SourceConfig;
use restock_ledger::{LINE_FIELDS, LedgerAddress};
use std::path::{Path, PathBuf};

use restock_core::settings::{AssumedStock, ColdChain, Lang, MissingSales, PlanSettings, Segment, StockBeliefUse};
use restock_core::{Bucket, Day, Objective, ServiceType};
use toml::de::{DeTable, DeValue};

use crate::adaptation::Adapts;
use crate::error::CliError;

/// Everything `restock.toml` can say.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Name of the project.
    pub(crate) name: String,
    /// Folder of the data files, relative to the project.
    pub(crate) data_path: PathBuf,
    /// Mapping file, relative to the project.
    pub(crate) mapping: Option<PathBuf>,
    /// Folder of a model of sentences, relative to `restock.toml`.
    pub(crate) text_model: Option<PathBuf>,
    /// Decimal mark of text numbers; found out where `None`.
    pub(crate) decimal: Option<char>,
    /// Order of day and month, or a format; found out where `None`.
    pub(crate) date: Option<String>,
    /// What is learnt from outcomes.
    pub(crate) adapts: Adapts,
    /// Days that the learned policy only watches under `auto`.
    pub(crate) shadow_days: u32,
    /// Where the server listens.
    pub(crate) listen: SocketAddr,
    /// Certificate of the server, PEM, relative to the project.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its private key, PEM, relative to the project.
    pub(crate) tls_key: Option<PathBuf>,
    /// Whether a proxy in front of the server speaks TLS.
    pub(crate) behind_proxy: bool,
    /// Names under which the server is reached, beside those of this machine.
    pub(crate) hosts: Vec<String>,
    /// Receivers of webhooks that may be in private networks.
    pub(crate) private_receivers: Vec<String>,
    /// Which lines two different people must approve.
    pub(crate) four_eyes_if: Option<Filter>,
    /// The database of the ledger; `None` for the file of the project.
    pub(crate) store: Option<LedgerAddress>,
    /// Sources of events beside the API.
    pub(crate) intake: Vec<SourceConfig>,
    /// Which lines a server approves by itself.
    pub(crate) auto_if: Option<Filter>,
    /// Time zone whose calendar days events belong to.
    pub(crate) time_zone: TimeZone,
    /// Settings of the plan.
    pub(crate) settings: PlanSettings,
    /// Keys that were set, with their text, in the order of the file.
    pub(crate) given: Vec<(String, String)>,
    /// Keys that are read but not used by this version.
    pub(crate) unused: Vec<String>,
    service: (ServiceType, f64),
    economics: bool,
    segment_service: Option<(Option<ServiceType>, Option<f64>)>,
    segment_economics: bool,
    segment: Option<Segment>,
}

impl Default for Config {
    fn default() -> Self {
        let settings = PlanSettings::default();
        let Objective::Service { service_type, target } = settings.objective else {
            unreachable!("the default objective is a service level")
        };
        Self {
            name: String::new(),
            data_path: "data".into(),
            mapping: None,
            text_model: None,
            decimal: None,
            date: None,
            adapts: Adapts::default(),
            shadow_days: 28,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_certificate: None,
            tls_key: None,
            behind_proxy: false,
            hosts: Vec::new(),
            private_receivers: Vec::new(),
            four_eyes_if: None,
            store: None,
            intake: Vec::new(),
            auto_if: None,
            time_zone: TimeZone::UTC,
            settings,
            given: Vec::new(),
            unused: Vec::new(),
            service: (service_type, target),
            economics: false,
            segment_service: None,
            segment_economics: false,
            segment: None,
        }
    }
}

/// One key of `restock.toml`.
pub(crate) struct Setting {
    /// Full key, such as `objective.service.target`.
    pub(crate) key: &'static str,
    /// Value when the key is absent, as it would be written.
    pub(crate) default: &'static str,
    /// Meaning in English.
    en: &'static str,
    /// Meaning in Chinese.
    zh: &'static str,
    /// Allowed values, in words.
    pub(crate) expected: &'static str,
    /// Whether this version acts on it.
    pub(crate) used: bool,
    set: fn(&mut Config, &DeValue<'_>) -> Option<()>,
}

impl Setting {
    /// How it is written where it belongs to a list of tables: `[[segment]] where`; nothing for others.
    pub(crate) fn listed(&self) -> Option<String> {
        let (list, key) = self.key.split_once('.').filter(|(list, _)| matches!(*list, "segment" | "intake"))?;
        Some(format!("[[{list}]] {key}"))
    }

    /// What the setting means.
    pub(crate) fn meaning(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::ZhCn => self.zh,
        }
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
        DeValue::Float(float) => float.as_str(),
        _ => return None,
    };
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

fn number_in(value: &DeValue<'_>, low: f64, high: f64) -> Option<f64> {
    number(value).filter(|number| (low..=high).contains(number))
}

/// A share strictly between 0 and 1.
pub(crate) fn share(number: f64) -> Option<f64> {
    (0.0 < number && number < 1.0).then_some(number)
}

fn whole(value: &DeValue<'_>, low: u64, high: u64) -> Option<u64> {
    number(value).filter(|n| n.fract() == 0.0 && *n >= low as f64 && *n <= high as f64).map(|n| n as u64)
}

fn one_of<T>(value: &DeValue<'_>, choices: &[(&str, T)]) -> Option<T>
where
    T: Clone,
{
    let text = value.as_str()?;
    choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| choice.clone())
}

/// A service type by the name used in configuration and flags.
pub(crate) fn service_type(text: &str) -> Option<ServiceType> {
    match text {
        "cycle" => Some(ServiceType::Cycle),
        "fill_rate" => Some(ServiceType::FillRate),
        "in_stock" => Some(ServiceType::InStock),
        _ => None,
    }
}

fn strings(value: &DeValue<'_>, allowed: &[&str]) -> Option<Vec<String>> {
    value
        .as_array()?
        .iter()
        .map(|entry| entry.get_ref().as_str().filter(|text| allowed.contains(text)).map(str::to_owned))
        .collect()
}

/// A path that is not empty.
fn file(value: &DeValue<'_>) -> Option<PathBuf> {
    value.as_str().filter(|text| !text.is_empty()).map(PathBuf::from)
}

/// Names or addresses of hosts, without ports and paths.
fn host_names(value: &DeValue<'_>) -> Option<Vec<String>> {
    let is_host = |text: &&str| {
        let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        !text.is_empty() && (is_name || text.parse::<std::net::IpAddr>().is_ok())
    };
    value.as_array()?.iter().map(|entry| entry.get_ref().as_str().filter(is_host).map(str::to_owned)).collect()
}

/// `protection+28d` as 28.
fn extra_horizon(text: &str) -> Option<u32> {
    text.strip_prefix("protection+")?.strip_suffix('d')?.parse().ok().filter(|days| *days <= 730)
}

fn margin_multiple(text: &str) -> Option<f64> {
    match text.strip_prefix("margin")? {
        "" => Some(1.0),
        rest => rest.strip_prefix('*')?.trim().parse().ok().filter(|m: &f64| (0.0..=1000.0).contains(m)),
    }
}

macro_rules! settings {
    ($($key:literal = $default:literal, $expected:literal, $used:literal, $en:literal, $zh:literal, $set:expr;)*) => {
        /// Every setting, in the order they are explained.
        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            key: $key, default: $default, expected: $expected, used: $used, en: $en, zh: $zh, set: $set,
        }),*];
    };
}

settings! {
    "project.name" = "\"\"", "a text", true,
        "name shown on reports", "报告上显示的项目名称",
        |c, v| { c.name = v.as_str()?.to_owned(); Some(()) };
    "project.currency" = "\"EUR\"", "an ISO 4217 code such as \"EUR\"", true,
        "currency of costs and prices", "成本和价格的币种",
        |c, v| {
            let code = v.as_str().filter(|t| t.len() == 3 && t.chars().all(|ch| ch.is_ascii_uppercase()))?;
            c.settings.currency = code.to_owned(); Some(())
        };
    "project.bucket" = "\"day\"", "\"day\", \"week\" or \"month\"", true,
        "period of the sales, for forecasts; orders are planned in days", "销量的周期，用于预测；订货按日计划",
        |c, v| {
            c.settings.bucket = one_of(v, &[("day", Bucket::Day), ("week", Bucket::Week), ("month", Bucket::Month)])?;
            Some(())
        };
    "project.timezone" = "\"UTC\"", "an IANA time zone such as \"Europe/Berlin\"", true,
        "time zone whose calendar days events belong to", "事件所属日历日的时区",
        |c, v| { c.time_zone = TimeZone::get(v.as_str()?).ok()?; Some(()) };
    "project.week_start" = "\"monday\"", "\"monday\"", true,
        "first day of a planning week", "计划周的第一天",
        |_, v| one_of(v, &[("monday", ())]);
    "data.path" = "\"data\"", "a folder relative to restock.toml", true,
        "where the data files are", "数据文件所在的文件夹",
        |c, v| { c.data_path = v.as_str()?.into(); Some(()) };
    "data.map" = "\"\"", "a mapping file relative to restock.toml", true,
        "mapping file from your tables and columns to ours", "把您的表和列对应到标准表的映射文件",
        |c, v| { c.mapping = Some(v.as_str()?).filter(|t| !t.is_empty()).map(PathBuf::from); Some(()) };
    "data.missing_sales" = "\"zero\"", "\"zero\", \"unknown\" or \"closed\"", true,
        "what a day without a sales row means", "没有销售记录的日期代表什么：零销量、未知或停业",
        |c, v| {
            use MissingSales::{Closed, Unknown, Zero};
            c.settings.missing_sales = one_of(v, &[("zero", Zero), ("unknown", Unknown), ("closed", Closed)])?;
            Some(())
        };
    "data.decimal" = "\"auto\"", "\"auto\", \"point\" or \"comma\"", true,
        "how decimals are written; auto asks when 1.234 could mean two things",
        "小数的写法；auto 遇到 1.234 这样有歧义的数字会要求确认",
        |c, v| { c.decimal = one_of(v, &[("auto", None), ("point", Some('.')), ("comma", Some(','))])?; Some(()) };
    "data.date" = "\"auto\"", "\"auto\", \"dmy\", \"mdy\" or a format such as \"%d.%m.%y\"", true,
        "how dates are written; auto asks when 3/4 could mean two days", "日期的写法；auto 遇到 3/4 这样有歧义的日期会要求确认",
        |c, v| {
            let text = v.as_str().filter(|t| matches!(*t, "auto" | "dmy" | "mdy") || t.contains('%'))?;
            c.date = Some(text.to_owned()).filter(|t| t != "auto");
            Some(())
        };
    "objective.mode" = "\"service\"", "\"service\" or \"economics\"", true,
        "reach a service level with the least stock, or minimise total cost", "以最少库存达到服务水平，或使总成本最低",
        |c, v| { c.economics = one_of(v, &[("service", false), ("economics", true)])?; Some(()) };
    "objective.service.type" = "\"fill_rate\"", "\"fill_rate\", \"cycle\" or \"in_stock\"", true,
        "how service is measured: share of demand met, cycles or days without stock-out",
        "服务水平的衡量方式：需求满足率、无缺货周期比例或有货天数比例",
        |c, v| { c.service.0 = service_type(v.as_str()?)?; Some(()) };
    "objective.service.target" = "0.98", "a number above 0 and below 1, such as 0.98", true,
        "service level to reach", "要达到的服务水平",
        |c, v| { c.service.1 = share(number(v)?)?; Some(()) };
    "objective.carrying_cost_per_year" = "0.22", "a number from 0 to 10", true,
        "yearly cost of holding stock as a share of its value", "每年持有库存的成本占其价值的比例",
        |c, v| { c.settings.carrying_cost_per_year = number_in(v, 0.0, 10.0)?; Some(()) };
    "objective.lost_sale_cost" = "\"margin\"", "\"margin\" or a multiple such as \"margin*1.5\"", true,
        "cost of a unit of demand that is not met", "每单位未满足需求的成本",
        |c, v| { c.settings.lost_sale_margin_multiple = margin_multiple(v.as_str()?)?; Some(()) };
    "objective.assumed_margin_share" = "0.3", "a number from 0 to 1", true,
        "margin as a share of the price where the cost is unknown", "成本未知时假设的毛利率",
        |c, v| { c.settings.assumed_margin_share = number_in(v, 0.0, 1.0)?; Some(()) };
    "objective.waste_cost" = "\"unit_cost\"", "\"unit_cost\"", true,
        "cost of a unit that expires", "每单位过期商品的成本",
        |_, v| one_of(v, &[("unit_cost", ())]);
    "objective.order_cost" = "0.0", "a number of at least 0", true,
        "fixed cost of one order line", "每条订货行的固定成本",
        |c, v| { c.settings.order_cost = number_in(v, 0.0, 1e9)?; Some(()) };
    "forecast.model" = "\"auto\"", "the name of a model, see restock forecast --help", true,
        "demand model; auto chooses per item-location on history, external takes forecasts of another system",
        "需求预测模型；auto 按历史表现逐个选择，external 采用其他系统的预测",
        |c, v| { c.settings.forecast_model = v.as_str()?.to_owned(); Some(()) };
    "forecast.precision" = "\"auto\"", "\"auto\", \"f32\", \"bf16\" or \"int8\"", true,
        "numbers the pretrained model computes with; under f32 processors agree to a rounding error",
        "预训练模型的计算精度；f32 在不同处理器上的差别仅为舍入误差",
        |c, v| { c.settings.forecast_precision = one_of(v, &[("auto", "auto"), ("f32", "f32"), ("bf16", "bf16"), ("int8", "int8")])?.to_owned(); Some(()) };
    "forecast.horizon" = "\"protection+28d\"", "\"protection+28d\" with any number of days up to 730", true,
        "how far to forecast: the time until the order after next arrives, plus days",
        "预测的长度：到下一次订货到货为止，再加若干天",
        |c, v| { c.settings.extra_horizon_days = extra_horizon(v.as_str()?)?; Some(()) };
    "forecast.covariates" = "[\"price\", \"promotion\", \"holiday\", \"signal\"]", "a list of \"price\", \"promotion\", \"holiday\", \"signal\"", true,
        "what besides history may move demand", "除历史外可影响需求的因素",
        |c, v| { c.settings.covariates = strings(v, &["price", "promotion", "holiday", "signal"])?; Some(()) };
    "forecast.text_model" = "\"\"", "a folder relative to restock.toml", true,
        "model of sentences that compares item texts for items without history; none compares words",
        "句向量模型文件夹，用于为无历史的商品比较文本；不填则按词比较",
        |c, v| { c.text_model = Some(v.as_str()?).filter(|t| !t.is_empty()).map(PathBuf::from); Some(()) };
    "policy.kind" = "\"auto\"", "the name of a policy, see restock plan --help", true,
        "replenishment policy", "补货策略",
        |c, v| { c.settings.policy = v.as_str()?.to_owned(); Some(()) };
    "policy.guard.max_days_of_cover" = "none", "a number above 0", true,
        "largest order as days of expected demand", "单次订货最多覆盖的预期需求天数",
        |c, v| { c.settings.max_days_of_cover = Some(number_in(v, 0.001, 1e6)?); Some(()) };
    "policy.guard.max_ratio_vs_classical" = "1.5", "a number of at least 1", true,
        "largest order of a learned policy against the classical one", "学习型策略订货量相对经典策略的上限",
        |c, v| { c.settings.learned_max_ratio = number_in(v, 1.0, 1e6)?; Some(()) };
    "policy.guard.shadow_days" = "28", "a whole number of days", true,
        "days that a new learned policy only watches under the policy auto", "auto 策略下新的学习策略只观察不下单的天数",
        |c, v| { c.shadow_days = whole(v, 0, 3650)? as u32; Some(()) };
    "adaptation.recalibrate" = "true", "true or false", true,
        "whether plans ask for the quantiles that had the right coverage so far", "计划是否按以往覆盖率校正预测分位数",
        |c, v| { c.adapts.recalibrates = v.as_bool()?; Some(()) };
    "adaptation.try_models" = "true", "true or false", true,
        "whether versions of the pretrained model compete, and the better one is used", "预训练模型各版本是否参与对比并启用较优者",
        |c, v| { c.adapts.tries_models = v.as_bool()?; Some(()) };
    "adaptation.backtest_days" = "28", "a whole number of days, 0 for none", true,
        "days after which a server replays a part of the past under the settings of the day",
        "服务器每隔多少天按当前设置回放部分历史；0 表示不回放",
        |c, v| { c.adapts.backtest_days = whole(v, 0, 3650)? as u32; Some(()) };
    "planning.as_of" = "none", "a date such as \"2026-03-02\"", true,
        "the morning the plan is made on; none takes the day after the last sale", "计划日（当天早晨）；不填则为最后一笔销售的次日",
        |c, v| {
            let text = match v { DeValue::Datetime(date) => date.to_string(), other => other.as_str()?.to_owned() };
            c.settings.as_of = Some(text.parse::<Day>().ok()?); Some(())
        };
    "planning.assumed_stock" = "\"at_target\"", "\"at_target\" or \"zero\"", true,
        "stock assumed where no file tells it: stocked to target at the last review, or nothing",
        "没有库存数据时的假设：上次订货时已补到目标，或没有库存",
        |c, v| {
            let choices = [("at_target", AssumedStock::AtTarget), ("zero", AssumedStock::Zero)];
            c.settings.assumed_stock = one_of(v, &choices)?;
            Some(())
        };
    "planning.default_lead_time_days" = "7.0", "a number from 0 to 730", true,
        "lead time where no source or receipt tells it", "没有货源或收货数据时的提前期（天）",
        |c, v| { c.settings.default_lead_time_days = number_in(v, 0.0, 730.0)?; Some(()) };
    "planning.default_review_days" = "7.0", "a number from 1 to 365", true,
        "days between two orders where no calendar tells them", "没有日历时两次订货之间的天数",
        |c, v| { c.settings.default_review_days = number_in(v, 1.0, 365.0)?; Some(()) };
    "planning.fair_share" = "0.5", "a share from 0 to 1", true,
        "share of a scarce stock that is shared in proportion to what is wanted; the rest goes where a unit is worth most",
        "缺货时按需求量比例分配的份额；其余优先分给单位价值最高的地点",
        |c, v| { c.settings.fair_share = number_in(v, 0.0, 1.0)?; Some(()) };
    "planning.months_of_stock" = "none", "two numbers such as [1.0, 4.0], the first the smaller", true,
        "least and most stock of every item-location, in months of its consumption; none sets no bounds",
        "每个商品-地点的最低与最高库存，以月均消耗量的月数计；不填则不限",
        |c, v| {
            let months: Vec<f64> = v.as_array()?.iter().map(|v| number_in(v.get_ref(), 0.0, 120.0)).collect::<Option<_>>()?;
            let [least, most] = <[f64; 2]>::try_from(months).ok()?;
            c.settings.months_of_stock = Some((least < most).then_some([least, most])?);
            Some(())
        };
    "planning.stock_belief" = "\"warn\"", "\"off\", \"warn\" or \"use\"", true,
        "where stock records are probably wrong: nothing, exceptions, or exceptions and orders for the stock that is expected to be there",
        "账面库存可能有误时：不处理、仅提示，或提示并按预期实际库存订货",
        |c, v| {
            let choices = [("off", StockBeliefUse::Off), ("warn", StockBeliefUse::Warn), ("use", StockBeliefUse::Use)];
            c.settings.stock_belief = one_of(v, &choices)?;
            Some(())
        };
    "planning.cold_chain" = "\"shorten\"", "\"off\", \"shorten\" or \"block\"", true,
        "perishable stock that a sensor saw above the max_temperature of its item: nothing, a shorter shelf life, or not sold",
        "传感器测得高于商品 max_temperature 的易腐库存：不处理、缩短保质期，或停售",
        |c, v| {
            let choices = [("off", ColdChain::Off), ("shorten", ColdChain::Shorten), ("block", ColdChain::Block)];
            c.settings.cold_chain = one_of(v, &choices)?;
            Some(())
        };
    "planning.cold_chain_q10" = "3.0", "a number from 1 to 10", true,
        "how many times faster such stock ages with each 10 degrees above that temperature", "每高出 10 度，易腐库存老化加快的倍数",
        |c, v| { c.settings.cold_chain_q10 = number_in(v, 1.0, 10.0)?; Some(()) };
    "planning.count_cost" = "0.5", "an amount of at least 0", true,
        "cost of counting one item at one location", "盘点一个商品-地点的成本",
        |c, v| { c.settings.count_cost = number_in(v, 0.0, 1e6)?; Some(()) };
    "planning.budget" = "none", "an amount of at least 0", true,
        "most money all orders of one plan may cost", "一次计划所有订单的金额上限",
        |c, v| { c.settings.budget = Some(number_in(v, 0.0, 1e15)?); Some(()) };
    "planning.n_paths" = "256", "a whole number from 16 to 100000", true,
        "number of demand scenarios per item-location", "每个商品-地点的需求情景数",
        |c, v| { c.settings.n_paths = whole(v, 16, 100_000)? as usize; Some(()) };
    "planning.seed" = "42", "a whole number of at least 0", true,
        "seed of every random number", "随机数种子",
        |c, v| { c.settings.seed = whole(v, 0, 1 << 53)?; Some(()) };
    "segment.where" = "none", "a filter such as \"item.abc == 'C' and location.kind == 'store'\"", true,
        "which item-locations a [[segment]] is for; the first match wins", "[[segment]] 适用的商品-地点；先匹配者优先",
        |c, v| { c.segment.get_or_insert_with(empty_segment).filter = v.as_str()?.to_owned(); Some(()) };
    "segment.mode" = "\"service\"", "\"service\" or \"economics\"", true,
        "objective of the segment", "该分组的目标",
        |c, v| { c.segment_economics = one_of(v, &[("service", false), ("economics", true)])?; Some(()) };
    "segment.service.type" = "\"fill_rate\"", "\"fill_rate\", \"cycle\" or \"in_stock\"", true,
        "how service is measured in the segment", "该分组服务水平的衡量方式",
        |c, v| { c.segment_service.get_or_insert((None, None)).0 = Some(service_type(v.as_str()?)?); Some(()) };
    "segment.service.target" = "0.98", "a number above 0 and below 1, such as 0.98", true,
        "service level of the segment", "该分组的服务水平",
        |c, v| { c.segment_service.get_or_insert((None, None)).1 = Some(share(number(v)?)?); Some(()) };
    "segment.policy" = "\"auto\"", "the name of a policy, see restock plan --help", true,
        "policy of the segment", "该分组的策略",
        |c, v| { c.segment.get_or_insert_with(empty_segment).policy = Some(v.as_str()?.to_owned()); Some(()) };
    "intake.kind" = "none", "\"folder\", \"nats\" or \"kafka\"", true,
        "what a source of events is: a drop folder or a broker", "事件来源的种类：投递文件夹或消息代理", read_as_a_whole;
    "intake.name" = "none", "1 to 64 letters, digits, - and _", true,
        "name of the source in pages and metrics; that of the folder, stream or topic where absent", "来源在页面和指标中的名称；省略时取文件夹、流或主题的名称", read_as_a_whole;
    "intake.path" = "none", "a folder, relative to the project", true,
        "folder: where other programs put files of events and tables", "文件夹来源：其他程序投放事件文件和表格的位置", read_as_a_whole;
    "intake.url" = "none", "addresses such as \"nats://one:4222,nats://two:4222\"", true,
        "nats: its servers", "NATS 来源：服务器地址", read_as_a_whole;
    "intake.stream" = "none", "the name of a stream", true,
        "nats: the stream of JetStream", "NATS 来源：JetStream 流", read_as_a_whole;
    "intake.subject" = "none", "a subject such as \"sales.>\"", true,
        "nats: only messages of this subject", "NATS 来源：只读取该主题的消息", read_as_a_whole;
    "intake.brokers" = "none", "addresses such as \"one:9092,two:9092\"", true,
        "kafka: brokers to begin with", "Kafka 来源：起始代理地址", read_as_a_whole;
    "intake.topic" = "none", "the name of a topic", true,
        "kafka: the topic, of which all partitions are read", "Kafka 来源：主题，读取其全部分区", read_as_a_whole;
    "intake.mechanism" = "none", "\"PLAIN\", \"SCRAM-SHA-256\" or \"SCRAM-SHA-512\"", true,
        "kafka: how the password is shown", "Kafka 来源：密码验证方式", read_as_a_whole;
    "intake.user" = "none", "a name, with `password`", true,
        "nats, kafka: the user", "NATS、Kafka 来源：用户", read_as_a_whole;
    "intake.password" = "none", "{ env = \"NAME\" } or { file = \"PATH\" }", true,
        "nats, kafka: where the password of the user stands", "NATS、Kafka 来源：用户密码所在之处", read_as_a_whole;
    "intake.token" = "none", "{ env = \"NAME\" } or { file = \"PATH\" }", true,
        "nats: where a token stands", "NATS 来源：令牌所在之处", read_as_a_whole;
    "intake.credentials" = "none", "{ env = \"NAME\" } or { file = \"PATH\" }", true,
        "nats: where the text of a .creds file stands", "NATS 来源：.creds 内容所在之处", read_as_a_whole;
    "intake.nkey" = "none", "{ env = \"NAME\" } or { file = \"PATH\" }", true,
        "nats: where the seed of an NKey stands", "NATS 来源：NKey 种子所在之处", read_as_a_whole;
    "intake.tls" = "none", "true or false", true,
        "nats, kafka: never connect without TLS", "NATS、Kafka 来源：必须使用 TLS 连接", read_as_a_whole;
    "intake.ca" = "none", "a PEM file, relative to the project", true,
        "nats, kafka: certificates of authorities", "NATS、Kafka 来源：证书颁发机构的证书", read_as_a_whole;
    "intake.certificate" = "none", "a PEM file, with `key`", true,
        "nats: certificate of this client", "NATS 来源：本客户端的证书", read_as_a_whole;
    "intake.key" = "none", "a PEM file, with `certificate`", true,
        "nats: key of that certificate", "NATS 来源：该证书的密钥", read_as_a_whole;
    "approval.auto_if" = "none", "a filter such as \"value < 200\"", true,
        "which lines a server approves by itself; fields are value, quantity, item.id, location.id, source.id",
        "服务器自行批准哪些订货行；字段为 value、quantity、item.id、location.id、source.id",
        |c, v| { c.auto_if = Some(Filter::parse_of_lines(v.as_str()?, LINE_FIELDS).ok()?); Some(()) };
    "approval.four_eyes_if" = "none", "a filter such as \"value > 20000\"", true,
        "which lines two different people must approve; fields are value, quantity, item.id, location.id, source.id",
        "哪些订货行须由两人审批；字段为 value、quantity、item.id、location.id、source.id",
        |c, v| { c.four_eyes_if = Some(Filter::parse_of_lines(v.as_str()?, LINE_FIELDS).ok()?); Some(()) };
    "approval.firm_edits" = "true", "true", true,
        "a planner's edits survive re-planning", "重新计划时保留人工修改",
        |_, v| v.as_bool().filter(|firm| *firm).map(drop);
    "server.listen" = "\"127.0.0.1:8080\"", "an address and port such as \"127.0.0.1:8080\"", true,
        "address of the server", "服务器地址",
        |c, v| { c.listen = v.as_str()?.parse().ok()?; Some(()) };
    "server.tls_certificate" = "none", "a PEM file relative to restock.toml", true,
        "certificate with which the server speaks TLS, and those that lead to a known one", "服务器 TLS 证书及其证书链",
        |c, v| { c.tls_certificate = Some(file(v)?); Some(()) };
    "server.tls_key" = "none", "a PEM file relative to restock.toml", true,
        "private key of the certificate; both files are read again when they change", "证书的私钥；两个文件变更后会重新读取",
        |c, v| { c.tls_key = Some(file(v)?); Some(()) };
    "server.behind_proxy" = "false", "true or false", true,
        "whether a proxy in front of the server speaks TLS and nobody else can reach it",
        "是否由前置代理负责 TLS，且其他人无法直接访问服务器",
        |c, v| { c.behind_proxy = v.as_bool()?; Some(()) };
    "server.hosts" = "[]", "a list of names without ports such as [\"restock.example\"]", true,
        "names under which the server is reached, beside localhost", "除 localhost 之外访问服务器所用的名称",
        |c, v| { c.hosts = host_names(v)?; Some(()) };
    "webhooks.private_receivers" = "[]", "a list of names or addresses without ports such as [\"erp.local\"]", true,
        "receivers of webhooks that may be in private networks and without TLS",
        "可位于内网且无需 TLS 的 webhook 接收方",
        |c, v| { c.private_receivers = host_names(v)?; Some(()) };
    "server.store" = "\"embedded\"", "\"embedded\" or \"postgres://USER@HOST/DATABASE?schema=NAME\"", true,
        "where the ledger lies: a file in .restock, or a PostgreSQL database", "账本存放处：.restock 中的文件，或 PostgreSQL 数据库",
        |c, v| {
            c.store = match v.as_str()? {
                "embedded" => None,
                url => match LedgerAddress::from(url) {
                    address @ LedgerAddress::Postgres(_) => Some(address),
                    LedgerAddress::File(_) => return None,
                },
            };
            Some(())
        };
}

/// A key of an `[[intake]]` entry, which [`intake`] reads.
fn read_as_a_whole(_: &mut Config, _: &DeValue<'_>) -> Option<()> {
    None
}

fn empty_segment() -> Segment {
    Segment { filter: String::new(), objective: None, policy: None }
}

impl Config {
    /// Reads the text of a configuration file; `path` is used in messages only.
    ///
    /// # Errors
    /// Unknown keys (with the closest known one) and values outside what a key allows, with file and line.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, CliError> {
        Self::parse_over(text, path, PlanSettings::default())
    }

    /// Reads a configuration over other defaults than our own, such as what a mapping file says about its data.
    pub(crate) fn parse_over(text: &str, path: &Path, base: PlanSettings) -> Result<Self, CliError> {
        let file = path.display();
        let document = DeTable::parse(text).map_err(|error| {
            let place = error.span().map_or(String::new(), |span| format!(" line {}", line_of(text, span.start)));
            CliError::usage(format!("{file}{place} is not valid TOML: {}", error.message().replace('\n', ", ")))
                .hint("texts need quotes, and each key is written once")
        })?;
        let mut config = Self::default();
        match base.objective {
            Objective::Economics => config.economics = true,
            Objective::Service { service_type, target } => config.service = (service_type, target),
        }
        config.settings = base;
        config.table(document.get_ref(), "", text, path)?;
        if config.economics {
            config.settings.objective = Objective::Economics;
        } else {
            let (service_type, target) = config.service;
            config.settings.objective = Objective::Service { service_type, target };
        }
        Ok(config)
    }

    fn table(&mut self, table: &DeTable<'_>, prefix: &str, text: &str, path: &Path) -> Result<(), CliError> {
        for (key, value) in table {
            let name =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            let line = line_of(text, key.span().start);
            if name == "segment" {
                self.segments(value.get_ref(), text, path, line)?;
                continue;
            }
            if name == "intake" {
                self.intake = intake(text, path, line)?;
                continue;
            }
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == name) {
                let written = &text[value.span()];
                if (setting.set)(self, value.get_ref()).is_none() {
                    return Err(CliError::usage(format!(
                        "{name} is {written}, expected {} ({} line {line})",
                        setting.expected,
                        path.display()
                    ))
                    .hint(format!("the default is {}", setting.default)));
                }
                if !setting.used {
                    self.unused.push(name.clone());
                }
                // The address of a database may hold a password.
                let shown = self.store.as_ref().filter(|_| name == "server.store").map(|store| format!("\"{store}\""));
                self.given.push((name, shown.unwrap_or_else(|| written.to_owned())));
                continue;
            }
            let is_prefix = SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{name}.")));
            match value.get_ref() {
                DeValue::Table(inner) if is_prefix => self.table(inner, &name, text, path)?,
                _ if is_prefix => {
                    return Err(CliError::usage(format!(
                        "{name} is {}, expected a table ({} line {line})",
                        &text[value.span()],
                        path.display()
                    ))
                    .hint("`restock config explain` lists every setting"));
                }
                _ => return Err(unknown_key(&name, path, line)),
            }
        }
        Ok(())
    }

    fn segments(&mut self, value: &DeValue<'_>, text: &str, path: &Path, line: usize) -> Result<(), CliError> {
        let wrong = || {
            CliError::usage(format!("segment is not a list of tables ({} line {line})", path.display()))
                .hint("write [[segment]] with two brackets")
        };
        for entry in value.as_array().ok_or_else(wrong)?.iter() {
            let line = line_of(text, entry.span().start);
            self.table(entry.get_ref().as_table().ok_or_else(wrong)?, "segment", text, path)?;
            let mut segment = self.segment.take().unwrap_or_else(empty_segment);
            if segment.filter.is_empty() {
                return Err(CliError::usage(format!("a segment has no `where` ({} line {line})", path.display()))
                    .hint("say which item-locations it is for, such as where = \"item.abc == 'C'\""));
            }
            let service = self.segment_service.take();
            segment.objective = match (std::mem::take(&mut self.segment_economics), service) {
                (true, _) => Some(Objective::Economics),
                (false, None) => None,
                (false, Some((service_type, target))) => Some(Objective::Service {
                    service_type: service_type.unwrap_or(self.service.0),
                    target: target.unwrap_or(self.service.1),
                }),
            };
            self.settings.segments.push(segment);
        }
        Ok(())
    }
}

/// The `[[intake]]` entries of a configuration.
fn intake(text: &str, path: &Path, line: usize) -> Result<Vec<SourceConfig>, CliError> {
    #[derive(serde::Deserialize)]
    struct Sources {
        intake: Vec<SourceConfig>,
    }
    // The message alone: the whole error shows the line, which may hold a secret.
    let refused = |line: usize, what: &str| {
        CliError::usage(format!("intake: {what} ({} line {line})", path.display())).hint(
            "[[intake]] takes kind = \"folder\" with path, kind = \"nats\" with url and stream, or kind = \"kafka\" with \
             brokers and topic",
        )
    };
    let sources: Sources = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(line, |span| line_of(text, span.start));
        refused(line, error.message())
    })?;
    SourceConfig::check_all(&sources.intake).map_err(|error| refused(line, &error.to_string()))?;
    Ok(sources.intake)
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

fn unknown_key(name: &str, path: &Path, line: usize) -> CliError {
    let error = CliError::usage(format!("unknown setting {name:?} ({} line {line})", path.display()));
    let sections = SETTINGS
        .iter()
        .flat_map(|setting| setting.key.match_indices('.').map(|(at, _)| &setting.key[..at]).chain([setting.key]));
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let closest = sections
        .filter(|key| key.contains('.') || !name.contains('.'))
        .map(|key| (closeness(name, key).max(closeness(&last(name), &last(key)) - 0.05), key))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match closest {
        Some((closeness, key)) if closeness > 0.6 => error.hint(format!("did you mean {key:?}?")),
        _ => error.hint("`restock config explain` lists every setting"),
    }
}

/// 1 for equal texts, 0 for texts without anything in common: 1 - edit distance / longer length (Levenshtein, 1966).
pub(crate) fn closeness(a: &str, b: &str) -> f64 {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut length = 0;
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
        length = i + 1;
    }
    1.0 - row[b.len()] as f64 / length.max(b.len()).max(1) as f64
}

/// The closest of `names` to `name`, if any is close.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|known| (closeness(name, known), known))
        .filter(|(closeness, _)| *closeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, CliError> {
        Config::parse(text, Path::new("restock.toml"))
    }

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().render(false, restock_core::settings::Lang::En)
    }

    #[test]
    fn every_setting_explains_itself_and_its_default_is_the_default() {
        for setting in SETTINGS {
            assert!(
                !setting.en.is_empty() && !setting.zh.is_empty() && !setting.expected.is_empty(),
                "{}",
                setting.key
            );
        }
        // A file that spells out every default must change nothing.
        let mut text = String::new();
        for setting in SETTINGS.iter().filter(|s| s.default != "none" && !s.key.starts_with("segment.")) {
            text.push_str(&format!("{} = {}\n", setting.key, setting.default));
        }
        let config = parse(&text).unwrap();
        assert_eq!(config.settings, PlanSettings::default());
        assert_eq!(config.data_path, Config::default().data_path);
    }

    #[test]
    fn a_full_file_reaches_the_settings() {
        let config = parse(
            r#"
            [project]
            name = "north-stores"
            timezone = "Europe/Berlin"
            currency = "USD"
            bucket = "week"
            [objective]
            mode = "service"
            service = { type = "cycle", target = 0.95 }
            lost_sale_cost = "margin*1.5"
            [[segment]]
            where = "item.ven == 'V'"
            service = { target = 0.995 }
            [[segment]]
            where = "item.abc == 'C'"
            mode = "economics"
            policy = "min_max"
            [forecast]
            horizon = "protection+14d"
            [policy]
            guard = { max_days_of_cover = 60 }
            [planning]
            as_of = 2026-03-02
            "#,
        )
        .unwrap();
        let settings = &config.settings;
        assert_eq!(settings.objective, Objective::Service { service_type: ServiceType::Cycle, target: 0.95 });
        assert_eq!(settings.lost_sale_margin_multiple, 1.5);
        assert_eq!(settings.as_of.unwrap().to_string(), "2026-03-02");
        assert_eq!((settings.extra_horizon_days, settings.max_days_of_cover), (14, Some(60.0)));
        assert_eq!(settings.segments.len(), 2);
        assert_eq!(
            settings.segments[0].objective,
            Some(Objective::Service { service_type: ServiceType::Cycle, target: 0.995 })
        );
        assert_eq!(settings.segments[1].objective, Some(Objective::Economics));
        assert_eq!(settings.segments[1].policy.as_deref(), Some("min_max"));
        assert_eq!(config.time_zone, TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!(config.unused, [""; 0]);
    }

    #[test]
    fn mistakes_are_refused_with_line_value_and_way_out() {
        insta::assert_snapshot!(refusal("[project]\nname = \"a\"\ncurency = \"EUR\"\n"), @r#"
        error: unknown setting "project.curency" (restock.toml line 3)

        hint: did you mean "project.currency"?
        "#);
        insta::assert_snapshot!(refusal("[objective]\n\nservice = { type = \"fill_rate\", target = 98 }\n"), @r"
        error: objective.service.target is 98, expected a number above 0 and below 1, such as 0.98 (restock.toml line 3)

        hint: the default is 0.98
        ");
        insta::assert_snapshot!(refusal("[objectiv]\nmode = \"service\"\n"), @r#"
        error: unknown setting "objectiv" (restock.toml line 1)

        hint: did you mean "objective"?
        "#);
        insta::assert_snapshot!(refusal("[[segment]]\nservice = { target = 0.9 }\n"), @r#"
        error: a segment has no `where` (restock.toml line 1)

        hint: say which item-locations it is for, such as where = "item.abc == 'C'"
        "#);
        insta::assert_snapshot!(refusal("[zebra]\n"), @r#"
        error: unknown setting "zebra" (restock.toml line 1)

        hint: `restock config explain` lists every setting
        "#);
        assert!(refusal("[project]\nname = north\n").contains("restock.toml line 2 is not valid TOML"));
    }
}
