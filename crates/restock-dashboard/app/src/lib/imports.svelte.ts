import { get, patch, post, Refusal, remove, upload, withQuery } from './api';
import { t } from './language.svelte';
import { plans } from './plans.svelte';
import { go, place } from './route.svelte';
import { toasts } from './toasts.svelte';
import type { AppliedImport, ImportList, ImportPreview, MissingTable, PlanRow, StagedImport } from './types';

/** How often it is asked whether the plan of a new file is there. */
const LOOK_MS = 1_000;

/** Where a file is on its way: it is chosen, sent, looked at, taken in, planned. */
export type Step = 'choose' | 'sending' | 'look' | 'applying' | 'planning' | 'planned' | 'failed';

export interface Changes {
  columns?: Record<string, string | null>;
  answers?: Record<string, string | null>;
}

/** The file that somebody brings; it goes on where pages change. */
class Imports {
  step = $state<Step>('choose');
  /** The name of the file while it is sent. */
  name = $state('');
  preview = $state.raw<ImportPreview | undefined>();
  applied = $state.raw<AppliedImport | undefined>();
  /** Whether a change is on its way. */
  isLooking = $state(false);
  refused = $state.raw<unknown>();
  /** Why the plan of the file failed. */
  failure = $state<string>();
  /** Files that wait from before. */
  waiting = $state.raw<StagedImport[]>([]);
  missing = $state.raw<MissingTable[]>([]);
  /** Whether nothing was planned before. */
  #isFirst = false;

  async load(): Promise<void> {
    try {
      const { imports, missing_tables } = await get<ImportList>('/v1/imports');
      [this.waiting, this.missing] = [imports, missing_tables];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  /** Sends a file and looks at what it would become. */
  async bring(file: File): Promise<void> {
    this.#begin('sending');
    this.name = file.name;
    await this.#or('choose', async () => {
      this.preview = await upload<ImportPreview>(withQuery('/v1/imports', { name: file.name }), file);
      this.step = 'look';
    });
  }

  /** Goes on with a file that waits. */
  async resume({ import_id, file }: StagedImport): Promise<void> {
    this.#begin('sending');
    this.name = file;
    await this.#or('choose', async () => {
      this.preview = await get<ImportPreview>(`/v1/imports/${import_id}`);
      this.step = 'look';
    });
  }

  async change(changes: Changes): Promise<void> {
    if (this.preview === undefined) return;
    this.isLooking = true;
    await this.#or('look', async () => {
      this.preview = await patch<ImportPreview>(`/v1/imports/${this.preview?.import_id}`, changes);
    });
    this.isLooking = false;
  }

  /** Takes the file in and waits for the plan of it. */
  async apply(): Promise<void> {
    if (this.preview === undefined) return;
    const before = plans.runs?.[0]?.at;
    this.#isFirst = plans.asOf === undefined;
    this.step = 'applying';
    await this.#or('look', async () => {
      this.applied = await post<AppliedImport>(`/v1/imports/${this.preview?.import_id}:apply`);
      this.step = 'planning';
      void this.#waitForPlan(before);
    });
  }

  async #waitForPlan(before: string | undefined): Promise<void> {
    while (this.step === 'planning') {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      await plans.load();
      this.#see(plans.runs ?? [], before);
    }
  }

  /** Forgets the file. */
  async discard(): Promise<void> {
    const id = this.preview?.import_id;
    this.again();
    if (id !== undefined) await remove(`/v1/imports/${id}`).catch(() => {});
    await this.load();
  }

  /** Begins anew. */
  again(): void {
    this.#begin('choose');
  }

  #see(runs: readonly PlanRow[], before: string | undefined): void {
    const known = runs.findIndex((run) => run.at === before);
    const fresh = known < 0 ? runs : runs.slice(0, known);
    if (fresh.some((run) => run.scope === 'everything')) {
      this.step = 'planned';
      void this.load();
      // Where the first file was brought, its orders come next.
      if (this.#isFirst && ['today', 'orders'].includes(place.route.page)) {
        this.again();
        toasts.say({ tone: 'good', text: t('take.first') });
        go('orders');
      }
    } else if (fresh[0]?.outcome === 'failed') {
      [this.step, this.failure] = ['failed', fresh[0].error ?? ''];
    }
  }

  #begin(step: Step): void {
    this.step = step;
    [this.preview, this.applied, this.refused, this.failure] = [undefined, undefined, undefined, undefined];
  }

  async #or(step: Step, work: () => Promise<void>): Promise<void> {
    this.refused = undefined;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      [this.step, this.refused] = [step, error];
    }
  }
}

export const imports = new Imports();
