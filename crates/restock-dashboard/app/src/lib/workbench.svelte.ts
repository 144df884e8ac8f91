import { get, patch, post, Refusal, remove } from './api';
import { Following, isOver } from './jobs.svelte';
import { session } from './session.svelte';
import type { Comparison, ScenarioBody, ScenarioRow } from './types';

/** The name of the scenario that sliders and fields change; each person has one. */
export const MINE = 'What if';
/** What is asked is sent when nothing more is asked for so long. */
const SETTLE_MS = 450;

const path = (id: string): string => `/v1/scenarios/${encodeURIComponent(id)}`;
const isMine = ({ name, author }: ScenarioRow): boolean => name === MINE && author.toLowerCase() === session.who?.name.toLowerCase();

/** The scenario on the page. A saved one stays as it is: whoever changes it goes on with a scenario of their own. */
export class Workbench {
  scenarios = $state.raw<ScenarioRow[] | undefined>(undefined);
  open = $state.raw<ScenarioRow | undefined>(undefined);
  /** What is asked, sent or not. */
  changes = $state.raw<string[]>([]);
  comparison = $state.raw<Comparison | undefined>(undefined);
  /** The job that planned what is compared. */
  comparedJob = $state<string | undefined>();
  /** Others that stand beside it. */
  beside = $state.raw<ScenarioBody[]>([]);
  /** Why the scenarios could not be read. */
  failure = $state.raw<Refusal | undefined>(undefined);
  /** Why the last change was not taken. */
  refusal = $state.raw<Refusal | undefined>(undefined);
  readonly job = new Following<never>({ isRead: false, then: () => void this.#read() });
  #isSending = false;
  #isAskedAgain = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Whether what is shown is of other changes than what is asked. */
  get isBehind(): boolean {
    const { row } = this.job;
    const isRead = row?.state !== 'done' || row.job_id === this.comparedJob;
    return this.job.isBusy || !isRead || this.changes.join('\n') !== (this.open?.changes ?? []).join('\n');
  }

  /** Opens the scenario that is linked once all are known, or else one's own. */
  async load(linked: () => string | undefined): Promise<void> {
    this.failure = undefined;
    await this.#refusable(async () => {
      await this.#list();
      const id = linked();
      const row = this.scenarios?.find((one) => (id === undefined ? isMine(one) : one.scenario_id === id));
      if (row) await this.show(row);
    });
  }

  async show(row: ScenarioRow): Promise<void> {
    clearTimeout(this.#timer);
    this.job.end();
    this.job.row = undefined;
    [this.open, this.changes, this.comparison, this.refusal] = [row, row.changes, undefined, undefined];
    await this.#refusable(async () => {
      if (row.job !== null && !isOver(row.job)) this.job.follow(row.job);
      else if (row.job?.state === 'done') await this.#read();
      else await this.planAgain();
    });
  }

  /** With what is known now. */
  async planAgain(): Promise<void> {
    const { open } = this;
    if (open === undefined || !session.may('ask_what_if')) return;
    await this.#refusable(async () => this.#take(await post<ScenarioRow>(`${path(open.scenario_id)}:plan`)));
  }

  /** Plans with these changes once nothing more is asked. */
  ask(changes: string[]): void {
    [this.changes, this.refusal] = [changes, undefined];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#send(), SETTLE_MS);
  }

  /** Adds a change as text; gives whether the server took it. */
  async add(text: string): Promise<boolean> {
    clearTimeout(this.#timer);
    [this.changes, this.refusal] = [[...this.changes, text], undefined];
    await this.#send();
    return this.refusal === undefined;
  }

  async save(name: string): Promise<boolean> {
    return this.#decide(async () => {
      const row = await post<ScenarioRow>('/v1/scenarios', { name, changes: this.changes });
      this.#take(row);
    });
  }

  async rename(row: ScenarioRow, name: string): Promise<boolean> {
    return this.#decide(async () => {
      const renamed = await patch<ScenarioRow>(path(row.scenario_id), { name });
      if (this.open?.scenario_id === row.scenario_id) this.#take(renamed);
      else this.#keep(renamed);
    });
  }

  async forget(row: ScenarioRow): Promise<boolean> {
    return this.#decide(async () => {
      await remove(path(row.scenario_id));
      this.scenarios = this.scenarios?.filter(({ scenario_id }) => scenario_id !== row.scenario_id);
      this.beside = this.beside.filter(({ scenario_id }) => scenario_id !== row.scenario_id);
      if (this.open?.scenario_id === row.scenario_id) this.close();
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.job.end();
    [this.open, this.changes, this.comparison, this.refusal, this.job.row] = [undefined, [], undefined, undefined, undefined];
  }

  /** Puts a scenario beside the one on the page, or takes it away. */
  async compare(row: ScenarioRow): Promise<boolean> {
    if (this.beside.some(({ scenario_id }) => scenario_id === row.scenario_id)) {
      this.beside = this.beside.filter(({ scenario_id }) => scenario_id !== row.scenario_id);
      return true;
    }
    return this.#decide(async () => {
      const body = await get<ScenarioBody>(path(row.scenario_id));
      this.beside = [...this.beside, body];
      if (body.comparison !== null || !session.may('ask_what_if')) return;
      const planned = await post<ScenarioRow>(`${path(row.scenario_id)}:plan`);
      if (planned.job === null) return;
      const then = async (): Promise<void> => {
        const read = await get<ScenarioBody>(path(row.scenario_id));
        this.beside = this.beside.map((one) => (one.scenario_id === row.scenario_id ? read : one));
      };
      new Following<never>({ isRead: false, then: () => void this.#refusable(then) }).follow(planned.job);
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.job.end();
  }

  async #send(): Promise<void> {
    if (this.#isSending) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isSending = true;
    const asked = this.changes;
    try {
      const mine = this.scenarios?.find(isMine);
      const row = mine
        ? await patch<ScenarioRow>(path(mine.scenario_id), { changes: asked })
        : await post<ScenarioRow>('/v1/scenarios', { name: MINE, changes: asked });
      this.#keep(row);
      if (!this.#isAskedAgain) this.#take(row);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refusal = error;
      if (!this.#isAskedAgain) this.changes = this.open?.changes ?? [];
      // Somebody took it away meanwhile.
      if (error.problem.status === 404) await this.#refusable(() => this.#list());
    } finally {
      this.#isSending = false;
    }
    if (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      await this.#send();
    }
  }

  /** A scenario as the server has it, with the job that plans it. */
  #take(row: ScenarioRow): void {
    this.#keep(row);
    if (this.open?.scenario_id !== row.scenario_id) this.comparison = undefined;
    [this.open, this.changes] = [row, row.changes];
    if (row.job !== null) this.job.follow(row.job);
  }

  #keep(row: ScenarioRow): void {
    const known = this.scenarios ?? [];
    const isKnown = known.some(({ scenario_id }) => scenario_id === row.scenario_id);
    this.scenarios = isKnown ? known.map((one) => (one.scenario_id === row.scenario_id ? row : one)) : [...known, row];
  }

  async #list(): Promise<void> {
    this.scenarios = (await get<{ scenarios: ScenarioRow[] }>('/v1/scenarios')).scenarios;
  }

  async #read(): Promise<void> {
    const id = this.open?.scenario_id;
    if (id === undefined) return;
    await this.#refusable(async () => {
      const { comparison, ...row } = await get<ScenarioBody>(path(id));
      if (this.open?.scenario_id !== id) return;
      this.open = row;
      this.#keep(row);
      if (comparison !== null) [this.comparison, this.comparedJob] = [comparison, row.job?.job_id];
      if (this.job.row === undefined && row.job) this.job.row = row.job;
    });
  }

  async #refusable(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.failure = error;
    }
  }

  async #decide(run: () => Promise<void>): Promise<boolean> {
    this.refusal = undefined;
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refusal = error;
      return false;
    }
  }
}
