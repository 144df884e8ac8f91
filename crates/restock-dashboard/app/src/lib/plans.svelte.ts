import { get, Refusal } from './api';
import { desk } from './desk.svelte';
import { exceptions } from './exceptions.svelte';
import { explanations } from './explanations.svelte';
import { session } from './session.svelte';
import { stream } from './stream.svelte';
import type { Planning, PlanRow } from './types';

const SETTLE_MS = 1_000;
/** A plan that fails changes nothing that the stream would tell of. */
const LOOK_AGAIN_MS = 60_000;

/** The last runs of the planner, the latest first. */
class Plans {
  runs = $state.raw<PlanRow[] | undefined>(undefined);
  /** For those who may not see the runs. */
  #planning = $state<Planning | undefined>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const later = (): void => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.load(), SETTLE_MS);
    };
    stream.onTouched(later);
    stream.onChanged(later);
    setInterval(() => {
      if (session.who != null && document.visibilityState === 'visible') void this.load();
    }, LOOK_AGAIN_MS);
  }

  /** The day of the last plan that was filed: "today" of the business. */
  get asOf(): string | undefined {
    return this.runs?.find((run) => run.as_of !== null)?.as_of ?? undefined;
  }

  /** How the last plan went; nothing before the first one. */
  get planning(): Planning | undefined {
    const last = this.runs?.[0];
    if (last === undefined) return this.#planning;
    return last.outcome === 'failed' ? 'failed' : last.problems.length > 0 ? 'with_problems' : 'planned';
  }

  async load(): Promise<void> {
    if (!session.may('see_plans')) {
      this.#planned();
      await this.#lookIfReady();
      return;
    }
    try {
      const { plans: runs } = await get<{ plans: PlanRow[] }>('/v1/plans');
      if (this.runs !== undefined && runs[0]?.at !== this.runs[0]?.at) this.#planned();
      this.runs = runs;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  async #lookIfReady(): Promise<void> {
    try {
      this.#planning = (await get<{ planning?: Planning }>('/ready')).planning;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  #planned(): void {
    desk.replanned();
    explanations.refresh();
    exceptions.refresh();
  }
}

export const plans = new Plans();
