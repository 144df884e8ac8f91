import { get, Refusal } from './api';
import { byPlace, placeKey } from './looking';
import type { ExceptionPage, ExceptionRow } from './types';

const PAGE = 1_000;
/** Between two readings lies at least so many times what the last one took. */
const REST = 5;
/** So many are handled at a time. */
const AT_ONCE = 8;
const NONE: ExceptionRow[] = [];

/** Everything that stands out in the last plan. */
class Exceptions {
  rows = $state.raw<ExceptionRow[] | undefined>(undefined);
  /** Money at stake in all of them. */
  money = $state.raw('0');
  failure = $state.raw<Refusal | undefined>(undefined);
  readonly #places = $derived(byPlace(this.rows ?? []));
  #reading = 0;
  #notBefore = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Of an item at a location, the most money first. */
  of(item: string, location: string): ExceptionRow[] {
    return this.#places.get(placeKey(item, location)) ?? NONE;
  }

  async load(): Promise<void> {
    const reading = ++this.#reading;
    const began = performance.now();
    this.failure = undefined;
    try {
      const rows: ExceptionRow[] = [];
      let cursor: string | undefined;
      let money = '0';
      do {
        const page = await get<ExceptionPage>('/v1/exceptions', { limit: PAGE, cursor });
        if (reading !== this.#reading) return;
        rows.push(...page.exceptions);
        money = page.money_found;
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      [this.rows, this.money] = [rows, money];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (reading === this.#reading) this.failure = error;
    }
    const now = performance.now();
    this.#notBefore = now + REST * (now - began);
  }

  /** As it stands now, where it is still there. */
  get(id: string): ExceptionRow | undefined {
    return this.rows?.find((row) => row.id === id);
  }

  /** Shows at once what somebody does about rows and sends it until the server refuses one: what is not done is as before.
      Gives the rows that were handled, as they were before, and why no more were. */
  async handle(
    rows: readonly ExceptionRow[],
    becomes: (row: ExceptionRow) => ExceptionRow,
    send: (row: ExceptionRow) => Promise<ExceptionRow>,
  ): Promise<{ done: ExceptionRow[]; error?: unknown }> {
    const reading = this.#reading;
    const done: ExceptionRow[] = [];
    this.#show(rows.map(becomes));
    for (let begin = 0; begin < rows.length; begin += AT_ONCE) {
      const some = rows.slice(begin, begin + AT_ONCE);
      const answers = await Promise.allSettled(some.map(send));
      const isDone = (idx: number): boolean => answers[idx]?.status === 'fulfilled';
      this.#show(answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])));
      done.push(...some.filter((_, idx) => isDone(idx)));
      const refused = answers.find((answer) => answer.status === 'rejected');
      if (refused === undefined) continue;
      this.#show([...some.filter((_, idx) => !isDone(idx)), ...rows.slice(begin + AT_ONCE)]);
      this.refresh();
      return { done, error: refused.reason };
    }
    // What was read meanwhile may be from before.
    if (reading !== this.#reading) this.refresh();
    return { done };
  }

  #show(rows: readonly ExceptionRow[]): void {
    const news = new Map(rows.map((row) => [row.id, row]));
    this.rows = this.rows?.map((row) => news.get(row.id) ?? row);
  }

  /** A plan was made: what stands out may be something else. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), Math.max(0, this.#notBefore - performance.now()));
  }

  forget(): void {
    this.#reading += 1;
    clearTimeout(this.#timer);
    [this.rows, this.money, this.failure] = [undefined, '0', undefined];
  }
}

export const exceptions = new Exceptions();
