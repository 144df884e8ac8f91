import { get, post, Refusal } from './api';
import type { JobBody, JobRow } from './types';

/** Where the server gives no stream, it is asked this often. */
const ASK_MS = 2_000;

export const isOver = ({ state }: Pick<JobRow, 'state'>): boolean => state !== 'waiting' && state !== 'running';

/** How long it still takes, seconds, if it goes on as it went; nothing before that can be told. */
export function secondsLeft({ done, total }: Pick<JobRow, 'done' | 'total'>, seconds: number): number | undefined {
  return done > 0 && total > done && seconds > 0 ? (seconds * (total - done)) / done : undefined;
}

export const cancelJob = (id: string): Promise<JobRow> => post<JobRow>(`/v1/jobs/${encodeURIComponent(id)}:cancel`);
export const readJobs = async (): Promise<JobRow[]> => (await get<{ jobs: JobRow[] }>('/v1/jobs')).jobs;

/** A job as it goes on, and its answer once it is done. */
export class Following<T> {
  row = $state.raw<JobRow | undefined>(undefined);
  result = $state.raw<T | undefined>(undefined);
  /** Whether somebody has cancelled it, and it goes on to its next step. */
  isEnding = $state(false);
  /** Why it could not be asked for or read. */
  failure = $state.raw<Refusal | undefined>(undefined);
  /** When it began to run, as seen from here. */
  #runsSince: number | undefined;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #then: (row: JobRow) => void;
  readonly #isRead: boolean;

  /** `then` is called once it is over; `isRead`: whether its answer is read then. */
  constructor({ then = () => {}, isRead = true }: { then?: (row: JobRow) => void; isRead?: boolean } = {}) {
    [this.#then, this.#isRead] = [then, isRead];
  }

  get isBusy(): boolean {
    return this.row !== undefined && !isOver(this.row);
  }

  secondsLeft(now: number): number | undefined {
    return this.row && this.#runsSince !== undefined ? secondsLeft(this.row, (now - this.#runsSince) / 1_000) : undefined;
  }

  /** Asks for work and follows it; gives whether it was taken. */
  async begin(ask: () => Promise<JobRow>): Promise<boolean> {
    this.failure = undefined;
    try {
      this.follow(await ask());
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.failure = error;
      return false;
    }
  }

  follow(row: JobRow): void {
    this.end();
    this.failure = undefined;
    [this.#runsSince, this.isEnding] = [undefined, false];
    this.#take(row);
    if (isOver(row)) return;
    const source = new EventSource(`/v1/jobs/${encodeURIComponent(row.job_id)}/progress`);
    this.#source = source;
    source.addEventListener('progress', (event) => this.#take(JSON.parse(event.data as string) as JobRow));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED && this.isBusy) void this.#ask(row.job_id);
    };
  }

  async cancel(): Promise<void> {
    if (this.row === undefined || isOver(this.row)) return;
    this.isEnding = true;
    try {
      this.#take(await cancelJob(this.row.job_id));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.isEnding = false;
      this.failure = error;
    }
  }

  /** Follows no longer; the job goes on. */
  end(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #take(row: JobRow): void {
    this.row = row;
    if (row.state === 'running') this.#runsSince ??= Date.now();
    if (!isOver(row)) return;
    this.end();
    if (row.state === 'done' && this.#isRead) void this.#read(row);
    else this.#then(row);
  }

  async #read(row: JobRow): Promise<void> {
    try {
      const { result } = await get<JobBody<T>>(row.href);
      if (this.row?.job_id === row.job_id) this.result = result ?? undefined;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.failure = error;
    }
    this.#then(row);
  }

  async #ask(id: string): Promise<void> {
    try {
      this.#take(await get<JobRow>(`/v1/jobs/${encodeURIComponent(id)}`));
      if (this.isBusy) this.#timer = setTimeout(() => void this.#ask(id), ASK_MS);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.failure = error;
    }
  }
}
