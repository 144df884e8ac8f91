// What the public API answers with; `/v1/openapi.json` describes each field.

export type Role = 'viewer' | 'planner' | 'approver' | 'integrator' | 'admin';

export interface Who {
  name: string;
  role: Role;
  locations: string[] | null;
  csrf_token: string | null;
}

export type ProposalState =
  | 'proposed'
  | 'edited'
  | 'approved'
  | 'exported'
  | 'acknowledged'
  | 'partially_received'
  | 'closed'
  | 'rejected'
  | 'expired'
  | 'superseded';

/** Quantities and money are decimals as text. */
export interface ProposalRow {
  proposal_id: string;
  version: number;
  state: ProposalState;
  type: 'purchase' | 'transfer' | 'production';
  item_id: string;
  destination: string;
  supplier_id: string | null;
  from_location: string | null;
  quantity: string;
  plan_wants: string;
  uom: string;
  order_multiple: string;
  order_uom: string;
  unit_cost: string | null;
  value: string | null;
  currency: string;
  order_by: string;
  expected_receipt: string;
  priority: string;
  plan_id: string;
  approvals: string[];
  n_approvers: number;
  reason: string;
  order_id: string | null;
  received: string;
  /** How its item-location is planned; only where that was asked for. */
  planned?: PlannedFacts | null;
}

/** Of two numbers the first is without the order that is planned, the second with it. */
export interface PlannedFacts {
  item_name: string;
  on_hand: string;
  position: string;
  expected_demand: number;
  p_stockout: [number, number];
  days_of_cover: [number, number];
  health: number;
  /** The most money first. */
  exception_codes: string[];
}

export interface ProposalPage {
  proposals: ProposalRow[];
  next_cursor: string | null;
  last_number: number;
}

export interface DecidedRow {
  proposal_id: string;
  state: ProposalState;
  version: number;
}

export interface WaterfallLine {
  code: string;
  value: string;
  evidence: [string, string][];
}

export interface Consequence {
  p_stockout: number;
  expected_lost_units: number;
  expected_lost_margin: string | null;
  expected_waste_units: number;
  days_of_cover: number;
}

export interface Explanation {
  sentence: string;
  sentence_zh: string;
  waterfall: WaterfallLine[];
  unmet_waits: boolean;
  without_order: Consequence;
  with_order: Consequence;
  marginal: { pack: number; p_sold: number; net_gain: string }[];
  marginal_note: string;
  sensitivity: { if: string; quantity: string }[];
  alternatives: [string, string][];
  drivers: [string, number][];
  warnings: string[];
  lineage: {
    data: string;
    settings: string;
    forecast_model: string;
    policy: string;
    code: string;
    seed: number;
  };
}

/** The record behind a proposal. */
export interface Proposal {
  proposal_id: string;
  plan_id: string;
  as_of: string;
  item_id: string;
  item_name: string;
  destination: string;
  quantity: string;
  uom: string;
  order_units: { quantity: string; uom: string };
  currency: string;
  next_opportunity: string;
  automation: string;
  health: number;
  confidence: number;
  classes: [string, string, string];
  explanation: Explanation;
}

/** An item-location as it is planned; of two numbers the first is without the order, the second with it. */
export interface PlanLine {
  item_id: string;
  location_id: string;
  on_hand: string;
  stock_assumed: boolean;
  on_order: string;
  position: string;
  recent_demand_per_day: number;
  expected_demand: number;
  demand_per_day: number;
  target_level: string;
  quantity: string;
  value: string | null;
  stock_value: string | null;
  lead_time_days: number;
  review_days: number;
  p_stockout: [number, number];
  fill_rate: [number, number];
  days_of_cover: [number, number];
  /** What goes out in 30 days, base units; nothing where it is not known. */
  monthly_consumption: number | null;
  months_of_stock: number | null;
  classes: [string, string, string];
  health: number;
  forecast_model: string;
  policy: string;
  note: string;
}

/** The same in a list, with names. */
export interface LineRow extends PlanLine {
  item_name: string;
  supplier_id: string | null;
  supplier_name: string;
  from_location: string | null;
  uom: string;
  money_at_risk: string;
  proposal_id: string | null;
}

export interface LinePage {
  lines: LineRow[];
  n_found: number;
  next_cursor: string | null;
  plan_id: string | null;
  as_of: string | null;
  currency: string | null;
}

/** What somebody says about a forecast; one of `factor` and `quantity`, decimals as text. */
export interface ForecastOverride {
  id: string;
  item_id: string | null;
  location_id: string | null;
  category: string | null;
  from: string;
  to: string;
  factor: string | null;
  /** Whether what goes out on its days says nothing about the usual. */
  surge: boolean;
  quantity: string | null;
  reason: string;
  /** Empty when unknown. */
  author: string;
  /** Nothing for a row of a file. */
  said_at: string | null;
}

export interface Forecast {
  item_id: string;
  item_name: string;
  location_id: string;
  uom: string;
  as_of: string;
  bucket: 'day' | 'week' | 'month';
  model: string;
  reason: string;
  levels: number[];
  forecast: { day: string; mean: number; quantiles: number[] }[];
  /** Without what people say; empty where nobody says anything. */
  baseline: { day: string; mean: number; quantiles: number[] }[];
  overrides: ForecastOverride[];
  version: string;
  history: { day: string; sales: number; demand: number; observation: 'full' | 'censored' | 'closed' | 'missing' }[];
  recalibration: { level: number; asked: number }[];
}

/** What the plan orders from one source for one destination on one day. */
export interface OrderGroup {
  supplier_id: string | null;
  from_location: string | null;
  source_name: string;
  destination: string;
  n_lines: number;
  value: string;
  order_by: string;
  /** Empty when unknown. */
  cut_off: string;
  /** Cubic metres and kilograms of what is known. */
  volume: number;
  weight: number;
  min_order_value: string | null;
  /** Over all destinations that day. */
  source_value: string;
  minimum_met: boolean;
}

/** A limit over several lines, and the expected gain of one more unit of it. */
export interface LimitRow {
  /** Such as `budget all`, as a scenario names it. */
  limit: string;
  allowed: number;
  used: number;
  shadow_price: number;
  /** A little more of it, in its own unit, and what that would bring in money. */
  step: number;
  step_gain: number;
  n_lines: number;
}

export interface GroupBody {
  order_groups: OrderGroup[];
  /** Empty for people of some locations. */
  limits: LimitRow[];
  plan_id: string | null;
  as_of: string | null;
  currency: string | null;
}

/** What a plan comes to; of two numbers the first is without its orders, the second with them. */
export interface PlanSummary {
  n_planned: number;
  n_proposals: number;
  order_value: string;
  fill_rate: [number, number];
  n_stockouts: [number, number];
  stock_value: string;
  overstock_value: string;
  waste_value: string;
  net_gain: string;
  lost_margin: [string, string];
  waiting_margin: [string, string];
  n_exceptions: number;
}

/** Key figures of some item-locations. */
export interface KpiRow extends PlanSummary {
  /** The location, supplier or class; nothing where it is about all. */
  key: string | null;
  name: string;
  n_unplanned: number;
  n_without_cost: number;
  n_out_of_stock_now: number;
  n_stock_assumed: number;
}

export interface KpiBody {
  kpis: KpiRow[];
  plan_id: string | null;
  as_of: string | null;
  currency: string | null;
}

/** What became of demand in a month. */
export interface PastKpiRow {
  key: string | null;
  name: string;
  from: string;
  /** Its last day, or the day before the plan. */
  to: string;
  n_item_locations: number;
  n_open: number;
  n_stockouts: number;
  in_stock: number | null;
  fill_rate: number | null;
  sales_value: string;
  cost_of_sales: string;
  lost_margin: string;
  waste_value: string;
}

export interface PastKpiBody {
  kpis: PastKpiRow[];
  as_of: string | null;
  currency: string | null;
}

/** What orders should achieve; a mode of its own names more fields. */
export interface Objective {
  mode: string;
  type?: string;
  target?: number;
}

export interface Policies {
  policy: string | null;
  objective: Objective | null;
  learned_acts: boolean;
  learned_max_ratio: number | null;
  max_days_of_cover: number | null;
  segments: { where: string; policy: string | null; objective: Objective | null }[];
  acting: { policy: string; n_lines: number; n_ordered: number; order_value: string }[];
  contest: ContestRow | null;
}

export interface ItemRow {
  item_id: string;
  name: string;
  category: string;
  unit_cost: string | null;
}

export interface ItemPage {
  items: ItemRow[];
  next_cursor: string | null;
}

export interface LocationRow {
  location_id: string;
  name: string;
  kind: string;
  parent_id: string | null;
  attributes: Record<string, string>;
}

export interface LocationPage {
  locations: LocationRow[];
  next_cursor: string | null;
}

export interface SupplierRow {
  supplier_id: string;
  name: string;
  min_order_value: string | null;
  min_order_quantity: string | null;
  order_days: string;
  cut_off: string | null;
  container_volume: number | null;
  container_weight: number | null;
}

/** Quantiles 0.1, 0.5 and 0.9 of stock at the end of a day. */
export interface ProjectionPoint {
  day: string;
  without_order: [number, number, number];
  with_order: [number, number, number];
}

export interface Arrival {
  day: string;
  quantity: string;
  /** Empty for the proposed order. */
  order_id: string;
  proposed: boolean;
}

/** One item-location whole. */
export interface LineDetail {
  line: PlanLine;
  item_name: string;
  uom: string;
  as_of: string;
  bucket: 'day' | 'week' | 'month';
  proposal: (Proposal & { expected_receipt: string; value: string | null }) | null;
  explanation: Explanation;
  arrivals: Arrival[];
  projection: ProjectionPoint[];
  protection_until: string;
}

/** The same as planned, and as it would be if something were different. */
export interface Explained {
  line: LineDetail;
  what_if: LineDetail | null;
}

export interface OrderSummary {
  order_id: string;
  type: ProposalRow['type'];
  supplier_id: string | null;
  from_location: string | null;
  destination: string;
  state: ProposalState;
  n_lines: number;
  value: string | null;
  currency: string;
}

export interface OrderPage {
  orders: OrderSummary[];
  next_cursor: string | null;
}

export interface Exported {
  orders: OrderSummary[];
  n_lines: number;
  n_late: number;
}

export interface PlanRow {
  at: string;
  outcome: 'filed' | 'failed';
  plan_id: string | null;
  as_of: string | null;
  scope: 'everything' | 'places' | null;
  n_places: number | null;
  n_events: number;
  n_changed: number;
  seconds: number;
  error: string | null;
  /** Sentences, in English. */
  problems: string[];
}

/** Something that a planner should look at. */
export interface ExceptionRow {
  /** The same for this kind at this place, whichever plan finds it. */
  id: string;
  code: string;
  item_id: string;
  location_id: string;
  expected_money: string;
  message: string;
  message_zh: string;
  action: string;
  action_zh: string;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  snoozed_until: string | null;
  assigned_to: string | null;
  /** The last one that somebody gave for any of these. */
  reason: string;
}

export interface ExceptionPage {
  exceptions: ExceptionRow[];
  n_found: number;
  money_found: string;
  next_cursor: string | null;
}

/** How well a version forecast what it was not fitted to, beside the model as shipped. */
export interface ModelEvidence {
  scaled_loss: number;
  shipped_scaled_loss: number;
  improvement: number;
  wql: number;
}

export interface ModelVersion {
  version: string;
  method: string | null;
  base: string | null;
  sha256: string;
  day: string | null;
  used: boolean;
  evidence: ModelEvidence | null;
  /** Why it cannot be used. */
  error: string | null;
}

export interface ModelChange {
  action: 'promote' | 'rollback';
  from: string;
  to: string;
  day: string;
  reason: string | null;
}

export interface Models {
  versions: ModelVersion[];
  history: ModelChange[];
}

export interface LevelRow {
  level: number;
  below: number;
  at_or_below: number;
  asked: number;
}

export interface SegmentRow {
  segment: string;
  n_seen: number;
  n_censored: number;
  bias: number | null;
  wql: number | null;
  levels: LevelRow[];
}

export interface AlarmRow {
  code: string;
  item_id: string | null;
  location_id: string | null;
  segment: string | null;
  raised_on: string;
  since: string;
  n_outcomes: number;
  demand: number;
  expected: number;
  message: string;
  message_zh: string;
}

export interface ContestRow {
  of: string;
  champion: string;
  in_shadow: string | null;
  phase: string;
  saving: number | null;
  interval: [number, number] | null;
  n_periods: number;
  n_outcomes: number;
  history: { day: string; kind: string; champion: string; other: string; message: string | null }[];
}

export interface BacktestRow {
  day: string;
  why: string;
  n_item_locations: number;
  from: string;
  to: string;
  policies: { policy: string; cost: number; fill_rate: number | null }[];
}

/** A request to the API. */
export interface ApiRequest {
  method: 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body: unknown;
}

/** A rule that edits of people suggest. */
export interface RuleRow {
  id: string;
  scope: 'location' | 'category' | 'item' | 'item_location';
  item_id: string | null;
  location_id: string | null;
  category: string | null;
  direction: 'more' | 'less' | 'nothing';
  ratio: number;
  factor: number;
  n_edits: number;
  n_all_edits: number;
  n_days: number;
  n_paid: number;
  saved: number;
  mean_saved: number;
  interval: [number, number];
  n_decisions: number;
  would_save: number;
  by: string[];
  reasons: string[];
  request: ApiRequest;
  undo: ApiRequest;
}

/** What outcomes of earlier decisions have taught. */
export interface Adaptation {
  as_of: string | null;
  n_waiting: number;
  n_judged: number;
  n_unknown: number;
  n_other_model: number;
  n_watched: number;
  segments: SegmentRow[];
  alarms: AlarmRow[];
  edits: { n_edits: number; n_better: number; saved: number };
  rules: RuleRow[];
  overrides: { n_overridden: number; n_better: number; error_without: number; error_with: number };
  contests: ContestRow[];
  backtest_due: string | null;
  backtests: BacktestRow[];
}

export interface JobRow {
  job_id: string;
  kind: 'simulation' | 'backtest' | 'forecast_backtest' | 'scenario' | 'frontier';
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  done: number;
  total: number;
  author: string;
  asked_at: string;
  ended_at: string | null;
  error: string | null;
  href: string;
}

export interface JobBody<T> extends JobRow {
  /** Nothing before the job is done. */
  result: T | null;
}

export interface ShadowPrice {
  limit: string;
  allowed: number;
  used: number;
  price: number;
  step: number;
  step_gain: number;
  n_lines: number;
}

export interface FrontierPoint {
  /** Nothing: the plan as things are. */
  target: number | null;
  summary: PlanSummary;
  limits: ShadowPrice[];
}

export interface ScenarioRow {
  scenario_id: string;
  name: string;
  changes: string[];
  author: string;
  at: string;
  job: JobRow | null;
}

/** Of two, the first is as things are, the second under the scenario. */
export interface Comparison {
  as_of: string;
  currency: string;
  summaries: [PlanSummary, PlanSummary];
  limits: [ShadowPrice[], ShadowPrice[]];
  n_lines: number;
}

export interface ScenarioBody extends ScenarioRow {
  comparison: Comparison | null;
}

export interface DiffLine {
  item_id: string;
  location_id: string;
  source: { supplier_id?: string; location_id?: string } | string;
  quantity: [string, string];
  value: [string | null, string | null];
  expected_demand: [number, number];
  p_stockout: [number, number];
  days_of_cover: [number, number];
}

export interface DiffPage {
  lines: DiffLine[];
  n_lines: number;
  next_from: number | null;
}

/** Mean over the futures, and what 5 % of them are below and above. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

/** A sentence in both languages. */
export interface Note {
  en: string;
  zh: string;
}

export interface SimulatedLine {
  item_id: string;
  item_name: string;
  location_id: string;
  policy: string;
  demand: number;
  fill_rate: number | null;
  lost: Estimate;
  lost_margin: Estimate;
  p_stockout: number;
  mean_stock_value: number;
  n_orders: number;
  ordered: number;
  waste: number;
}

export interface SimulatedFuture {
  name: string;
  kpis: Record<string, Estimate | null>;
  locations: { location_id: string; n_item_locations: number; kpis: Record<string, Estimate | null> }[];
  lines: SimulatedLine[];
  stock_value: { day: string; mean: number; quantiles: [number, number, number, number, number] }[];
  service: { day: string; fill_rate: Estimate | null }[];
}

export interface Simulation {
  from: string;
  to: string;
  n_paths: number;
  n_item_locations: number;
  currency: string;
  costs_assumed: boolean;
  shocks: Note[];
  /** The future as it is, and where something happens besides, that too. */
  scenarios: SimulatedFuture[];
  difference: Record<string, Estimate | null> | null;
  notes: Note[];
}

export interface ReplayedPolicy {
  policy: string;
  kind: 'policy' | 'baseline' | 'actual';
  n_item_locations: number;
  kpis: {
    fill_rate: number | null;
    mean_stock_value: number;
    n_orders: number;
    waste_value: number;
    cost: number;
    holding_cost: number;
    stockout_cost: number;
    order_cost: number;
    waste_cost: number;
  };
  above_bound: number | null;
}

export interface Replay {
  from: string;
  to: string;
  n_item_locations: number;
  currency: string;
  costs_assumed: boolean;
  policies: ReplayedPolicy[];
  bound: { cost: number; fill_rate: number | null };
  savings: { policy: string; baseline: string; share: number; low: number; high: number; verdict: string; sentence: string; sentence_zh: string }[];
  headline: string;
  headline_zh: string;
  notes: Note[];
  timeline: { day: string; demand: number; policies: { sold: number; stock_value: number; cost: number }[] }[];
}

/** How the last plan went. */
export type Planning = 'planned' | 'with_problems' | 'failed';

export interface OpenOrder {
  order_id: string;
  quantity: string;
  received: string;
  open: string;
  supplier_id: string | null;
  from_location: string | null;
  placed_at: string | null;
  due_on: string | null;
  is_late: boolean;
  status: 'open' | 'confirmed' | 'shipped';
}

export interface InventoryRow {
  item_id: string;
  location_id: string;
  on_hand: string;
  on_order: string;
  counted_in: 'files' | 'events' | null;
  counted_at: string | null;
  moved_at: string | null;
  lots: { lot_id: string | null; expiry: string | null; counted: string }[];
  open_orders: OpenOrder[];
}

export interface InventoryPage {
  inventory: InventoryRow[];
  next_after: string | null;
  last_sequence: number;
}

export type Severity = 'error' | 'warning' | 'info';

export interface DataHealth {
  as_of: string | null;
  score: number | null;
  n_item_locations: number;
  n_with_findings: number;
  tables: Record<string, number>;
  missing_tables: MissingTable[];
  codes: { code: string; title: string; severity: Severity; n_findings: number }[];
  n_to_count: number;
}

export interface FindingRow {
  code: string;
  title: string;
  severity: Severity;
  message: string;
  message_zh: string;
  fix: string;
  fix_zh: string;
  item_id: string | null;
  location_id: string | null;
  rows: { file: string; row: number }[];
  n_rows: number;
}

export interface FindingPage {
  findings: FindingRow[];
  n_found: number;
  as_of: string | null;
  next_cursor: string | null;
}

export interface ScoreRow {
  item_id: string;
  location_id: string;
  score: number;
  codes: string[];
  stock_known: boolean;
}

export interface ScorePage {
  scores: ScoreRow[];
  n_found: number;
  as_of: string | null;
  next_cursor: string | null;
}

export interface CountRow {
  item_id: string;
  item_name: string;
  location_id: string;
  recorded: string;
  probability_empty: number;
  expected_on_hand: number;
  saving: number;
  lost_per_day: number;
  reason: string;
  reason_zh: string;
  counted_at: string | null;
}

export interface CountPage {
  lines: CountRow[];
  n_found: number;
  as_of: string | null;
  next_cursor: string | null;
}

export interface EventBody {
  event_id: string;
  source: string;
  type: string;
  occurred_at: string;
  item_id?: string;
  location_id?: string;
  quantity?: string;
  on_hand?: string;
  order_id?: string;
}

export interface RecordedEvent {
  sequence: number;
  recorded_at: string;
  event: EventBody;
}

/** An RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  field?: string;
  got?: string;
  expected?: string;
  fix?: string;
  current?: ProposalRow;
}

export interface QuarantineRow {
  quarantine_id: number;
  received_at: string;
  position: string;
  reason: { code: string; field: string; got: string; expected: string; fix: string };
  raw: string;
  state: 'open' | 'released' | 'discarded';
  sequence: number | null;
}

export interface QuarantinePage {
  entries: QuarantineRow[];
  next_from: number;
  has_more: boolean;
}

export interface UserRow {
  name: string;
  role: Role;
  locations: string[] | null;
  is_disabled: boolean;
  created_at: string;
}

export interface TokenRow {
  name: string;
  role: Role;
  locations: string[] | null;
  created_at: string;
  expires_at: string | null;
}

export interface WebhookRow {
  id: string;
  url: string;
  topics: string[];
  state: 'active' | 'paused';
  paused_because: string | null;
  failing_since: string | null;
  created_at: string;
}

export interface AuditRow {
  number: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  reason: string;
  before: string;
  after: string;
  hash: string;
}

export interface AuditPage {
  records: AuditRow[];
  next_from: number;
  has_more: boolean;
}

/** A file that waits to be taken in. */
export interface StagedImport {
  import_id: string;
  file: string;
  author: string;
  uploaded_at: string;
  n_bytes: number;
}

export interface MissingTable {
  table: string;
  improves: string;
  improves_zh: string;
}

export interface ImportList {
  imports: StagedImport[];
  missing_tables: MissingTable[];
}

export interface ImportColumn {
  column: string;
  field: string | null;
  is_attribute: boolean;
  samples: string[];
}

export interface ImportAnswer {
  answer: string;
  examples: { cell: string; reading: string }[];
}

export interface ImportQuestion {
  question: 'table' | 'sheet' | 'decimal' | 'date' | 'place';
  column: string | null;
  row: number | null;
  why: string;
  n_overlapping: number | null;
  answers: ImportAnswer[];
  answer: string | null;
}

export interface ImportedTable {
  table: string;
  file: string;
  n_rows: number;
  n_accepted: number;
  n_duplicates: number;
  n_left_out: number;
  n_quarantined: number;
}

/** What a file would become. */
export interface ImportPreview extends StagedImport {
  table: string | null;
  fields: { field: string; is_required: boolean }[];
  columns: ImportColumn[];
  missing: string[];
  questions: ImportQuestion[];
  read: ImportedTable[];
  first_day: string | null;
  last_day: string | null;
  n_items: number;
  n_locations: number;
  n_quarantined: number;
  row_errors: { row: number; column: string; value: string; expected: string; expected_zh: string; fix: string; fix_zh: string }[];
  notes: { note: string; note_zh: string }[];
  problem: { detail: string; detail_zh: string; fix: string | null; fix_zh: string | null } | null;
  mapped_by: string | null;
  becomes: string;
  replaces: string | null;
  is_ready: boolean;
}

export interface AppliedImport {
  import_id: string;
  file: string;
  replaced: string | null;
  read: ImportedTable[];
}
