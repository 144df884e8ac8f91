import { untrack } from 'svelte';

import { get, patch, post, Refusal } from './api';
import { explanations } from './explanations.svelte';
import { stream, type Changed, type Touched } from './stream.svelte';
import type { DecidedRow, InventoryPage, Planning, ProposalPage, ProposalRow, ProposalState } from './types';

const PAGE = 1_000;
const MAX_IDS = 10_000;
/** While pages come in, the list is laid out this often. */
const SHOW_MS = 1_000;
/** Changes are taken in together; a burst of more than so many is read as a whole. */
const BATCH_MS = 150;
const MAX_BATCH = 200;
/** How long a change from elsewhere is marked. */
const FRESH_MS = 20_000;

export const isOpen = (state: ProposalState): boolean =>
  state === 'proposed' || state === 'edited' || state === 'approved';
export const needsDecision = (state: ProposalState): boolean => state === 'proposed' || state === 'edited';

const isPlanned = (planning: Planning | undefined): boolean => planning === 'planned' || planning === 'with_problems';

/** The open proposals, as the server has them and as a decision that is on its way will leave them. */
class Desk {
  /** Counts changes of `rows`, so that pages know when to look again. */
  #tick = $state(0);
  #rows = new Map<string, ProposalRow>();
  isLoading = $state(false);
  isComplete = $state(false);
  failure = $state.raw<Refusal | undefined>(undefined);
  /** Ids whose last change came from elsewhere, for a mark on the page. */
  fresh = $state.raw<ReadonlySet<string>>(new Set());

  /** Whether rows tell how they are planned: they do once there is a plan. */
  #isPlanned = false;
  /** What events were about since the last plan. */
  #touched: Touched[] = [];
  #waiting = new Map<string, Changed>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    stream.onChanged((changed) => {
      this.#waiting.set(changed.proposal_id, changed);
      this.#timer ??= setTimeout(() => void this.#takeIn(), BATCH_MS);
    });
    stream.onTouched((touched) => this.#touched.push(touched));
  }

  get rows(): ReadonlyMap<string, ProposalRow> {
    void this.#tick;
    return this.#rows;
  }

  get(id: string): ProposalRow | undefined {
    return this.rows.get(id);
  }

  /** Reads everything that is open, a page at a time, and follows what changes from then on. */
  async load(): Promise<void> {
    this.isLoading = true;
    this.isComplete = false;
    this.failure = undefined;
    try {
      const [{ last_sequence }, { planning }] = await Promise.all([
        get<InventoryPage>('/v1/inventory', { limit: 1 }),
        get<{ planning?: Planning }>('/ready'),
      ]);
      // Who asks how lines are planned waits for the first plan; the lines themselves are there before.
      this.#isPlanned = isPlanned(planning);
      this.#touched = [];
      const rows = new Map<string, ProposalRow>();
      const isFirst = this.#rows.size === 0;
      let shownAt = 0;
      let cursor: string | undefined;
      let number: number | undefined;
      do {
        const page = await get<ProposalPage>('/v1/proposals', { state: 'open', limit: PAGE, cursor, planned: this.#planned });
        for (const row of page.proposals) rows.set(row.proposal_id, row);
        number ??= page.last_number;
        cursor = page.next_cursor ?? undefined;
        // The first time, lines appear as they come; later, what is on the page stays until everything is there.
        if (cursor === undefined || (isFirst && Date.now() - shownAt > SHOW_MS)) {
          this.#rows = rows;
          this.#bump();
          shownAt = Date.now();
        }
      } while (cursor !== undefined);
      this.isComplete = true;
      stream.begin(last_sequence, number);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.failure = error;
    } finally {
      this.isLoading = false;
    }
  }

  clear(): void {
    stream.end();
    explanations.forget();
    this.#rows = new Map();
    this.isComplete = false;
    this.#bump();
  }

  /** Takes a proposal over as the server has it. */
  take(row: ProposalRow): void {
    const known = this.#rows.get(row.proposal_id);
    if (known !== undefined && known.version > row.version) return;
    const planned = row.planned ?? known?.planned;
    if (isOpen(row.state)) this.#rows.set(row.proposal_id, planned ? { ...row, planned } : row);
    else this.#rows.delete(row.proposal_id);
    this.#bump();
  }

  #bump(): void {
    untrack(() => this.#tick++);
  }

  async approve(rows: ProposalRow[], by: string): Promise<void> {
    const approved = (row: ProposalRow): ProposalRow => {
      const approvals = [...row.approvals, by];
      return { ...row, approvals, state: approvals.length >= row.n_approvers ? 'approved' : row.state };
    };
    await this.#decide(rows, approved, 'approve', {});
  }

  async reject(rows: ProposalRow[], reason: string): Promise<void> {
    await this.#decide(rows, (row) => ({ ...row, state: 'rejected', reason }), 'reject', { reason });
  }

  /** Another quantity; a proposal that was approved waits for approval again. */
  async edit(row: ProposalRow, quantity: string, reason: string): Promise<void> {
    const value = row.unit_cost === null ? null : String(Number(row.unit_cost) * Number(quantity));
    await this.#optimistically([row], (old) => ({ ...old, quantity, value, reason, state: 'edited', approvals: [] }), async () => {
      const { version } = row;
      this.take(await patch<ProposalRow>(`/v1/proposals/${row.proposal_id}`, { quantity, reason, version }));
    });
  }

  /** Everything that was approved has become an order. */
  exported(): void {
    for (const [id, row] of this.#rows) if (row.state === 'approved') this.#rows.delete(id);
    this.#bump();
  }

  async #decide(
    rows: ProposalRow[],
    becomes: (row: ProposalRow) => ProposalRow,
    action: 'approve' | 'reject',
    body: object,
  ): Promise<void> {
    await this.#optimistically(rows, becomes, async () => {
      const [only] = rows;
      if (rows.length === 1 && only !== undefined) {
        const path = `/v1/proposals/${only.proposal_id}:${action}`;
        this.take(await post<ProposalRow>(path, { ...body, version: only.version }));
        return;
      }
      for (let begin = 0; begin < rows.length; begin += MAX_IDS) {
        const ids = rows.slice(begin, begin + MAX_IDS).map((row) => row.proposal_id);
        const { decided } = await post<{ decided: DecidedRow[] }>(`/v1/proposals:${action}`, { ...body, ids });
        for (const { proposal_id, state, version } of decided) {
          const row = this.#rows.get(proposal_id);
          if (row !== undefined) this.take({ ...row, state, version });
        }
      }
    });
  }

  /** Shows a decision at once, and takes it back when the server refuses it. */
  async #optimistically(
    rows: ProposalRow[],
    becomes: (row: ProposalRow) => ProposalRow,
    send: () => Promise<void>,
  ): Promise<void> {
    for (const row of rows) {
      const next = becomes(row);
      if (isOpen(next.state)) this.#rows.set(row.proposal_id, next);
      else this.#rows.delete(row.proposal_id);
    }
    this.#bump();
    try {
      await send();
    } catch (error) {
      for (const row of rows) this.#rows.set(row.proposal_id, row);
      const current = error instanceof Refusal ? error.problem.current : undefined;
      if (current !== undefined) this.take(current);
      this.#bump();
      throw error;
    }
  }

  async #takeIn(): Promise<void> {
    const changed = [...this.#waiting.values()];
    this.#waiting.clear();
    await this.#takeInThese(changed);
    this.#timer = this.#waiting.size > 0 ? setTimeout(() => void this.#takeIn(), BATCH_MS) : undefined;
  }

  /** A plan was made: reads what it says of the lines that events were about. */
  replanned(): void {
    const touched = this.#touched;
    this.#touched = [];
    if (!this.isComplete) return;
    const isAbout = ({ item_id, destination }: ProposalRow): boolean =>
      touched.some((one) => (one.item_id === null || one.item_id === item_id) && (one.location_id === null || one.location_id === destination));
    const rows = touched.length === 0 ? [] : [...this.#rows.values()].filter(isAbout);
    if (!this.#isPlanned) void this.#loadIfPlanned();
    else if (rows.length > MAX_BATCH) void this.load();
    else void Promise.allSettled(rows.map((row) => this.#read(row.proposal_id, row.item_id, row.destination)));
  }

  async #loadIfPlanned(): Promise<void> {
    const { planning } = await get<{ planning?: Planning }>('/ready').catch(() => ({ planning: undefined }));
    if (isPlanned(planning)) await this.load();
  }

  get #planned(): string | undefined {
    return this.#isPlanned ? 'true' : undefined;
  }

  /** One line, with how it is planned. */
  async #read(id: string, item: string, location: string): Promise<void> {
    const { proposals } = await get<ProposalPage>('/v1/proposals', { state: 'open', item, location, planned: this.#planned });
    const row = proposals.find(({ proposal_id }) => proposal_id === id);
    if (row) this.take(row);
    else this.#rows.delete(id);
  }

  async #takeInThese(changed: Changed[]): Promise<void> {
    const news = changed.filter((one) => (this.#rows.get(one.proposal_id)?.version ?? 0) < one.version);
    if (news.length > MAX_BATCH) {
      await this.load();
      return;
    }
    const read = news.map(async ({ proposal_id, state, item_id, location_id }) => {
      if (isOpen(state as ProposalState)) await this.#read(proposal_id, item_id, location_id);
      else this.#rows.delete(proposal_id);
    });
    await Promise.allSettled(read);
    this.#bump();
    if (news.length === 0) return;
    const fresh = new Set(news.map((one) => one.proposal_id));
    this.fresh = fresh;
    setTimeout(() => {
      if (this.fresh === fresh) this.fresh = new Set();
    }, FRESH_MS);
  }
}

export const desk = new Desk();
