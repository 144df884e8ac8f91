//! Messages of the layers below in Chinese.
//!
//! Reader and planner write their notes, refusals and reasons in English, where the numbers are. This catalogue holds the
//! Chinese of each, found by the English it was made from, as gettext does it: `{0}` stands for a name or number that is
//! taken over, `{0~}` for a part that is a message of its own. What is not in the catalogue stays English.

mod ledger;

use std::borrow::Cow;
use std::sync::OnceLock;

use restock_core::finding::in_singular;
use restock_core::settings::Lang;

/// A message of a lower layer in the language of the run.
pub(crate) fn said(message: &str, lang: Lang) -> Cow<'_, str> {
    match lang {
        Lang::ZhCn => translated(message, 0).map_or(Cow::Borrowed(message), Cow::Owned),
        Lang::En => Cow::Borrowed(message),
    }
}

/// English with its holes cut out, and the Chinese.
struct Template {
    /// Text before each hole, and after the last.
    literals: Vec<String>,
    /// The number of each hole, and whether what stands in it is a message itself.
    holes: Vec<(usize, bool)>,
    zh: String,
}

impl Template {
    fn new(en: &str, zh: &str) -> Self {
        let (mut literals, mut holes, mut rest) = (Vec::new(), Vec::new(), en);
        while let Some((before, after)) = rest.split_once('{') {
            let (hole, after) = after.split_once('}').expect("holes are closed");
            let number = hole.trim_end_matches('~');
            holes.push((number.parse().expect("holes are numbers"), number.len() < hole.len()));
            literals.push(before.to_owned());
            rest = after;
        }
        literals.push(rest.to_owned());
        Self { literals, holes, zh: zh.to_owned() }
    }

    /// The Chinese of `message`, if it was made from this template.
    fn fill(&self, message: &str, depth: usize) -> Option<String> {
        let mut rest = message.strip_prefix(self.literals[0].as_str())?;
        let mut zh = self.zh.clone();
        for (idx, (number, is_message)) in self.holes.iter().enumerate() {
            let literal = self.literals[idx + 1].as_str();
            let is_last = idx + 1 == self.holes.len();
            let end = match (is_last, literal.is_empty()) {
                (true, _) => rest.len().checked_sub(literal.len()).filter(|_| rest.ends_with(literal))?,
                (false, _) => rest.find(literal)?,
            };
            let value = &rest[..end];
            rest = &rest[end + literal.len()..];
            let value = match is_message {
                true => translated(value, depth + 1)?,
                false => value.to_owned(),
            };
            zh = zh.replace(&format!("{{{number}}}"), &value);
        }
        // Without holes the message is the whole text.
        (rest.is_empty() || !self.holes.is_empty()).then_some(zh)
    }
}

/// Messages within messages are no deeper than this.
const MAX_DEPTH: usize = 3;

fn translated(message: &str, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| all().flat_map(|(en, zh)| variants(en, zh)).collect());
    templates.iter().find_map(|template| template.fill(message, depth))
}

/// English and Chinese of every message, in the order in which they are tried.
fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    ledger::MESSAGES.iter().chain(MESSAGES)
}

/// The template, and it in the singular for each of its numbers that may be one.
fn variants(en: &str, zh: &str) -> Vec<Template> {
    let mut texts = vec![(en.to_owned(), zh.to_owned())];
    for number in 0..6 {
        let hole = format!("{{{number}}}");
        for (en, zh) in texts.clone() {
            let one = en.replace(&hole, "1");
            let singular = in_singular(&one);
            if en.contains(&hole) && singular != one {
                // The more exact text is tried first.
                texts.insert(0, (singular, zh.replace(&hole, "1")));
            }
        }
    }
    texts.iter().map(|(en, zh)| Template::new(en, zh)).collect()
}

/// English and Chinese; where two fit, the first is taken, so exact ones stand before general ones.
const MESSAGES: &[(&str, &str)] = &[
    // ------------------------------------------------------------ learning
    (
        "converged: over the last {0} validations the cost fell by {1} %, less than {2} %",
        "已收敛：最近 {0} 次验证中成本下降 {1} %，低于 {2} %",
    ),
    (
        "stopped: the budget of {0} s is spent, over the last {1} validations the cost still fell by {2} %",
        "已停止：{0} 秒的预算已用完，最近 {1} 次验证中成本仍下降 {2} %",
    ),
    ("stopped: the budget of {0} s is spent, there is one validation only", "已停止：{0} 秒的预算已用完，仅有一次验证"),
    (
        "stopped: epoch {0} was the last one asked for, over the last {1} validations the cost still fell by {2} %",
        "已停止：已完成要求的 {0} 轮，最近 {1} 次验证中成本仍下降 {2} %",
    ),
    (
        "stopped: epoch {0} was the last one asked for, there is one validation only",
        "已停止：已完成要求的 {0} 轮，仅有一次验证",
    ),
    (
        "stopped: epoch {0} is the last one of the schedule, over the last {1} validations the cost still fell by {2} %",
        "已停止：计划的 {0} 轮已全部完成，最近 {1} 次验证中成本仍下降 {2} %",
    ),
    (
        "solved, not learned: bounds on the optimum are {0} apart, {1} were asked for",
        "直接求解，未经学习：最优值的上下界相差 {0}，要求 {1}",
    ),
    (
        "environment {0} cannot be learned, expected one of {1}, a lead time as in lost-sales-l4, or a TOML or YAML file",
        "环境 {0} 无法学习，应为以下之一：{1}；也可写提前期，如 lost-sales-l4，或给出 TOML、YAML 文件",
    ),
    (
        "`restock env list` says what each is, `restock solve` how a file describes one",
        "`restock env list` 说明各环境，`restock solve` 说明如何用文件描述",
    ),
    (
        "`--algo {0}` uses the model, `--samples-only` forbids it; expected q-learning, sarsa, dqn, reinforce or ppo",
        "`--algo {0}` 需要模型，`--samples-only` 不允许使用；应为：q-learning, sarsa, dqn, reinforce, ppo",
    ),
    (
        "pathwise needs the derivative of the simulation, which {0} does not have; expected one of dual-sourcing, \
         lost-sales, perishable or random-yield, or another algorithm such as ppo",
        "pathwise 需要模拟的导数，而 {0} 没有；请改用有导数的环境：dual-sourcing, lost-sales, perishable, \
         random-yield，或其他算法，如 ppo",
    ),
    (
        "{0} needs a table of {1} entries, at most 20,000,000 fit; use dqn or ppo",
        "{0} 需要 {1} 个表项，最多 20,000,000 个；请用 dqn 或 ppo",
    ),
    (
        "exact needs to enumerate {0} states, at most 4,000,000 are allowed; use another algorithm",
        "exact 需要枚举 {0} 个状态，最多 4,000,000 个；请用其他算法",
    ),
    (
        "the objective is cheapest when nothing is ever ordered: that costs {0} a period, and ordering by {1} costs {2}",
        "该目标在从不订货时成本最低：从不订货每周期成本 {0}，按 {1} 订货为 {2}",
    ),
    (
        "the objective is cheapest when nothing is ever ordered: that costs {0} from the first state, discounted, and \
         ordering by {1} costs {2}",
        "该目标在从不订货时成本最低：从不订货自初始状态起的折扣成本为 {0}，按 {1} 订货为 {2}",
    ),
    (
        "make a lost unit cost something: stockout_cost=X, --goodwill X, or a fill rate to reach with --service 0.98",
        "请让缺货产生成本：stockout_cost=X、--goodwill X，或用 --service 0.98 给出须达到的需求满足率",
    ),
    (
        "no policy was found that reaches a fill rate of {0} %: the best reached {1} %",
        "未找到能达到需求满足率 {0} % 的策略：最好的达到 {1} %",
    ),
    (
        "ask for less with --service, or give the problem more room: capacity, a shorter lead time, a longer shelf life",
        "请降低 --service 的目标，或放宽问题的限制：容量、提前期、保质期",
    ),
    (
        "the stock band begins at {0} units, the problem has room for at most {1}",
        "库存区间从 {0} 件开始，而该问题最多容纳 {1} 件",
    ),
    (
        "pathwise knows the derivative of the costs of {0} alone, not of a stock band, nor of goodwill or a service level \
         where demand waits; use another algorithm such as ppo",
        "pathwise 只有 {0} 自身成本的导数，不含库存区间，也不含需求等待时的商誉或服务水平；请改用其他算法，如 ppo",
    ),
    ("hyper-parameter {0} is not known to {1}, expected one of {2}", "{1} 没有超参数 {0}，应为以下之一：{2}"),
    ("{0} is {1}, must be a number from {2} to {3}", "{0} 为 {1}，应为 {2} 到 {3} 之间的数"),
    ("{0} is {1}, must be a whole number from {2} to {3}", "{0} 为 {1}，应为 {2} 到 {3} 之间的整数"),
    (
        "exact solves and has no hyper-parameters; name another algorithm with --algo, such as ppo",
        "exact 直接求解，没有超参数；请用 --algo 指定其他算法，如 ppo",
    ),
    ("{0} has settings of {1}, `--algo` says {2}", "{0} 是 {1} 的设置，而 `--algo` 为 {2}"),
    ("{0} has settings of {1}, which is no algorithm", "{0} 中的 {1} 不是算法"),
    (
        "--hyper {0} is no setting, expected KEY=VALUE or a hyper.toml",
        "--hyper {0} 不是设置，应为 KEY=VALUE 或 hyper.toml",
    ),
    ("{0} of the checkpoint is {1}, must be {2}", "检查点的 {0} 为 {1}，应为 {2}"),
    ("leave --resume out to begin", "去掉 --resume 以重新开始"),
    (
        "leave --resume out to begin anew, or name another folder with --out",
        "去掉 --resume 以重新开始，或用 --out 指定其他文件夹",
    ),
    (
        "`restock solve` shows an example of each problem with its parameters",
        "`restock solve` 列出每类问题的示例及参数",
    ),
    // ------------------------------------------------------------ notes of the reader
    ("{0} was left out, because the mapping says to ignore it", "{0} 已略过：映射文件要求忽略"),
    ("{0} has the same content as {1} and was read once", "{0} 与 {1} 内容相同，只读取一次"),
    ("table {0} of the mapping was not read: no file {1} was given", "未读取映射中的表 {0}：没有文件 {1}"),
    ("sales are monthly: every date is the first day of its period", "销售按月记录：每个日期都是当月第一天"),
    ("sales are weekly: every date is the first day of its period", "销售按周记录：每个日期都是当周第一天"),
    ("{0} is no CSV, Parquet or XLSX file and was left out", "{0} 不是 CSV、Parquet 或 XLSX 文件，已略过"),
    (
        "{0} was read as sales, judging by its columns; in a folder its name makes it the table {1}",
        "根据列名，{0} 按 sales 读取；若放在文件夹中，按文件名它是表 {1}",
    ),
    ("{0} was read as {1}, judging by its columns", "根据列名，{0} 按 {1} 读取"),
    (
        "{0} was left out: neither its name nor its columns ({1}) tell which table it is",
        "{0} 已略过：文件名和列名（{1}）都无法判断是哪个表",
    ),
    ("{0}: row 1 stands above the header and was skipped ({1})", "{0}：第 1 行在表头之上，已跳过（{1}）"),
    (
        "{0}: rows 1 to {1} stand above the header and were skipped ({2})",
        "{0}：第 1 至 {1} 行在表头之上，已跳过（{2}）",
    ),
    (
        "{0}: column {1} alone could be read in two ways; it was read with decimal points (so commas divide thousands), like \
         the other columns of the file",
        "{0}：列 {1} 单独看有两种读法；与文件其他列一致，按小数点读取（逗号为千位分隔）",
    ),
    (
        "{0}: column {1} alone could be read in two ways; it was read with decimal commas (so points divide thousands), like \
         the other columns of the file",
        "{0}：列 {1} 单独看有两种读法；与文件其他列一致，按小数逗号读取（点为千位分隔）",
    ),
    (
        "{0}: column {1} alone could be read in two ways; it was read with decimal points (so commas divide thousands), as \
         sensors write",
        "{0}：列 {1} 单独看有两种读法；按传感器的写法，以小数点读取（逗号为千位分隔）",
    ),
    (
        "{0}: column {1} alone could be read in two ways; it was read with decimal commas (so points divide thousands), as \
         sensors write",
        "{0}：列 {1} 单独看有两种读法；按传感器的写法，以小数逗号读取（点为千位分隔）",
    ),
    (
        "{0}: column {1} was not taken as a signal, because most of its cells are no numbers",
        "{0}：列 {1} 未作为信号读取，因为多数单元格不是数字",
    ),
    (
        "{0}: column {1} was not taken as {2}, because most of its cells are something else ({3} is not {4~})",
        "{0}：列 {1} 未作为 {2} 读取，因为多数单元格是其他内容（{3} 不是{4}）",
    ),
    (
        "{0}: column {1} was not taken as {2}, because most of its cells are something else",
        "{0}：列 {1} 未作为 {2} 读取，因为多数单元格是其他内容",
    ),
    (
        "{0}: {1} values of column {2} have more decimals than are kept and were rounded, first in row {3}",
        "{0}：列 {2} 有 {1} 个值的小数位超出保留位数，已四舍五入，首见于第 {3} 行",
    ),
    (
        "{0}: {1} cells of column {2} are day numbers of a spreadsheet and were read as dates (calendar of 1900)",
        "{0}：列 {2} 有 {1} 个单元格是电子表格的日期序号，已按 1900 日历读取为日期",
    ),
    ("{0}: dates of column {1} were read as {2~}", "{0}：列 {1} 的日期按 {2} 读取"),
    ("month/day/year", "月/日/年"),
    ("day/month/year", "日/月/年"),
    ("{0}: column {1} was read with decimal commas", "{0}：列 {1} 按小数逗号读取"),
    ("{0}: {1} rows were left out of {2} by the mapping's conditions", "{0}：{1} 行不满足映射条件，未计入 {2}"),
    (
        "{0}: {1} sales rows of {2} and later are not yet known on that morning and take no part",
        "{0}：{2} 及以后的 {1} 行销售在该日早晨尚不可知，不参与计算",
    ),
    ("{0}: columns not used: {1}", "{0}：未使用的列：{1}"),
    (
        "{0}: column {1} is stock and is not used beside sales; give stock as inventory.csv",
        "{0}：列 {1} 为库存，与销售同在一个文件时不使用；请另以 inventory.csv 提供库存",
    ),
    (
        "{0}: {1} sales rows of {2} items at one location (no column names it; it is called {3}), {4} to {5}",
        "{0}：{1} 行销售，{2} 种商品，一个地点（没有地点列，称为 {3}），{4} 至 {5}",
    ),
    (
        "{0}: {1} order lines of {2} items at one location (no column names it; it is called {3}), {4} to {5}",
        "{0}：{1} 条订单行，{2} 种商品，一个地点（没有地点列，称为 {3}），{4} 至 {5}",
    ),
    (
        "{0}: {1} sales rows of {2} items at {3} locations, {4} to {5}",
        "{0}：{1} 行销售，{2} 种商品，{3} 个地点，{4} 至 {5}",
    ),
    (
        "{0}: {1} order lines of {2} items at {3} locations, {4} to {5}",
        "{0}：{1} 条订单行，{2} 种商品，{3} 个地点，{4} 至 {5}",
    ),
    (
        "order lines recognised ({0} is the order number): lines of one day are added up",
        "识别为订单行（{0} 为订单号）：同一天的行相加",
    ),
    (
        "{0} rows have a negative quantity and count as returns ({1} of them have an order number that begins with C, a \
         cancellation): {2} units come off the sales of their day",
        "{0} 行数量为负，按退货处理（其中 {1} 行订单号以 C 开头，为取消）：从当天销量中减去 {2} 件",
    ),
    (
        "{0} rows have a negative quantity and count as returns: {1} units come off the sales of their day",
        "{0} 行数量为负，按退货处理：从当天销量中减去 {1} 件",
    ),
    ("{0} lines are not counted yet (count sheets)", "盘点表中有 {0} 行尚未盘点"),
    ("{0} stock records are replaced by counts", "{0} 条账面库存已由盘点数代替"),
    (
        "{0} negative lines at a price of zero are stock corrections rather than returns; they went to adjustments",
        "{0} 行价格为零的负数是库存更正而非退货，已计入 adjustments",
    ),
    ("share of the day without stock recognised: {0} % of rows have some", "识别出当天缺货时间占比：{0}% 的行有缺货"),
    (
        "stock-out hours per day recognised: {0} out of {1} hours, {2} rows ({3} %) have some; sales of those days are less \
         than demand",
        "识别出每日缺货小时数：{0}（共 {1} 小时），{2} 行（{3}%）有缺货；这些天的销量低于需求",
    ),
    (
        "availability recognised: {0} says out of stock in {1} rows ({2} %)",
        "识别出有货状态：{0} 显示 {1} 行（{2}%）缺货",
    ),
    ("promotions recognised: {0}, {1} rows ({2} %)", "识别出促销：{0}，{1} 行（{2}%）"),
    ("holidays recognised: {0}, {1} rows ({2} %)", "识别出节假日：{0}，{1} 行（{2}%）"),
    ("open days recognised: {0}, {1} rows closed", "识别出营业日：{0}，{1} 行为停业"),
    ("prices recognised: {0}", "识别出价格：{0}"),
    ("unit prices computed as {0} divided by the quantity", "单价由 {0} 除以数量得出"),
    ("{0} recognised as price ratio (1 = full price)", "{0} 识别为价格比例（1 = 原价）"),
    (
        "{0} recognised as price cut, a share of the price (0.2 = 20 % off)",
        "{0} 识别为降价幅度，占价格的比例（0.2 = 降 20%）",
    ),
    ("{0} recognised as price cut, a percentage (20 = 20 % off)", "{0} 识别为降价幅度，百分数（20 = 降 20%）"),
    (
        "{0} was left out: it does not show whether 1 or 0 is the full price; map it to price_ratio",
        "{0} 已略过：无法判断 1 还是 0 表示原价；请映射到 price_ratio",
    ),
    (
        "column {0} was taken as units sold; if it is money, map sales_value = {1} and give a quantity",
        "列 {0} 按销售件数读取；若是金额，请映射 sales_value = {1} 并提供数量",
    ),
    (
        "{0} item ids are used but not in the items table; added without attributes",
        "有 {0} 个商品编码被使用但不在 items 表中，已补充（无属性）",
    ),
    (
        "{0} location ids are used but not in the locations table; added without attributes",
        "有 {0} 个地点编码被使用但不在 locations 表中，已补充（无属性）",
    ),
    (
        "{0} supplier ids are used but not in the suppliers table; added without attributes",
        "有 {0} 个供应商编码被使用但不在 suppliers 表中，已补充（无属性）",
    ),
    (
        "{0} events and signals are about locations that no other table mentions, and were left out",
        "{0} 条事件和信号涉及其他表未提到的地点，已略过",
    ),
    (
        "{0} sales rows ({1} %) equal an earlier row in every cell and were kept, because an order may hold the same line twice \
         (duplicates = \"drop\" leaves them out); so many look as if the data had been exported twice",
        "{0} 行销售（{1}%）与之前某行完全相同，已保留，因为订单可能重复同一行（duplicates = \"drop\" 可去除）；数量如此之多，数据可能导出了两次",
    ),
    (
        "{0} sales rows ({1} %) equal an earlier row in every cell and were kept, because an order may hold the same line twice \
         (duplicates = \"drop\" leaves them out)",
        "{0} 行销售（{1}%）与之前某行完全相同，已保留，因为订单可能重复同一行（duplicates = \"drop\" 可去除）",
    ),
    (
        "{0} sales rows ({1} %) equal an earlier row in every cell and were left out; so many look as if the data had been \
         exported twice",
        "{0} 行销售（{1}%）与之前某行完全相同，已去除；数量如此之多，数据可能导出了两次",
    ),
    (
        "{0} sales rows ({1} %) equal an earlier row in every cell and were left out",
        "{0} 行销售（{1}%）与之前某行完全相同，已去除",
    ),
    (
        "time stamps have several offsets from UTC, {0}; each row counts on the day it is written with",
        "时间戳有多个时区偏移：{0}；每行按其书写的日期计",
    ),
    ("rows without a location belong to {0}, the only one there is", "没有地点的行归入唯一的地点 {0}"),
    ("{0}: column {1} was multiplied by {2}, as its header says", "{0}：按表头，列 {1} 乘以 {2}"),
    ("{0}: column {1} was divided by {2}, as its header says", "{0}：按表头，列 {1} 除以 {2}"),
    (
        "{0}: column {1} was left out, because its unit has no fixed ratio to {2}; map it with multiply or divide",
        "{0}：列 {1} 已略过，其单位与 {2} 没有固定比例；请在映射中用 multiply 或 divide 换算",
    ),
    ("{0}: columns {1} and {2} could both be {3}; {4} was taken", "{0}：列 {1} 和 {2} 都可能是 {3}；采用了 {4}"),
    (
        "{0} (hours {1} to {2}) was taken for stock-outs rather than {3}, because empty shelves at night lose no sales",
        "缺货采用 {0}（{1} 至 {2} 时）而非 {3}，因为夜间空货架不损失销售",
    ),
    (
        "{0}: the name says {1}, the content is {2~} and was read as such",
        "{0}：扩展名为 {1}，内容实为{2}，已按内容读取",
    ),
    ("text", "文本"),
    ("Parquet", " Parquet"),
    ("a workbook", "工作簿"),
    (
        "{0}: not UTF-8, read as {1} (state encoding in the mapping file if names look wrong)",
        "{0}：不是 UTF-8，按 {1} 读取（若名称显示异常，请在映射文件中注明 encoding）",
    ),
    (
        "{0}: some bytes are not {1}; they were read as the replacement character {2}",
        "{0}：部分字节不是 {1}，已读作替代字符 {2}",
    ),
    // ------------------------------------------------------------ what a cell should have been
    ("a number such as 12 or 0.75", "数字，例如 12 或 0.75"),
    ("a decimal point, as in the rest of the column, such as {0}", "小数点，与该列其他行一致，例如 {0}"),
    ("a decimal comma, as in the rest of the column, such as {0}", "小数逗号，与该列其他行一致，例如 {0}"),
    (
        "a number with one meaning; the column mixes decimal points and commas",
        "只有一种含义的数字；该列混用小数点和小数逗号",
    ),
    ("all digits; a spreadsheet has cut some off", "完整的数字；电子表格截掉了一部分"),
    ("the value, not the formula", "值，而不是公式"),
    ("a number, not the error of a formula", "数字，而不是公式错误"),
    (
        "a number; this is a date, perhaps a number that a spreadsheet has changed",
        "数字；这是日期，可能是被电子表格改动的数字",
    ),
    ("a number within ±9,000,000,000,000", "±9,000,000,000,000 以内的数字"),
    ("a number, not an amount of money", "数字，而不是金额"),
    ("a plain number, not a percentage", "普通数字，而不是百分数"),
    ("the date, not the formula", "日期，而不是公式"),
    ("a date, not the error of a formula", "日期，而不是公式错误"),
    ("a date written as {0}", "写成 {0} 的日期"),
    ("a date such as 2026-03-02, not a bare number", "日期，例如 2026-03-02，而不是单独的数字"),
    ("a date such as 2026-03-02", "日期，例如 2026-03-02"),
    ("a day that exists, between the years 1800 and 2999", "存在的日期，1800 至 2999 年之间"),
    ("a year of four digits", "四位数的年份"),
    ("month/day/year, as in the rest of the column", "月/日/年，与该列其他行一致"),
    ("day/month/year, as in the rest of the column", "日/月/年，与该列其他行一致"),
    (
        "a date with one meaning; the column mixes day first and month first",
        "只有一种含义的日期；该列混用日在前和月在前",
    ),
    ("quotation marks in pairs around a whole cell", "整个单元格两端成对的引号"),
    ("{0} fields, not {1}", "{0} 个字段，而不是 {1} 个"),
    ("text without NUL bytes", "不含 NUL 字节的文本"),
    ("an id with all its digits; a spreadsheet has shortened it", "完整的编码；电子表格将其缩短了"),
    ("an id, not a formula", "编码，而不是公式"),
    ("an id, not the error of a formula", "编码，而不是公式错误"),
    ("an id on one line", "单行的编码"),
    ("an id that occurs once; row {0} says otherwise about it", "只出现一次的编码；第 {0} 行的内容与之不同"),
    ("yes or no (1 or 0, true or false)", "是或否（1 或 0）"),
    ("weekdays such as \"mon thu\", \"mon-fri\" or \"1 4\"", "星期，例如 \"mon thu\"、\"mon-fri\" 或 \"1 4\""),
    ("a whole number such as 3", "整数，例如 3"),
    ("the unit {0}, in which row {1} counts this item", "单位 {0}，第 {1} 行以此计量该商品"),
    ("a price ratio such as 0.8", "价格比例，例如 0.8"),
    ("a discount between 0 and 100", "0 至 100 之间的折扣"),
    ("a share between 0 and 1", "0 至 1 之间的比例"),
    ("1 or 0, or a share between them", "1 或 0，或二者之间的比例"),
    ("hours between 0 and {0}", "0 至 {0} 之间的小时数"),
    ("a date", "日期"),
    ("a first day", "起始日"),
    ("a last day not before the first day {0}", "不早于起始日 {0} 的结束日"),
    ("a last day", "结束日"),
    ("a quantity on hand", "现有库存数量"),
    ("a quantity above zero", "大于零的数量"),
    ("a quantity that is not negative", "非负的数量"),
    ("a quantity", "数量"),
    ("an item id", "商品编码"),
    ("a location id", "地点编码"),
    ("a supplier id", "供应商编码"),
    ("a calendar id", "日历编码"),
    ("an order number", "订单号"),
    ("a receipt date", "收货日期"),
    ("an order date not after the receipt on {0}", "不晚于收货日 {0} 的下单日"),
    ("a supplier or a sending location", "供应商或发货地点"),
    ("an amount that is not negative", "非负的金额"),
    ("a number that is not negative", "非负的数字"),
    ("a number of lines that is not negative", "非负的行数"),
    ("a number of days", "天数"),
    ("days between 0 and 3650", "0 至 3650 天"),
    ("cubic metres, not negative", "非负的立方米数"),
    ("kilograms, not negative", "非负的千克数"),
    ("a unit of measure", "计量单位"),
    ("a factor above zero", "大于零的系数"),
    ("a largest order not below the smallest of {0}", "不小于最小订量 {0} 的最大订量"),
    ("a maximum not below the minimum of {0}", "不小于最小值 {0} 的最大值"),
    ("a multiple of usual demand, such as 1.5", "平时需求的倍数，例如 1.5"),
    ("a price cut between 0 and 1, such as 0.2 or 20%", "0 至 1 之间的降价幅度，例如 0.2 或 20%"),
    ("a rank such as 1", "优先级，例如 1"),
    ("a scope such as all or location:S01", "范围，例如 all 或 location:S01"),
    ("a share above 0 and up to 1", "大于 0 且不超过 1 的比例"),
    ("a share from 0 to below 1", "0 至 1（不含）的比例"),
    ("a target between 0 and 1, such as 0.98 or 98%", "0 至 1 之间的目标，例如 0.98 或 98%"),
    ("another item than the parent", "与父项不同的商品"),
    ("another item to sell instead", "用于替代的另一种商品"),
    ("cycle, fill_rate or in_stock", "cycle、fill_rate 或 in_stock"),
    ("the name of the event", "事件名称"),
    ("weekdays, or a date that differs from them", "星期，或与之不同的日期"),
    ("one row of weekdays per calendar; an earlier row says otherwise", "每个日历一行星期；之前的行与之不同"),
    (
        "a date that occurs once per calendar; an earlier row says otherwise",
        "每个日历只出现一次的日期；之前的行与之不同",
    ),
    // ------------------------------------------------------------ the way out of a bad cell
    ("correct the value, without units or words", "更正数值，不带单位或文字"),
    ("correct the value, or date in the mapping file", "更正数值，或映射文件中的 date"),
    ("correct the value", "更正数值"),
    (
        "write it like the other rows, or state decimal in the mapping file",
        "与其他行写法一致，或在映射文件中注明 decimal",
    ),
    ("write it like the other rows", "与其他行写法一致"),
    (
        "write every row the same way, or state decimal in the mapping file",
        "所有行写法一致，或在映射文件中注明 decimal",
    ),
    ("write every row the same way, best as 2026-03-02", "所有行写法一致，最好写成 2026-03-02"),
    ("format the column as a plain number before exporting", "导出前将该列设为普通数字格式"),
    ("replace the formula by its value", "用值替换公式"),
    ("repair the formula in the spreadsheet", "在电子表格中修复公式"),
    ("repair the formula, or delete the row", "修复公式，或删除该行"),
    ("enter the number again in a column formatted as a number", "在数字格式的列中重新输入"),
    ("map the right column, or remove the currency sign", "映射正确的列，或去掉货币符号"),
    ("map the right column, or remove the percent sign", "映射正确的列，或去掉百分号"),
    (
        "write the year in full, or state date = \"%d/%m/%y\" in the mapping file",
        "写出完整年份，或在映射文件中注明 date = \"%d/%m/%y\"",
    ),
    ("format the column as a date before exporting", "导出前将该列设为日期格式"),
    ("close the quotation mark, or double it where it belongs to the text", "补上引号；若引号属于文本，请写两个"),
    ("add the missing fields, or delete the row", "补上缺少的字段，或删除该行"),
    ("put quotation marks around text that holds the delimiter", "含分隔符的文本请加引号"),
    ("export the file again; it is damaged here", "重新导出文件；此处已损坏"),
    ("format the column as text before entering or exporting the ids", "录入或导出编码前将该列设为文本格式"),
    ("delete the line break, or close the quotation mark before it", "删除换行，或补上前面的引号"),
    ("fill in the cell or delete the row", "填写单元格或删除该行"),
    ("write the days separated by blanks", "以空格分隔各天"),
    ("convert the quantity and write the same unit", "换算数量并使用相同单位"),
    ("correct one of the two dates", "更正两个日期之一"),
    ("correct one of the two ids", "更正两个编码之一"),
    ("delete one of the two rows", "删除两行之一"),
    ("swap or correct the two dates", "对调或更正两个日期"),
    ("swap or correct the two", "对调或更正两者"),
    ("say what the limit is about, such as location:S01", "注明限额的对象，例如 location:S01"),
    ("use one of the three", "使用三者之一"),
    ("write all weekdays in one row, such as {0}", "将所有星期写在一行，例如 {0}"),
    ("write quantity:cost pairs separated by semicolons", "以分号分隔写“数量:成本”"),
    // ------------------------------------------------------------ files that cannot be used
    ("cannot read {0}: {1}", "无法读取 {0}：{1}"),
    ("cannot write {0}: {1}", "无法写入 {0}：{1}"),
    ("cannot make {0}: {1}", "无法创建 {0}：{1}"),
    ("cannot replace {0}: {1}", "无法替换 {0}：{1}"),
    ("{0} is not a table: {1~}", "{0} 不是表格：{1}"),
    ("its content is a PDF document", "内容是 PDF 文档"),
    ("its content is compressed (gzip or zstd)", "内容是压缩的（gzip 或 zstd）"),
    (
        "its content is a web page or XML, perhaps a login or error page saved under this name",
        "内容是网页或 XML，可能是以此名称保存的登录页或错误页",
    ),
    ("its content is JSON", "内容是 JSON"),
    ("its content is binary, neither text nor Parquet nor a workbook", "内容是二进制，不是文本、Parquet 或工作簿"),
    ("a quotation mark in its first row is not closed", "第一行有未闭合的引号"),
    ("its Parquet content cannot be read: {0}", "无法读取其 Parquet 内容：{0}"),
    ("it cannot be read as a workbook: {0}", "无法作为工作簿读取：{0}"),
    ("it has no sheet {0} (found: {1})", "没有工作表 {0}（已有：{1}）"),
    (
        "its columns contradict each other about decimal marks or the order of day and month",
        "各列的小数符号或日月顺序互相矛盾",
    ),
    ("export the table as CSV or XLSX", "请将表格导出为 CSV 或 XLSX"),
    ("unpack it first", "请先解压"),
    ("download the file again, or export the table as CSV or XLSX", "请重新下载文件，或将表格导出为 CSV 或 XLSX"),
    ("export the table as CSV, Parquet or XLSX", "请将表格导出为 CSV、Parquet 或 XLSX"),
    ("check how the file was made", "请检查文件的来源"),
    ("check that the file is a delimited text table", "请检查文件是否为分隔文本表格"),
    ("write the file again, or export it as CSV", "请重新写出文件，或导出为 CSV"),
    ("save it again as XLSX, or export the sheet as CSV", "请另存为 XLSX，或将工作表导出为 CSV"),
    ("correct sheet in the mapping file", "请更正映射文件中的 sheet"),
    ("state decimal and date in the mapping file", "请在映射文件中注明 decimal 和 date"),
    ("{0} has no column for {1} of table {2} (found: {3})", "{0} 没有表 {2} 的 {1} 列（已有：{3}）"),
    (
        "the first row must hold the names of the columns; delete what stands above them",
        "第一行必须是列名；请删除其上的内容",
    ),
    (
        "the first row must hold the names of the columns, but it holds values such as {0}",
        "第一行必须是列名，但其中是 {0} 之类的值",
    ),
    (
        "{0~}\n\nto use columns of other names, write these lines into a file map.toml and add --map map.toml:{1}",
        "{0}\n\n如列名不同，请将以下各行写入文件 map.toml，并加上 --map map.toml：{1}",
    ),
    ("is {0} the {1}?; {2~}", "{0} 是 {1} 吗？{2}"),
    ("{0} is also read from {1}; {2~}", "{0} 也可由以下列名读取：{1}；{2}"),
    ("is {0} the {1}?", "{0} 是 {1} 吗？"),
    ("{0} is also read from {1}", "{0} 也可由以下列名读取：{1}"),
    ("a lane needs to know where the goods come from", "供应路径需要注明货物来源"),
    (
        "{0} row {1}, column {2}: {3} is {4} or {5}, and nothing else in the column or the file decides",
        "{0} 第 {1} 行，列 {2}：{3} 可读作 {4} 或 {5}，而该列及文件其他内容都无法判断",
    ),
    (
        "{0} row {1}, column {2}: {3} is {4} or {5}, and no other date of the file decides",
        "{0} 第 {1} 行，列 {2}：{3} 可读作 {4} 或 {5}，而文件中没有其他日期可以判断",
    ),
    (
        "{0} row {1}, column {2}: {3} is {4} or {5}, and the column mixes decimal points ({6}) and decimal commas ({7})",
        "{0} 第 {1} 行，列 {2}：{3} 可读作 {4} 或 {5}，而该列混用小数点（{6}）和小数逗号（{7}）",
    ),
    (
        "{0} row {1}, column {2}: {3} is {4} or {5}, and the column mixes day first ({6}) and month first ({7})",
        "{0} 第 {1} 行，列 {2}：{3} 可读作 {4} 或 {5}，而该列混用日在前（{6}）和月在前（{7}）",
    ),
    (
        "{0} row {1}, column {2}: {3} is {4} or {5}, and the column mixes numbers with and without a percent sign (row {6} has \
         {7})",
        "{0} 第 {1} 行，列 {2}：{3} 可读作 {4} 或 {5}，而该列的数字有的带百分号、有的不带（第 {6} 行为 {7}）",
    ),
    (
        "say which: decimal = \".\" reads {0}, decimal = \",\" reads {1} (--decimal, or decimal in the mapping file)",
        "请指明：decimal = \".\" 读作 {0}，decimal = \",\" 读作 {1}（用 --decimal，或映射文件中的 decimal）",
    ),
    (
        "say which: date = \"dmy\" reads {0}, date = \"mdy\" reads {1} (--date-format, or date in the mapping file)",
        "请指明：date = \"dmy\" 读作 {0}，date = \"mdy\" 读作 {1}（用 --date-format，或映射文件中的 date）",
    ),
    ("write the percent sign in every row or in none", "请在所有行都写百分号，或都不写"),
    ("there is no history before {0}: the first sale is on {1}", "{0} 之前没有历史数据：第一笔销售在 {1}"),
    (
        "name a day after {0}, or leave --as-of out to plan on the morning after the last sale",
        "请指定 {0} 之后的日期，或不用 --as-of，在最后一笔销售的次日早晨计划",
    ),
    ("mapping {0}: no file fits its patterns {1} (files: {2})", "映射 {0}：没有文件符合模式 {1}（文件：{2}）"),
    ("mapping {0}: table {1}: {2} has no column {3} (found: {4})", "映射 {0}：表 {1}：{2} 没有列 {3}（已有：{4}）"),
    ("mapping {0}: {1}", "映射 {0}：{1}"),
    ("{0} rows could not be read and --strict is set", "{0} 行无法读取，而已设置 --strict"),
    ("correct them, or leave out --strict to go on without them", "请更正，或去掉 --strict 以略过这些行"),
    ("none of the {0} rows could be read, first: {1}", "{0} 行全部无法读取，第一行：{1}"),
    ("none of the {0} rows could be read", "{0} 行全部无法读取"),
    ("the only row could not be read", "唯一的一行无法读取"),
    ("no rows found in {0}", "{0} 中没有数据行"),
    (
        "give a CSV, Parquet or XLSX file of sales with a date, an item and a quantity, or a folder of such files named by table",
        "请提供含日期、商品和数量的 CSV、Parquet 或 XLSX 销售文件，或按表命名的文件夹",
    ),
    ("correct the rows, see above", "请更正上述行"),
    // ------------------------------------------------------------ command line
    ("{0} has no restock.toml", "{0} 中没有 restock.toml"),
    ("{0} has no restock.toml, and other files", "{0} 中没有 restock.toml，但有其他文件"),
    (
        "`restock serve --project my-shop` begins a project in a new folder, `restock init .` makes one among the files",
        "`restock serve --project my-shop` 在新文件夹中新建项目，`restock init .` 在这些文件旁新建项目",
    ),
    (
        "data.path in restock.toml is one file, so no other can be added",
        "restock.toml 的 data.path 是单个文件，无法再添加文件",
    ),
    ("set data.path to a folder", "请把 data.path 设为文件夹"),
    ("the mapping of the project says to ignore files called {0}", "项目的映射文件要求忽略名为 {0} 的文件"),
    ("give the file another name", "请更改文件名"),
    ("{0} in the data folder has the same content", "数据文件夹中的 {0} 内容相同"),
    ("it is there already: discard this one", "已经存在：请放弃此文件"),
    (
        "the mapping {0} says how files of this name are read, so nothing can be chosen here",
        "映射文件 {0} 规定了此名称的文件如何读取，此处无可选择",
    ),
    ("`restock init {0}` makes a project there", "`restock init {0}` 可在该处创建项目"),
    ("no data was given and there is no restock.toml here", "未提供数据，此处也没有 restock.toml"),
    (
        "`restock try sales.csv` plans one file, `restock init my-shop` makes a project",
        "`restock try sales.csv` 计划一个文件，`restock init my-shop` 创建项目",
    ),
    ("{0} does not exist (data.path in restock.toml)", "{0} 不存在（restock.toml 中的 data.path）"),
    ("{0} does not exist", "{0} 不存在"),
    ("give a CSV, Parquet or XLSX file, or a folder of them", "请提供 CSV、Parquet 或 XLSX 文件，或其文件夹"),
    ("unknown setting {0} ({1} line {2})", "未知设置 {0}（{1} 第 {2} 行）"),
    ("unknown setting {0}", "未知设置 {0}"),
    ("known settings: {0}", "已知设置：{0}"),
    ("did you mean {0}?", "是否指 {0}？"),
    // ------------------------------------------------------------ versions of the pretrained model
    ("--total-steps is {0}, must be at least --steps, {1}", "--total-steps 为 {0}，不得小于 --steps（{1}）"),
    ("checkpoint {0} is of seed {1}, --seed is {2}", "检查点 {0} 的种子为 {1}，而 --seed 为 {2}"),
    (
        "train with --seed {0}, or name another folder with --checkpoint",
        "请用 --seed {0} 训练，或用 --checkpoint 指定其他文件夹",
    ),
    (
        "this restock was built without GPUs, --device cuda is not possible",
        "此 restock 构建时未包含 GPU 支持，无法使用 --device cuda",
    ),
    ("leave --device out, or build it with libtorch 2.11: {0}", "请去掉 --device，或用 libtorch 2.11 构建：{0}"),
    ("--teacher is for CPUs, --device is cuda", "--teacher 仅用于 CPU，而 --device 为 cuda"),
    ("leave one of them out", "请去掉其中一个"),
    ("libtorch finds no GPU on this machine", "libtorch 在此机器上找不到 GPU"),
    (
        "set LD_PRELOAD={0}, and let LD_LIBRARY_PATH name the folder it is in",
        "请设置 LD_PRELOAD={0}，并让 LD_LIBRARY_PATH 指向其所在文件夹",
    ),
    (
        "name another folder with --checkpoint, or train the size that is there",
        "请用 --checkpoint 指定其他文件夹，或训练其中已有的规模",
    ),
    ("version {0} is not known, expected one of {1}", "未知版本 {0}，应为 {1} 之一"),
    (
        "{0} is neither a version nor a file, expected one of {1} or a path",
        "{0} 既不是版本也不是文件，应为 {1} 之一或路径",
    ),
    ("`restock model list` shows every version", "`restock model list` 显示全部版本"),
    ("`restock model list` shows what is used", "`restock model list` 显示正在使用的版本"),
    ("nothing to roll back: no version was promoted", "无可回退：没有启用过任何版本"),
    (
        "version {0} may not be used: nothing shows that it is better, at least {1} % better than the shipped model is expected",
        "版本 {0} 不可使用：没有证据表明它更好，应比随附模型至少好 {1} %",
    ),
    (
        "version {0} may not be used: its scaled quantile loss is {1} against {2} of the shipped model, at least {3} % better \
         than the shipped model is expected",
        "版本 {0} 不可使用：其 SQL 为 {1}，随附模型为 {2}，应至少好 {3} %",
    ),
    ("--force REASON promotes it all the same and writes the reason down", "--force 理由 可强制启用，并记录理由"),
    ("--force is empty, expected the reason", "--force 为空，应为理由"),
    (
        "{0} has SHA-256 {1}, {2} was saved: the file was changed or damaged",
        "{0} 的 SHA-256 为 {1}，保存时为 {2}：文件已被改动或损坏",
    ),
    (
        "`restock model rollback` or `restock model promote shipped` uses another version",
        "用 `restock model rollback` 或 `restock model promote shipped` 改用其他版本",
    ),
    (
        "{0}: the adapter changes weights {1} with SHA-256 {2}, those here are {3} with SHA-256 {4}; tune again with this \
         version",
        "{0}：该适配器改动的权重为 {1}（SHA-256 {2}），此处为 {3}（SHA-256 {4}）；请用本版本重新微调",
    ),
    (
        "the adapter changes weights {0} with SHA-256 {1}, those here are {2} with SHA-256 {3}; tune again with this version",
        "该适配器改动的权重为 {0}（SHA-256 {1}），此处为 {2}（SHA-256 {3}）；请用本版本重新微调",
    ),
    ("pretrained on simulated shops, not fitted", "在模拟门店上预训练，未拟合"),
    (
        "pretrained on simulated shops, not fitted: version {0} is tuned to {1}, the data are in {2}",
        "在模拟门店上预训练，未拟合：版本 {0} 按{1~}微调，而数据按{2~}",
    ),
    ("days", "日"),
    ("weeks", "周"),
    ("months", "月"),
    ("pretrained on simulated shops, tuned to this project's history", "在模拟门店上预训练，并按本项目历史微调"),
    (
        "the longest series has {0} periods, tuning with a horizon of {1} needs at least {2}: {3} forecast origins for \
         validation, one for training, and {4} periods before it",
        "最长序列有 {0} 个周期，预测 {1} 个周期的微调至少需要 {2} 个：{3} 个验证起点、一个训练起点及其之前的 {4} 个周期",
    ),
    ("a shorter horizon needs less history: --horizon 7", "缩短预测周期可减少所需历史：--horizon 7"),
    ("policy {0} is not known, expected one of auto, {1}", "未知策略 {0}，应为 auto、{1} 之一"),
    ("model {0} is not known, expected one of auto, {1}", "未知模型 {0}，应为 auto、{1} 之一"),
    ("leave it out to let auto choose", "省略即由 auto 选择"),
    ("no file was given", "未提供文件"),
    ("location {0} is not in the data", "数据中没有地点 {0}"),
    ("locations: {0}", "地点：{0}"),
    ("item {0} is not in the data", "数据中没有商品 {0}"),
    ("write ITEM@LOCATION with the ids of your files", "请用文件中的编码写成 商品@地点"),
    ("item {0} has no sales, so its location must be named", "商品 {0} 没有销售，需要指明地点"),
    ("item {0} is in {1} locations", "商品 {0} 在 {1} 个地点"),
    ("name one, such as {0}", "请指明一个，例如 {0}"),
    ("{0} is not planned: {1~}", "{0} 未计划：{1}"),
    ("no table says anything about this item at this location", "没有任何表涉及该地点的此商品"),
    (
        "no sale for {0} days and no stock: looks discontinued; list it in item_locations to plan it",
        "{0} 天无销售且无库存：疑似停售；如需计划请在 item_locations 中列出",
    ),
    ("`restock check` shows what to correct", "`restock check` 会指出需要更正之处"),
    ("`restock check` says what to correct in the data", "`restock check` 会指出数据中需要更正之处"),
    ("{0} exists and is not a demo", "{0} 已存在且不是示例"),
    ("name another folder with --out", "请用 --out 指定其他文件夹"),
    ("no setting contains {0}", "没有设置项包含 {0}"),
    ("`restock config explain` lists every setting", "`restock config explain` 列出所有设置项"),
    ("{0} exists already", "{0} 已存在"),
    ("choose another folder, or edit that file", "请选择其他文件夹，或编辑该文件"),
    ("give sales that reach further back", "请提供更早的销售数据"),
    ("--windows 8 replays eight weeks", "--windows 8 回放八周"),
    (
        "history is {0} days, at least {1} are needed: some to learn from, some to replay",
        "历史只有 {0} 天，至少需要 {1} 天：一部分用于学习，一部分用于回放",
    ),
    (
        "history is {0} weeks, at least {1} are needed: some to learn from, some to replay",
        "历史只有 {0} 周，至少需要 {1} 周：一部分用于学习，一部分用于回放",
    ),
    (
        "history is {0} months, at least {1} are needed: some to learn from, some to replay",
        "历史只有 {0} 个月，至少需要 {1} 个月：一部分用于学习，一部分用于回放",
    ),
    (
        "item-locations to replay are 0, at least 1 is needed with {0} days of history before {1}",
        "可回放的商品-地点为 0，至少需要 1 个在 {1} 之前有 {0} 天历史的",
    ),
    (
        "item-locations to replay are 0, at least 1 is needed with {0} weeks of history before {1}",
        "可回放的商品-地点为 0，至少需要 1 个在 {1} 之前有 {0} 周历史的",
    ),
    (
        "item-locations to replay are 0, at least 1 is needed with {0} months of history before {1}",
        "可回放的商品-地点为 0，至少需要 1 个在 {1} 之前有 {0} 个月历史的",
    ),
    ("no sales were found; the files were read as: {0}", "未找到销售数据；文件被读作：{0}"),
    (
        "sales need one row per item and date, with columns such as date, item and quantity; a wide table with a column per \
         day or month is read with a mapping file (--map, see examples/mappings)",
        "销售数据需每个商品每个日期一行，含日期、商品、数量等列；每天或每月一列的宽表可用映射文件读取（--map，见 examples/mappings）",
    ),
    (
        "name the day of the plan with --as-of, because there are no sales to tell it",
        "没有销售数据可确定计划日期，请用 --as-of 指明",
    ),
    (
        "no sale since {0}: give newer sales, or a minimum stock in item_locations",
        "自 {0} 以来无销售：请提供更新的销售数据，或在 item_locations 中给出最低库存",
    ),
    ("completions writes a script for a shell, which is never JSON", "completions 输出 shell 脚本，不是 JSON"),
    ("there is no plan at {0}: {1}", "{0} 没有计划：{1}"),
    (
        "`restock plan` writes one, `--plan DIR` names its folder",
        "`restock plan` 会写入计划，`--plan 文件夹` 指定其位置",
    ),
    ("{0} is not a plan of this version: {1}", "{0} 不是此版本的计划：{1}"),
    ("run `restock plan` again", "请重新运行 `restock plan`"),
    ("{0} is not in the data", "数据中没有 {0}"),
    ("write an item as in the sales file, or item@location", "请写销售文件中的商品编码，或 商品@地点"),
    ("quantile level is {0}, must be from 0.01 to 0.99", "分位数水平为 {0}，必须在 0.01 至 0.99 之间"),
    ("there is no project here to import into", "此处没有可导入的项目"),
    (
        "name a folder with --out, look first with --dry-run, or make a project with `restock init`",
        "请用 --out 指定文件夹，先用 --dry-run 查看，或用 `restock init` 创建项目",
    ),
    ("no files were given to import into the project", "未提供要导入项目的文件"),
    ("what-if {0} has no {1}, write for example lead_time=5", "假设 {0} 缺少 {1}，例如写 lead_time=5"),
    ("what-if {0} is not known, use one of {1}", "未知假设 {0}，请用 {1} 之一"),
    ("what-if {0} is {1}, must be {2~}", "假设 {0} 为 {1}，必须是{2}"),
    ("days from 0 to 3650", " 0 至 3650 天"),
    ("days from 1 to 3650", " 1 至 3650 天"),
    ("a share above 0 and below 1, such as 0.95", "大于 0 小于 1 的比例，例如 0.95"),
    ("a change such as -20% or a factor such as 1.2x, at most 100x", "变化如 -20% 或倍数如 1.2x，最多 100x"),
    ("a quantity above 0", "大于 0 的数量"),
    ("a quantity of 0 or more", "不小于 0 的数量"),
    ("an amount above 0", "大于 0 的金额"),
    ("shock {0} has no {1}, write for example demand=2x@2026-12-01", "冲击 {0} 缺少 {1}，例如写 demand=2x@2026-12-01"),
    (
        "shock {0} is not known, use demand, lead_time, supplier or price",
        "未知冲击 {0}，请用 demand、lead_time、supplier 或 price",
    ),
    ("shock {0} holds on none of the days {1} to {2} that are played", "冲击 {0} 不在模拟的 {1} 至 {2} 之内"),
    ("shock {0} matches none of {1} item-locations", "冲击 {0} 不符合 {1} 个商品-地点中的任何一个"),
    (
        "--shock demand=+30%@2026-12-01..2026-12-24, or --shock lead_time=+5@2026-12-01",
        "--shock demand=+30%@2026-12-01..2026-12-24，或 --shock lead_time=+5@2026-12-01",
    ),
    ("--days {0} plays until then", "--days {0} 可模拟到该日"),
    ("name a day from {0} to {1}, such as @{2}", "请指定 {0} 至 {1} 之间的日期，例如 @{2}"),
    (
        "item.id, item.abc, item.category, location.id and location.kind are usual fields",
        "常用字段：item.id、item.abc、item.category、location.id、location.kind",
    ),
    (
        "item-locations to play are 0, at least 1 is needed with sales or a minimum stock before {0}",
        "可模拟的商品-地点为 0，至少需要 1 个在 {0} 之前有销售或最低库存的",
    ),
    ("the default is {0}", "默认值为 {0}"),
    ("texts need quotes, and each key is written once", "文本需要引号，每个键只写一次"),
    ("{0} is {1}, expected {2} ({3} line {4})", "{0} 为 {1}，应为 {2}（{3} 第 {4} 行）"),
    // ------------------------------------------------------------ why a line is as it is
    ("made when it is sold; its components are ordered", "按单制作，订购其原料"),
    ("a single pack is more than {0~}, so nothing is ordered", "单个包装已超过{0}，因此不订购"),
    ("the minimum order is more than {0~}, so nothing is ordered", "最小起订量超过{0}，因此不订购"),
    ("what sells before expiry", "保质期内可售数量"),
    ("what is needed before the item ends", "停售前需求"),
    ("the maximum order, stock or shelf", "最大订量、库存或货架容量"),
    ("stock and open orders cover the target", "库存和在途订单已满足目标"),
    ("the reorder point is not reached", "未到再订货点"),
    ("nothing may be ordered", "已设为不订购"),
    ("no more sells before expiry", "保质期内卖不完更多"),
    ("the item ends", "商品即将停售"),
    ("the maximum order, stock or shelf allows no more", "最大订量、库存或货架不允许更多"),
    ("the budget or capacity allows no more", "预算或运力不允许更多"),
    ("the supplier's minimum is not reached", "未达供应商起订额"),
    ("{0} has no more", "{0} 没有更多库存"),
    ("pack {0} of {1} costs more than it gains: {2~}", "第 {0} 包（共 {1} 包）成本高于收益：{2}"),
    ("pack {0} would still gain: {1~}", "第 {0} 包仍有收益：{1}"),
    ("the minimum order asks for it", "起订量要求"),
    ("{0~} and full packs ask for it", "{0}及整包要求"),
    ("full packs ask for it", "整包要求"),
    ("the minimum stock asks for it", "最低库存要求"),
    ("the supplier's minimum order asks for it", "供应商起订额要求"),
    ("the container has room for it", "货柜仍有空间"),
    ("{0~} asks for it", "{0}要求"),
    ("{0~} is met with the stock assumed", "按假设的库存已达到{0}"),
    ("{0~} is met", "已达到{0}"),
    ("the fill_rate target of {0} %", "{0}% 的需求满足率目标"),
    ("the cycle target of {0} %", "{0}% 的周期服务水平目标"),
    ("the in_stock target of {0} %", "{0}% 的有货率目标"),
    ("the balance of costs", "成本平衡"),
    ("D16: circular supply lanes, demand from below is left out", "D16：供应路径循环，未计入下游需求"),
    ("D17: no source of supply", "D17：没有货源"),
    ("D10: learned lead time {0} d vs configured {1}", "D10：实际提前期 {0} 天，设定为 {1} 天"),
    (
        "lead time {0} d as the source told on {1}: earlier orders do not count",
        "提前期 {0} 天，供应来源于 {1} 告知：此前的订单不计入",
    ),
    ("D09: no lead time is known, {0} days assumed", "D09：提前期未知，假设 {0} 天"),
    ("D18: no order day within {0} days, today is assumed", "D18：{0} 天内没有订货日，假设今天可订"),
    ("D01: negative stock counted as none", "D01：负库存按零计"),
    (
        "D06: stock was counted on {0} and brought forward by sales and receipts",
        "D06：库存于 {0} 盘点，已按销售和收货推算至今",
    ),
    ("no sale for {0} days: order only if it is still sold", "{0} 天无销售：仅在仍销售时订购"),
    (
        "stood at up to {0} °C between {1} and {2}, at most {3} °C are allowed: {4} not sold any more, {5} keep for less long",
        "{1} 至 {2} 期间温度最高 {0} °C，限值 {3} °C：停售 {4}，保质期缩短 {5}",
    ),
    ("stock is not known: assumed at its target one review period ago", "库存未知：假设一个订货周期前处于目标水平"),
    ("{0} periods without sales were taken for stock-outs (inferred)", "{0} 个无销售的周期推断为缺货"),
    ("neither cost nor price is known: money is counted as 1 per unit sold", "成本和售价均未知：每售出一件按 1 计"),
    // ------------------------------------------------------------ why this forecast
    ("no sales of its own", "自身没有销售"),
    ("no sales yet: demand is expected like that of {0~}", "尚无销售：预计需求与{0}相近"),
    ("no sales yet, like {0~}", "尚无销售，参照{0}"),
    ("{0} periods of history, before that like {1~}", "已有 {0} 个周期的历史，此前参照{1}"),
    ("{0} items of the same category, such as {1}", "同类别的 {0} 个商品，例如 {1}"),
    (
        "all {0} items here, for want of a name or category, such as {1}",
        "此处全部 {0} 个商品（无名称或类别可比），例如 {1}",
    ),
    ("{0} similar items, such as {1}", "{0} 个相似商品，例如 {1}"),
    ("no history", "没有历史数据"),
    ("only {0} periods of history", "仅有 {0} 个周期的历史"),
    ("no model could forecast", "没有模型能够预测"),
    ("forecast of another system", "其他系统的预测"),
    ("forecast of another system for {0} of {1} periods; {2~}", "{1} 个周期中 {0} 个用其他系统的预测；{2}"),
    ("no forecast of another system; {0~}", "没有其他系统的预测；{0}"),
    (
        "another system forecasts {0} of {1} open periods: {2} stands in for the others",
        "其他系统只预测了 {1} 个营业周期中的 {0} 个：其余由 {2} 代替",
    ),
    ("an override can do nothing, because its days are closed: {0}", "预测调整不起作用，因为其日期不营业：{0}"),
    ("as configured", "按设置"),
    ("history too short for {0}", "历史太短，不足以使用 {0}"),
    ("{0~}; known promotions, holidays or prices lead in some periods", "{0}；部分周期以已知的促销、节假日或价格为主"),
    ("prior weights, history too short to validate", "先验权重，历史太短无法验证"),
    ("by pinball loss on {0} validation windows", "按 {0} 个验证窗口的分位数损失"),
    (
        "no demand for {0} periods, longest silence before {1}: {2} % likely to go on",
        "已 {0} 个周期无需求，此前最长 {1} 个：仍会继续销售的概率 {2}%",
    ),
    // ------------------------------------------------------------ general forms come last
    ("{0} is empty", "{0} 为空"),
];

/// The name of a policy or another quantity to compare an order with.
pub(crate) fn alternative(name: &str, lang: Lang) -> String {
    let (en, zh) = match name {
        "base_stock" => ("base_stock", "基准库存"),
        "capped_base_stock" => ("capped_base_stock", "有上限的基准库存"),
        "R_s_S" => ("R_s_S", "定期 (s, S)"),
        "min_max" => ("min_max", "最小-最大"),
        "days_of_cover" => ("days_of_cover", "可用天数"),
        "last_order" => ("last order", "上次订货"),
        "usual" => ("usual order", "通常订货"),
        _ => (name, name),
    };
    if lang == Lang::ZhCn { zh } else { en }.to_owned()
}

/// What moves a forecast, such as `recent_level` or `promotion_price_and_trend`.
pub(crate) fn driver(name: &str, lang: Lang) -> String {
    // Signals and local events have names of the user.
    if let Some(signal) = name.strip_prefix(restock_engine::SIGNAL) {
        return signal.to_owned();
    }
    if lang == Lang::En {
        return name.replace('_', " ");
    }
    let word = |part: &str| match part {
        "recent_level" => "近期水平".to_owned(),
        "weekday" => "星期".to_owned(),
        "trend" => "趋势".to_owned(),
        "asked_for_by_others" => "下游订货".to_owned(),
        "promotion" => "促销".to_owned(),
        "holiday" => "节假日".to_owned(),
        "price" => "价格".to_owned(),
        "override" => "预测调整".to_owned(),
        part => part.to_owned(),
    };
    match name.strip_suffix("_and_trend") {
        Some(covariates) => {
            let known = ["promotion", "holiday", "price"];
            let mut rest = covariates;
            let mut words = Vec::new();
            while let Some(part) = known.iter().find(|part| rest.starts_with(**part)) {
                words.push(word(part));
                rest = rest[part.len()..].trim_start_matches('_');
            }
            if !rest.is_empty() {
                words.push(rest.to_owned());
            }
            words.push(word("trend"));
            words.join("、")
        }
        None => word(name),
    }
}

/// A number that a what-if changed.
pub(crate) fn change(what: &str, lang: Lang) -> String {
    let zh = match what {
        "quantity" => "订货数量",
        "value" => "金额",
        "target_level" => "目标水平",
        "expected_demand" => "预期需求",
        "on_hand" => "现有库存",
        "lead_time_days" => "提前期（天）",
        "review_days" => "订货间隔（天）",
        "protection_until" => "保护期至",
        "p_stockout" => "缺货概率",
        "fill_rate" => "需求满足率",
        "days_of_cover" => "可用天数",
        _ => "",
    };
    if lang == Lang::ZhCn && !zh.is_empty() { zh.to_owned() } else { what.replace('_', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_says_the_same_numbers_in_both_languages() {
        for (en, zh) in MESSAGES {
            let holes = |text: &str| {
                let mut holes: Vec<String> =
                    text.split('{').skip(1).map(|rest| rest.split(['}', '~']).next().unwrap().to_owned()).collect();
                holes.sort();
                holes
            };
            assert_eq!(holes(en), holes(zh), "{en}");
            assert!(!zh.is_ascii() || zh.trim() == *en, "{zh}");
        }
    }

    /// An earlier, more general template must not take the message of a later one.
    #[test]
    fn every_template_is_found_by_its_own_english() {
        for (en, zh) in all().filter(|(en, _)| !en.contains('~')) {
            let filled = |text: &str| {
                (0..9).fold(text.to_owned(), |text, n| text.replace(&format!("{{{n}}}"), &format!("<{n}>")))
            };
            assert_eq!(said(&filled(en), Lang::ZhCn), filled(zh), "{en}");
        }
    }

    #[test]
    fn messages_keep_their_numbers_and_unknown_ones_stay() {
        let zh = |message| said(message, Lang::ZhCn).into_owned();
        assert_eq!(
            zh("sales.csv: 1 sales row of 1 item at 2 locations, 2026-03-01 to 2026-03-02"),
            "sales.csv：1 行销售，1 种商品，2 个地点，2026-03-01 至 2026-03-02"
        );
        assert_eq!(
            zh("pack 2 of 3 costs more than it gains: the fill_rate target of 98 % and full packs ask for it"),
            "第 2 包（共 3 包）成本高于收益：98% 的需求满足率目标及整包要求"
        );
        assert_eq!(zh("only 1 period of history"), "仅有 1 个周期的历史");
        assert_eq!(zh("nobody wrote this"), "nobody wrote this");
        assert_eq!(said("no history", Lang::En), "no history");
        assert_eq!(driver("promotion_price_and_trend", Lang::ZhCn), "促销、价格、趋势");
    }
}
