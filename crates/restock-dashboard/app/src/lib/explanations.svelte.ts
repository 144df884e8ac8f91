import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

import { get, Refusal } from './api';
import { stream, type Touched } from './stream.svelte';
import type { Proposal, ProposalRow } from './types';

export type Answer = { version: number; proposal: Proposal } | { version: number; refusal: Refusal };

const MAX_IN_FLIGHT = 6;
const MAX_KEPT = 4_000;
/** After this time, what a busy server did not answer is asked again. */
const RETRY_MS = 2_000;

/** Explanations of proposals, read when they are looked at and again when something changed. */
class Explanations {
  readonly #answers = new SvelteMap<string, Answer>();
  /** What is on the page. */
  #shown: ProposalRow[] = [];
  #wanted: ProposalRow[] = [];
  #touched: Touched[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #inFlight = new Set<string>();

  constructor() {
    stream.onTouched((touched) => this.#touched.push(touched));
  }

  /** Reads what events have touched again: a plan has taken them in. */
  refresh(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const [id, answer] of touched.length > 0 ? this.#answers : []) {
      if (!('proposal' in answer)) continue;
      const { item_id, destination } = answer.proposal;
      const isAbout = ({ item_id: item, location_id: location }: Touched): boolean =>
        (item === null || item === item_id) && (location === null || location === destination);
      // It stays on the page until the new one is there.
      if (touched.some(isAbout)) this.#answers.set(id, { ...answer, version: 0 });
    }
    this.want(this.#shown);
  }

  /** What is known of a proposal; it may be of an earlier version. */
  of(id: string): Answer | undefined {
    return this.#answers.get(id);
  }

  proposal(id: string): Proposal | undefined {
    const answer = this.#answers.get(id);
    return answer !== undefined && 'proposal' in answer ? answer.proposal : undefined;
  }

  /** Reads the explanations of what is on the page now; what is no longer on it is not read. */
  want(rows: ProposalRow[]): void {
    this.#shown = rows;
    this.#wanted = untrack(() => rows.filter((row) => this.#answers.get(row.proposal_id)?.version !== row.version));
    this.#next();
  }

  forget(): void {
    this.#answers.clear();
    this.#shown = [];
    this.#wanted = [];
  }

  #again(): void {
    this.#retry = undefined;
    this.want(this.#shown);
  }

  #next(): void {
    while (this.#inFlight.size < MAX_IN_FLIGHT) {
      const row = this.#wanted.shift();
      if (row === undefined) return;
      if (!this.#inFlight.has(row.proposal_id)) void this.#read(row);
    }
  }

  async #read({ proposal_id: id, version }: ProposalRow): Promise<void> {
    this.#inFlight.add(id);
    try {
      const proposal = await get<Proposal>(`/v1/proposals/${encodeURIComponent(id)}/explanation`);
      this.#answers.set(id, { version, proposal });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status } = error.problem;
      const isBusy = status === 0 || status === 429 || status >= 500;
      if (isBusy) this.#retry ??= setTimeout(() => this.#again(), RETRY_MS);
      else this.#answers.set(id, { version, refusal: error });
    } finally {
      this.#inFlight.delete(id);
      this.#forgetOldest();
      this.#next();
    }
  }

  #forgetOldest(): void {
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_KEPT) break;
      this.#answers.delete(oldest);
    }
  }
}

export const explanations = new Explanations();
