//! The grammar of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use restock_core::settings::Lang;
use restock_core::{Day, Objective, Units};

/// Turns sales, stock and supply data into explained order proposals.
#[derive(Debug, Parser)]
#[command(
    name = "restock",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:\n  restock try sales.csv                 one file, no configuration\n  \
                  restock demo --open                   a sample chain, planned and shown in the browser\n  \
                  restock init shop && restock plan --project shop\n  \
                  restock explain MILK-1L@STORE-01 --what-if lead_time=5\n\n\
                  Exit codes: 0 ok, 1 findings, 2 usage, 3 data error, 4 internal error"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every verb.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Print JSON for machines
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Language of messages; follows LANG when not given
    #[arg(long, global = true, value_name = "LANG", value_parser = parse_lang, help_heading = "Global options")]
    pub(crate) lang: Option<Lang>,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, hide_possible_values = false,
          help_heading = "Global options")]
    pub(crate) color: Color,
    /// Folder with restock.toml; the current folder when not given
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) project: Option<PathBuf>,
    /// Act as on the morning of this day: only what was known before it counts
    #[arg(long, global = true, value_name = "DATE", value_parser = parse_day, help_heading = "Global options")]
    pub(crate) as_of: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a project folder with restock.toml and sample files
    #[command(after_help = "Examples:\n  restock init my-shop\n  restock init ward-7 --template medical")]
    Init(InitArgs),
    /// Generate a sample chain, plan it and show the result
    #[command(after_help = "Examples:\n  restock demo --open\n  restock demo --items 100000 --out big-chain")]
    Demo(DemoArgs),
    /// Plan from one file without any configuration
    #[command(
        name = "try",
        after_help = "Examples:\n  restock try sales.csv\n  restock try orders.xlsx stock.csv --lead-time 3"
    )]
    Try(PlanArgs),
    /// Read files, report bad rows and write clean tables into the project
    #[command(after_help = "Examples:\n  restock import exports/ --dry-run\n  \
                      restock import sales.parquet --map m5.toml --strict --out data")]
    Import(ImportArgs),
    /// Report the health of the data and what each missing table would improve
    #[command(after_help = "Examples:\n  restock check\n  restock check data/ --fail-on error --json\n  \
                            restock check --counts --out count_list.csv")]
    Check(CheckArgs),
    /// Forecast demand as quantiles
    #[command(after_help = "Examples:\n  restock forecast --horizon 28 --out forecast.csv\n  \
                            restock forecast data/ --model ets --quantiles 0.1,0.5,0.9")]
    Forecast(ForecastArgs),
    /// Propose orders: a ranked table, files for other systems and an HTML report
    #[command(after_help = "Examples:\n  restock plan\n  restock plan --objective fill_rate=0.95 --budget 20000\n  \
                      restock plan data/m5 --map examples/mappings/m5.toml --out out")]
    Plan(PlanArgs),
    /// Explain one order line, or re-plan it under a change
    #[command(after_help = "Examples:\n  restock explain MILK-1L@STORE-01\n  \
                      restock explain MILK-1L@STORE-01 --what-if lead_time=5 --what-if target=0.99\n  \
                      restock explain MILK-1L@STORE-01 --replay --json")]
    Explain(ExplainArgs),
    /// Write the last plan as order files
    #[command(after_help = "Examples:\n  restock export --to csv --out orders\n  restock export --approved --to odoo")]
    Export(ExportArgs),
    /// Play the future under the plan's policy many times
    ///
    /// Starts from today's stock and open orders. Day after day, orders are decided by the plan's policy and rules on
    /// its order days, arrive after lead times drawn from receipts, and demand is drawn from the joint forecast. The
    /// forecast is made once, on the first day; later orders react to the stock that demand leaves behind.
    ///
    /// A shock is demand=2x, demand=+30%, lead_time=+5 (days), lead_time=14, lead_time=2x, supplier=down (orders leave when
    /// it is over), price=+10% or price=+10%:-1.5 (with the elasticity of demand, else -2.62), then @ and its days:
    /// @2026-12-01 (from that day on), @2026-12-01..2026-12-24 or @2026-12, and where a filter as in a segment may
    /// follow. Orders do not know of it in advance. The same future without shocks is shown beside it.
    #[command(after_help = "Examples:\n  restock simulate --days 90\n  \
                      restock simulate --shock demand=2x@2026-12-01\n  \
                      restock simulate --shock demand=+30%@2026-12 --shock lead_time=+5@2026-12-01..2026-12-24\n  \
                      restock simulate --shock \"supplier=down@2026-12-01..2026-12-20 where source.id == 'DAIRY'\"\n  \
                      restock simulate --shock \"demand=2x@2026-12 where location.kind == 'store'\"")]
    Simulate(SimulateArgs),
    /// Prove it on history: policies side by side, or forecasts with --forecast
    #[command(after_help = "Examples:\n  restock backtest --policies base_stock,min_max --windows 52 --ci 0.9\n  \
                      restock backtest --forecast --models auto,ets,seasonal_naive --windows 3")]
    Backtest(BacktestArgs),
    /// The decision problems that policies are simulated, solved and trained on
    #[command(after_help = "Examples:\n  restock env list\n  restock env show lost-sales\n  \
                      restock env validate --steps 1000000")]
    Env(EnvArgs),
    /// Rerun published tables: published and own numbers side by side
    #[command(after_help = "Examples:\n  restock bench\n  restock bench --suite lost-sales --large --json")]
    Bench(BenchArgs),
    /// Solve one decision problem exactly
    ///
    /// The problem is a kind with KEY=VALUE pairs, or a TOML file with the key problem; without either the kinds are
    /// listed with an example of each. Demand is poisson:5, geometric:5, uniform:0..4, constant:30, normal:120,10, or
    /// the probabilities of 0, 1, 2, ... units.
    #[command(after_help = "Examples:\n  restock solve\n  \
                      restock solve newsvendor holding_cost=2 stockout_cost=18 demand=normal:120,10\n  \
                      restock solve lost-sales lead_time=4 holding_cost=1 stockout_cost=39 demand=poisson:5 --out out")]
    Solve(SolveArgs),
    /// Learn a policy for a decision problem, and grade it against the exact optimum
    ///
    /// The problem is an environment of `restock env list` with the parameters of its example, `lost-sales-l4` for
    /// another lead time, or a TOML or YAML file as `restock solve` takes it; KEY=VALUE pairs replace parameters.
    /// Training ends when it has converged or the budget is spent, and says which. The same command with --resume
    /// goes on from the folder of --out and gives the numbers of training that was never interrupted.
    ///
    /// What the business wants beyond the costs of the problem is said in its own terms: --goodwill for what a lost unit
    /// costs in the long run, --service for a fill rate that must be reached at the least cost, --stock-band for the
    /// stock that is wanted on the shelf. --preview shows the orders that are best for it before anything is trained.
    /// An objective that is cheapest when nothing is ever ordered is refused.
    ///
    /// The environment `portfolio` is the project's own items: stock, lead times, order days and ordering rules as in the
    /// plan, demand=forecast, demand=history (drawn again in blocks, level_sd and tempo make it more various) or
    /// demand=simulator. The policy is fitted to them, compared on other paths, and kept for the project's plans where it
    /// is cheaper than before and, behind the guard, no dearer than the classical one.
    #[command(after_help = "Examples:\n  restock train --env worked-example --algo q-learning --budget 10s\n  \
                      restock train --env lost-sales-l4 --algo ppo --budget 10m --out ppo\n  \
                      restock train --env lost-sales-l4 --algo ppo --budget 20m --out ppo --resume\n  \
                      restock train --env problem.toml --algo auto --explain-choice\n  \
                      restock train --env lost-sales stockout_cost=39 demand=geometric:5 --samples-only\n  \
                      restock train --env lost-sales --service 0.98 --preview\n  \
                      restock train --env lost-sales-l4 --goodwill 2 --stock-band 4..20 --band-cost 0.5 --algo dqn\n  \
                      restock train --env portfolio --project shop demand=history days=91 --budget 5m\n  \
                      restock train --env lost-sales-l4 --algo ppo --hyper learning_rate=0.001 --hyper n_hidden=128")]
    Train(TrainArgs),
    /// Search the hyper-parameters of a learner by successive halving
    ///
    /// The usual settings and others drawn at random train for a while; the better half goes on for twice as long, and so
    /// on. Settings are compared by their cost on validation alone. What is found is graded at the end beside the usual
    /// settings trained as long, which win where they are as good. hyper.toml holds the winner for `restock train`.
    #[command(after_help = "Examples:\n  restock tune --env lost-sales-l4 --algo ppo --budget 10m --out tuned\n  \
                      restock train --env lost-sales-l4 --algo ppo --hyper tuned/hyper.toml\n  \
                      restock tune --env worked-example --algo q-learning --epochs 2 --configurations 8")]
    Tune(SearchArgs),
    /// Versions of the pretrained demand model: the shipped one, and those tuned to a project
    #[command(after_help = "Examples:\n  restock model tune --budget 10m\n  restock model list\n  \
                      restock model verify\n  restock model promote v2\n  restock model rollback")]
    Model(ModelArgs),
    /// Approve proposals on the desk, or list the open ones
    ///
    /// `restock plan --publish` puts a plan on the desk of the project. A later plan revises what is open in place; what was
    /// edited or approved keeps its quantity until its day to order is over. approval.four_eyes_if says which lines two
    /// different people must approve.
    #[command(after_help = "Examples:\n  restock approve\n  restock approve --all --by ada\n  \
                      restock approve --filter \"value < 200 and source.id == 'dairy'\" --by ada\n  \
                      restock approve p_4f2a --by ada && restock export --approved --by ada")]
    Approve(ApproveArgs),
    /// Reject proposals on the desk: they are not proposed again until their day to order is over
    #[command(after_help = "Examples:\n  restock reject p_4f2a --reason \"shelf is full\" --by ada")]
    Reject(RejectArgs),
    /// Change the quantity of a proposal on the desk, in whole packs and with a reason
    #[command(after_help = "Examples:\n  restock edit p_4f2a --quantity 24 --reason \"street festival\" --by ada")]
    Edit(EditArgs),
    /// Serve the HTTP API over the ledger of the project, until it is interrupted
    ///
    /// The dashboard, events in, proposals, orders, stock, quarantine, audit trail and a stream out; /v1/openapi.json
    /// describes all of it. In a folder that is empty or not there yet it begins a project. As long as nobody may use it, it
    /// shows a link with which the first person makes an account; others are made in the dashboard, or by `restock user
    /// create` and `restock token create`. It writes one line of JSON per
    /// request to standard error. Beyond this machine it listens with TLS only: server.tls_certificate and server.tls_key,
    /// or server.behind_proxy where a proxy speaks it.
    #[command(after_help = "Examples:\n  restock serve\n  restock serve --project my-shop\n  \
                      restock token create till-1 --role integrator\n  restock serve --listen 127.0.0.1:9000")]
    Serve(ServeArgs),
    /// Make, list, change and remove the people who may use the server
    ///
    /// A password is asked for on the terminal, or read from standard input; there is none by default. Every change is in
    /// the audit trail, and a running server knows it at once.
    #[command(after_help = "Examples:\n  restock user create ada --role approver\n  \
                      restock user create ben --role planner --location berlin --password-stdin < password.txt\n  \
                      restock user list\n  restock user disable ben")]
    User(UserArgs),
    /// Make, list and revoke the tokens of those who may use the server
    #[command(after_help = "Examples:\n  restock token create ada --role approver\n  \
                      restock token create till-1 --role integrator --location berlin --days 365\n  \
                      restock token list\n  restock token revoke till-1")]
    Token(TokenArgs),
    /// Take events into the ledger of the project: sales, receipts, counts, orders and more, a JSON object on each line
    ///
    /// An event is known by its source and event_id, so a file may be sent twice, and events may come late or in any order.
    /// What cannot be taken in lies in quarantine with its reason and nothing else is held up. Every command that reads the
    /// project's data adds what its events say to what its files say; the files tell of the time before the first event.
    #[command(
        after_help = "Examples:\n  restock ingest events.ndjson\n  restock ingest - < events.ndjson\n\nAn event:\n  \
                      {\"event_id\":\"7\",\"source\":\"till-1\",\"type\":\"sale\",\"occurred_at\":\"2026-03-02T08:30:00Z\",\n   \
                      \"item_id\":\"milk-1l\",\"location_id\":\"berlin\",\"quantity\":3}"
    )]
    Ingest(IngestArgs),
    /// Copy the ledger of the project to a file, while events go on coming in
    #[command(after_help = "Examples:\n  restock backup ledger-2026-03-02.db")]
    Backup(BackupArgs),
    /// Bring the ledger of the project back from a backup, after looking at all of it
    #[command(after_help = "Examples:\n  restock restore ledger-2026-03-02.db")]
    Restore(RestoreArgs),
    /// Look at everything in the ledger of the project: damage, gaps, the audit trail, what waits in quarantine
    ///
    /// `restock doctor quarantine` lists what waits there and decides about it.
    #[command(
        after_help = "Examples:\n  restock doctor\n  restock doctor --json\n  restock doctor quarantine list\n  \
                      restock doctor quarantine release 3 --reason \"clock was wrong\" --by ada"
    )]
    Doctor(DoctorArgs),
    /// Show every setting of restock.toml, its default and meaning
    #[command(after_help = "Examples:\n  restock config explain\n  restock config explain objective")]
    Config(ConfigArgs),
    /// Print a completion script
    #[command(
        after_help = "Examples:\n  restock completions bash > ~/.local/share/bash-completion/completions/restock"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where the data is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DataArgs {
    /// Data files or folders; the project's data folder when not given
    pub(crate) paths: Vec<PathBuf>,
    /// Mapping file from your tables and columns to ours
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Stop when any row cannot be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Decimal mark of numbers in text files, where they can be read in two ways
    #[arg(long, value_name = "MARK", value_parser = parse_decimal)]
    pub(crate) decimal: Option<char>,
    /// Order of day and month, dmy or mdy, or a format such as %d.%m.%y
    #[arg(long, value_name = "FORMAT")]
    pub(crate) date_format: Option<String>,
}

/// Settings that a flag overrides for one run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PlanningArgs {
    /// What orders should achieve: fill_rate=0.98, cycle=0.95, in_stock=0.97 or economics
    #[arg(long, value_name = "OBJECTIVE", value_parser = parse_objective)]
    pub(crate) objective: Option<Objective>,
    /// Replenishment policy
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Demand model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Most money all orders may cost
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    pub(crate) budget: Option<f64>,
    /// Lead time in days where no table tells it
    #[arg(long, value_name = "DAYS", value_parser = parse_amount)]
    pub(crate) lead_time: Option<f64>,
    /// Days between two orders where no calendar tells them
    #[arg(long, value_name = "DAYS", value_parser = parse_positive)]
    pub(crate) review_period: Option<f64>,
    /// ISO 4217 code of costs and prices
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,
    /// Seed of every random number
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Folder to create
    #[arg(default_value = "restock-project")]
    pub(crate) dir: PathBuf,
    /// Kind of business
    #[arg(long, value_enum, default_value_t = Template::Retail)]
    pub(crate) template: Template,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// Stores, daily orders, packs, promotions
    Retail,
    /// Web shop with one warehouse
    Ecommerce,
    /// Wards and clinics: months of stock, expiry, critical items
    Medical,
    /// Kitchens: dishes and recipes, short shelf life, orders each evening
    Restaurant,
    /// Bills of materials, a build plan, long lead times, minimum orders
    Manufacturing,
    /// Parts that are asked for a few times a year, some critical
    SpareParts,
    /// Seed and crop protection: one order for the season
    Agriculture,
    /// Fuel tanks and critical spares
    Energy,
    /// Vehicle fleets: consumables by kilometres, spares
    Transport,
    /// Settings only
    Blank,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Number of item-locations
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub(crate) items: u32,
    /// Folder to write
    #[arg(long, value_name = "DIR", default_value = "restock-demo")]
    pub(crate) out: PathBuf,
    /// Open the report in the browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Seed of the generated chain
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Report only, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Folder for the clean tables; the project's data folder when not given
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Format of the clean tables
    #[arg(long, value_enum, default_value_t = TableFormat::Parquet)]
    pub(crate) format: TableFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Text that any spreadsheet opens
    Csv,
    /// Compact and fast
    Parquet,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Exit with 1 when a finding is at least this bad
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub(crate) fail_on: FailOn,
    /// List what to count first: stock that is probably not there, by the money that a count saves
    #[arg(long)]
    pub(crate) counts: bool,
    /// CSV file for that list: a count sheet, which is data again once on_hand is filled in
    #[arg(long, value_name = "FILE", requires = "counts")]
    pub(crate) out: Option<PathBuf>,
    /// Lines of the list to print
    #[arg(long, value_name = "N", default_value_t = 25, requires = "counts")]
    pub(crate) top: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Item-locations that should not be ordered without a look
    Error,
    /// Findings that make the plan less sure
    Warning,
    /// Any finding
    Info,
    /// Never
    Never,
}

#[derive(Args, Debug)]
pub(crate) struct ForecastArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Demand model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Number of periods
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=730))]
    pub(crate) horizon: u32,
    /// Quantile levels
    #[arg(long, value_delimiter = ',', value_name = "LEVELS", default_value = "0.1,0.5,0.9")]
    pub(crate) quantiles: Vec<f64>,
    /// Only this item-location, or every location of an item
    #[arg(long, value_name = "ITEM[@LOC]")]
    pub(crate) only: Option<String>,
    /// CSV file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Folder for the order files and the report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Show the plan, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Put the proposals on the desk of the project, for `restock approve`
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) publish: bool,
    /// Order lines to print
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub(crate) top: usize,
    /// Open the report in the browser
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The line: an item and a location, or an item that has one location only
    #[arg(value_name = "ITEM@LOC")]
    pub(crate) line: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Re-plan under a change such as lead_time=5, target=0.99, demand=-20%, on_hand=40; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) what_if: Vec<String>,
    /// Plan the line again and compare it with the last written plan, byte for byte; exits with 1 where they differ
    #[arg(long)]
    pub(crate) replay: bool,
    /// Folder of the plan to compare with; where `restock plan` writes when not given
    #[arg(long, value_name = "DIR", requires = "replay")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Format, one file per order; others than csv with --approved
    #[arg(long, value_enum, default_value_t = ExportTo::Csv)]
    pub(crate) to: ExportTo,
    /// Folder of the plan; `out` of the project when not given
    #[arg(long, value_name = "DIR")]
    pub(crate) plan: Option<PathBuf>,
    /// Folder to write, one file per supplier
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Order what is approved on the desk of the project; it counts as on order from then on
    #[arg(long, conflicts_with = "plan")]
    pub(crate) approved: bool,
    /// With --approved: write the files of earlier orders again, too
    #[arg(long, requires = "approved")]
    pub(crate) again: bool,
    /// Who orders, for the audit trail
    #[arg(long, value_name = "NAME", default_value = "planner", value_parser = parse_person, requires = "approved")]
    pub(crate) by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportTo {
    /// A table that spreadsheets and our import read
    Csv,
    /// For programs
    Json,
    /// As Odoo 17 and 18 import purchase orders and transfers
    Odoo,
    /// As ERPNext 15 imports purchase orders and material requests
    Erpnext,
}

#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Number of futures per item-location
    #[arg(long = "paths", value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) n_paths: u32,
    /// Days to play, rounded up to whole periods
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=730))]
    pub(crate) days: u32,
    /// A change of the future such as demand=2x@2026-12-01; may be repeated
    #[arg(long = "shock", value_name = "SHOCK")]
    pub(crate) shocks: Vec<String>,
    /// Worst item-locations to print
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// CSV file of goods that come in and go out, by location and day: for docks, staff and a router
    #[arg(long, value_name = "FILE")]
    pub(crate) volumes: Option<PathBuf>,
    /// Folder for the report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Open the report in the browser
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) planning: PlanningArgs,
    /// Policies to compare
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    pub(crate) policies: Vec<String>,
    /// Weeks of history to replay, or forecast origins with --forecast
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=520))]
    pub(crate) windows: Option<u32>,
    /// Width of the bootstrap intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = parse_share)]
    pub(crate) ci: f64,
    /// Compare forecasts instead of policies
    #[arg(long)]
    pub(crate) forecast: bool,
    /// Models to compare with --forecast
    #[arg(long, value_delimiter = ',', value_name = "A,B,C", requires = "forecast")]
    pub(crate) models: Vec<String>,
    /// Periods per forecast with --forecast
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub(crate) horizon: u32,
    /// Folder for the report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Open the report in the browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Replay at most this many item-locations, spread evenly
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    #[command(subcommand)]
    pub(crate) action: EnvAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvAction {
    /// Every environment
    List,
    /// State, action, chance and the sequence of events of one environment
    Show {
        /// Its id; the version may be left out
        id: String,
    },
    /// Play random actions and check what holds in every environment
    Validate {
        /// Ids, or networks in TOML or YAML; all environments when not given
        #[arg(value_name = "ID|FILE")]
        ids: Vec<String>,
        /// Periods to play
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        steps: u32,
        /// Seed of the random actions
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    pub(crate) action: ModelAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelAction {
    /// Fit the pretrained model to the project's history and save it as a version, if it is better than the shipped one
    ///
    /// The last three horizons of the history are for validation, what lies before them for training. Every method starts
    /// from the shipped weights: calibrate moves quantiles by what they missed (seconds), head trains the output block, lora
    /// adds low-rank matrices, full trains every weight. The best is mixed with the shipped weights as far as it helps. It is
    /// saved only if its scaled quantile loss is at least 1 % lower than that of the shipped model; otherwise the exit code
    /// is 1. A saved version is used once it is promoted.
    #[command(after_help = "Examples:\n  restock model tune --budget 10m\n  \
                            restock model tune --method calibrate --promote\n  \
                            restock model tune sales.csv --horizon 14 --dry-run")]
    Tune(TuneArgs),
    /// Train a demand model from nothing on generated series, and write its weights, a card and a chart
    ///
    /// Training goes on from the checkpoint that is there: the same command, run again, continues what was stopped. On
    /// CPUs the weights depend on the seed and the other options alone, not on the number of threads nor on where a run
    /// was stopped. A size of nano takes hours, base takes a GPU.
    #[command(after_help = "Examples:\n  restock model pretrain --steps 20000 --out my-model\n  \
                            restock model pretrain --minutes 10 --out my-model --teacher shipped\n  \
                            restock model pretrain --size base --device cuda --tokens 32768 --steps 60000")]
    Pretrain(PretrainArgs),
    /// Every version of the project, what it was worth on validation, and which is used
    List,
    /// Check hashes, tensors and numbers of weights: the shipped ones, versions, files or folders of public models
    Verify {
        /// A version, a weights file, or a folder with config.json and model.safetensors; all versions when not given
        #[arg(value_name = "VERSION|FILE")]
        target: Option<String>,
    },
    /// Use a version wherever the project uses the pretrained model
    Promote {
        /// v1, v2, ..., or shipped
        version: String,
        /// Promote it although nothing shows that it is better, and write down why
        #[arg(long, value_name = "REASON")]
        force: Option<String>,
    },
    /// Use again what was used before the last promotion
    Rollback,
    /// What came of earlier decisions: coverage of forecasts, alarms, versions on trial, what edits were worth
    ///
    /// The first plan of each day, made by `restock plan` or a server, judges the decisions whose days are over. Their
    /// outcomes say which quantiles to ask of the forecaster, when demand has changed, and which version of the model and
    /// which policy costs less.
    Outcomes {
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Args, Debug)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// What to fit; auto tries all of them
    #[arg(long, value_enum, default_value_t = TuneMethod::Auto)]
    pub(crate) method: TuneMethod,
    /// Time that it may take, about: 90s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_seconds)]
    pub(crate) budget: f64,
    /// Periods to forecast in training and validation; 28 days, 8 weeks or 6 months when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) horizon: Option<u32>,
    /// Steps of each method at most; with time enough the result then depends on them and the seed alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) steps: Option<u64>,
    /// Seed of every random number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Fit and validate, save nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Use the version at once, if one is saved
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) promote: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TuneMethod {
    /// Every method, the best is kept
    Auto,
    /// Quantiles moved by what they missed
    Calibrate,
    /// The output block
    Head,
    /// Low-rank adapters of attention and output
    Lora,
    /// Every weight
    Full,
}

#[derive(Args, Debug)]
pub(crate) struct PretrainArgs {
    /// Size of the network
    #[arg(long, value_enum, default_value_t = ModelSize::Nano)]
    pub(crate) size: ModelSize,
    /// Stop after this step, counted over all runs
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) steps: u64,
    /// Steps of the whole training, which set the learning rate and the mix of series; --steps when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) total_steps: Option<u64>,
    /// Stop with a checkpoint before this many minutes have passed
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub(crate) minutes: Option<f64>,
    /// Tokens in each batch, about: a series has one for every 16 periods of past and future
    #[arg(long, value_name = "N", default_value_t = 16384, value_parser = clap::value_parser!(u32).range(100..=1_048_576))]
    pub(crate) tokens: u32,
    /// Share of series that are not retail, instead of first many and then few
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub(crate) share_generic: Option<f64>,
    /// Folder for weights, card and chart
    #[arg(long, value_name = "DIR", default_value = "restock-model")]
    pub(crate) out: PathBuf,
    /// Folder of the checkpoint and the log; checkpoint in the folder of --out when not given
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Steps between two validations, each with a checkpoint
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) validate_every: u64,
    /// Batches of a validation
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) validation_batches: u32,
    /// The highest learning rate
    #[arg(long, value_name = "RATE", default_value_t = 2e-3, value_parser = parse_positive)]
    pub(crate) learning_rate: f64,
    /// Seed of weights and series
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads; all of the machine when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// Weights of a larger model, or shipped, whose forecasts are learnt beside the series; on CPUs only
    #[arg(long, value_name = "FILE")]
    pub(crate) teacher: Option<PathBuf>,
    /// Where to train
    #[arg(long, value_enum, default_value_t = TrainOn::Cpu)]
    pub(crate) device: TrainOn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelSize {
    /// 1.4 million parameters
    Nano,
    /// 6.4 million parameters, the size of the shipped model
    Base,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrainOn {
    /// This machine's processor
    Cpu,
    /// A GPU; needs a build with the feature cuda
    Cuda,
}

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Suite, or the beginning of its name
    #[arg(long, value_name = "NAME", default_value = "all")]
    pub(crate) suite: String,
    /// Also the problems that take more than a few seconds each
    #[arg(long)]
    pub(crate) large: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SolveArgs {
    /// A kind of problem, or a TOML or YAML file
    #[arg(value_name = "PROBLEM|FILE")]
    pub(crate) problem: Option<String>,
    /// What the problem needs
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// Folder for a page with charts
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Open the page in the browser
    #[arg(long, requires = "out")]
    pub(crate) open: bool,
}

/// How a policy is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algo {
    /// By a rule that is stated
    Auto,
    /// The optimum by modified policy iteration: solved, not learned
    Exact,
    /// A table of values, off-policy
    QLearning,
    /// A table of values, on-policy
    Sarsa,
    /// Deep Q-learning: double, dueling, several steps
    Dqn,
    /// Policy gradient with a baseline
    Reinforce,
    /// Proximal policy optimisation
    Ppo,
    /// Differentiable simulation
    Pathwise,
    /// Deep controlled learning: rollouts and a classifier
    Dcl,
}

/// The decision problem that is learned.
#[derive(Args, Clone, Debug)]
pub(crate) struct EnvironmentArgs {
    /// An environment, or a TOML or YAML file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) env: String,
    /// Parameters that replace those of the environment or file
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) problem: EnvironmentArgs,
    /// How to learn
    #[arg(long, value_enum, default_value_t = Algo::Auto)]
    pub(crate) algo: Algo,
    /// Time that it may take, about: 90s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_seconds)]
    pub(crate) budget: f64,
    /// Epochs at most; with time enough the result then depends on them and the seed alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) epochs: Option<u64>,
    /// Seed of every random number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for the policy, the learning curve and a checkpoint
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on from the checkpoint in the folder of --out
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Learn from samples alone, as if the model were not known
    #[arg(long)]
    pub(crate) samples_only: bool,
    /// Show the rules by which --algo auto chooses
    #[arg(long)]
    pub(crate) explain_choice: bool,
    /// Settings of the algorithm, or a hyper.toml of `restock tune`; may be given several times
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    pub(crate) hyper: Vec<String>,
    /// Fill rate that must be reached, such as 0.98: the cheapest policy that does, and what the next lost unit is worth
    #[arg(long, value_name = "SHARE", value_parser = parse_share, conflicts_with = "resume", help_heading = "Objective")]
    pub(crate) service: Option<f64>,
    #[command(flatten)]
    pub(crate) reward: RewardArgs,
    /// Show what is best for the objective, and train nothing; with --out a chart of it
    #[arg(long, help_heading = "Objective")]
    pub(crate) preview: bool,
}

/// What the business wants beyond the costs of the problem.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Objective")]
pub(crate) struct RewardArgs {
    /// Future goodwill: what a lost, or newly backordered, unit costs more
    #[arg(long, value_name = "COST", value_parser = parse_amount)]
    pub(crate) goodwill: Option<f64>,
    /// Stock on the shelf, less what waits, that costs nothing at the end of a period
    #[arg(long, value_name = "LOW..HIGH", value_parser = parse_band, requires = "band_cost")]
    pub(crate) stock_band: Option<(Units, Units)>,
    /// Cost of every unit outside the stock band
    #[arg(long, value_name = "COST", value_parser = parse_positive, requires = "stock_band")]
    pub(crate) band_cost: Option<f64>,
}

/// Which proposals, and who decides.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeskLines {
    /// Ids of proposals
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// All open proposals that match, such as "value < 200"
    #[arg(long, value_name = "FILTER", conflicts_with = "ids")]
    pub(crate) filter: Option<String>,
    /// All open proposals
    #[arg(long, conflicts_with_all = ["ids", "filter"])]
    pub(crate) all: bool,
    /// Who decides, for the audit trail
    #[arg(long, value_name = "NAME", default_value = "planner", value_parser = parse_person)]
    pub(crate) by: String,
}

#[derive(Args, Debug)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    pub(crate) lines: DeskLines,
}

#[derive(Args, Debug)]
pub(crate) struct RejectArgs {
    #[command(flatten)]
    pub(crate) lines: DeskLines,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// The name of a person, for the audit trail.
fn parse_person(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty, expected the name of a person".to_owned()),
        name if restock_server::is_reserved(name) => {
            Err("that stands for the program itself in the audit trail, expected the name of a person".to_owned())
        }
        name => Ok(name.to_owned()),
    }
}

#[derive(Args, Debug)]
pub(crate) struct EditArgs {
    /// The proposal
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Quantity in base units
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) quantity: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who decides, for the audit trail
    #[arg(long, value_name = "NAME", default_value = "planner", value_parser = parse_person)]
    pub(crate) by: String,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address and port; that of server.listen when not given
    #[arg(long, value_name = "ADDRESS", value_parser = crate::verbs::serve::address)]
    pub(crate) listen: Option<std::net::SocketAddr>,
}

#[derive(Args, Debug)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    pub(crate) action: UserAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Make a user; the password is asked for
    Create {
        /// Who it is, as the audit trail names them
        name: String,
        /// What they may do; a system is no user
        #[arg(long, value_enum)]
        role: RoleName,
        /// A location that they look after; repeatable, all when not given
        #[arg(long, value_name = "ID")]
        location: Vec<String>,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List,
    /// Give a user another password, which ends the user's sessions
    Password {
        /// Whose
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Keep a user out, and end the user's sessions
    Disable {
        /// Whom
        name: String,
    },
    /// Let a user in again
    Enable {
        /// Whom
        name: String,
    },
    /// Take a user away
    Remove {
        /// Whom
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) action: TokenAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Make a token; it is shown once and kept nowhere
    Create {
        /// Who it is for, as the audit trail names them
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleName,
        /// A location that it is about; repeatable, all when not given
        #[arg(long, value_name = "ID")]
        location: Vec<String>,
        /// Days after which it is refused
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// List tokens, without their secrets
    List,
    /// Refuse a token from now on
    Revoke {
        /// Whose
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Looks at stock and events
    Viewer,
    /// Looks after the data
    Planner,
    /// Answers for orders
    Approver,
    /// A system that sends events
    Integrator,
    /// Everything
    Admin,
}

#[derive(Args, Debug)]
pub(crate) struct IngestArgs {
    /// Files of events: NDJSON, or .json with one event or a list; - reads NDJSON from standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// File to write; it must not exist
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// A file of `restock backup`
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(subcommand)]
    pub(crate) part: Option<DoctorPart>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DoctorPart {
    /// Look at what could not be taken in, and decide about it
    Quarantine(QuarantineArgs),
}

#[derive(Args, Debug)]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    pub(crate) action: QuarantineAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineAction {
    /// List entries with their reasons
    List {
        /// Which: those that wait, unless it is said
        #[arg(long, value_enum, default_value = "open")]
        state: EntryState,
        /// The first number
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        from: u64,
        /// The most entries
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
    },
    /// Show an entry with its text
    Show {
        /// Its number
        #[arg(value_name = "NUMBER")]
        id: u64,
    },
    /// Take an entry in after all: as it is, whatever the clock says, or corrected
    Release {
        /// Its number
        #[arg(value_name = "NUMBER")]
        id: u64,
        /// A file with the event as it should have been; - reads standard input
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
        #[command(flatten)]
        decision: DecisionArgs,
    },
    /// Decide that an entry will never be taken in; it stays readable
    Discard {
        /// Its number
        #[arg(value_name = "NUMBER")]
        id: u64,
        #[command(flatten)]
        decision: DecisionArgs,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DecisionArgs {
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who decides, for the audit trail
    #[arg(long, value_name = "NAME", default_value = "planner", value_parser = parse_person)]
    pub(crate) by: String,
}

/// Where an entry in quarantine stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EntryState {
    /// Nothing was decided
    Open,
    /// It was taken in after all
    Released,
    /// It will never be taken in
    Discarded,
    /// All of these
    All,
}

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) problem: EnvironmentArgs,
    /// The learner; auto is the one for the problem if its model were not known
    #[arg(long, value_enum, default_value_t = Algo::Auto)]
    pub(crate) algo: Algo,
    /// Time that it may take, about: 90s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_seconds)]
    pub(crate) budget: f64,
    /// Epochs of each setting in the first rung, instead of time; the result then depends on them and the seed alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000), conflicts_with = "budget")]
    pub(crate) epochs: Option<u64>,
    /// Settings to compare, the usual ones among them
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub(crate) configurations: u32,
    /// Seed of every random number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for hyper.toml, the result and a chart of the finalists; hyper.toml goes to the current folder when not given
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reward: RewardArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Every setting with its value, default and meaning
    Explain {
        /// Show only settings whose key contains this
        filter: Option<String>,
    },
}

fn parse_decimal(text: &str) -> Result<char, String> {
    match text {
        "." | "point" => Ok('.'),
        "," | "comma" => Ok(','),
        _ => Err("expected . or ,".to_owned()),
    }
}

fn parse_day(text: &str) -> Result<Day, String> {
    text.parse()
}

/// `en`, `zh-CN` or a locale such as `zh_CN.UTF-8`.
pub(crate) fn parse_lang(text: &str) -> Result<Lang, String> {
    let lower = text.to_lowercase();
    match lower.split(['_', '-', '.']).next() {
        Some("en") => Ok(Lang::En),
        Some("zh") => Ok(Lang::ZhCn),
        _ => Err("expected en or zh-CN".to_owned()),
    }
}

fn parse_amount(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0).ok_or("expected a number of at least 0".to_owned())
}

fn parse_positive(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0).ok_or("expected a number above 0".to_owned())
}

/// `90s`, `10m`, `1.5h` in seconds.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let expected = "expected a time such as 90s, 10m or 1h";
    let split = text.len() - text.chars().last().map_or(0, char::len_utf8);
    let factor = match &text[split..] {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected.to_owned()),
    };
    let number = text[..split].parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
    number.map(|number| number * factor).ok_or(expected.to_owned())
}

/// `4..20`, whole units.
fn parse_band(text: &str) -> Result<(Units, Units), String> {
    let units = |part: &str| part.trim().parse::<Units>().ok();
    let band = text.split_once("..").and_then(|(low, high)| Some((units(low)?, units(high)?)));
    let band = band.filter(|(low, high)| low <= high && (-1_000_000..=1_000_000).contains(low) && *high <= 1_000_000);
    band.ok_or("expected a range of whole units such as 4..20".to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    let expected = "expected a number above 0 and below 1, such as 0.9";
    text.parse().ok().and_then(crate::config::share).ok_or(expected.to_owned())
}

/// `fill_rate=0.98`, `cycle=0.95`, `in_stock=0.97`, a bare `0.98` for the fill rate, or `economics`.
fn parse_objective(text: &str) -> Result<Objective, String> {
    let expected = "expected fill_rate=0.98, cycle=0.95, in_stock=0.97 or economics";
    if text == "economics" {
        return Ok(Objective::Economics);
    }
    let (kind, target) = text.split_once(['=', ':']).unwrap_or(("fill_rate", text));
    let service_type = crate::config::service_type(kind).ok_or(expected)?;
    let target = target.parse().ok().and_then(crate::config::share).ok_or(expected)?;
    Ok(Objective::Service { service_type, target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent_and_every_verb_shows_examples() {
        let command = Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has examples", verb.get_name());
        }
        // As many as the specification names, and completions, so that the list is read and not searched.
        assert!(command.get_subcommands().count() <= 29);
    }

    #[test]
    fn objectives_and_languages() {
        use restock_core::ServiceType::{Cycle, FillRate};
        assert_eq!(parse_objective("cycle=0.95"), Ok(Objective::Service { service_type: Cycle, target: 0.95 }));
        assert_eq!(parse_objective("0.9"), Ok(Objective::Service { service_type: FillRate, target: 0.9 }));
        assert!(parse_objective("fill_rate=98").is_err());
        assert_eq!(parse_lang("zh_CN.UTF-8"), Ok(Lang::ZhCn));
        assert!(parse_lang("fr").is_err());
        assert_eq!((parse_seconds("90s"), parse_seconds("1.5h")), (Ok(90.0), Ok(5400.0)));
        assert_eq!((parse_band("4..20"), parse_band("-2..0")), (Ok((4, 20)), Ok((-2, 0))));
        for wrong in ["", "4", "20..4", "a..b", "1.5..3", "4..1e9"] {
            assert!(parse_band(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "10", "-1m", "m", "十分"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
