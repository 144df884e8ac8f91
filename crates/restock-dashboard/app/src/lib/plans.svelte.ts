import { get, Refusal } from './api';
import { exceptions } from './exceptions.svelte';
import { explanations } from './explanations.svelte';
import { session } from './session.svelte';
import { stream } from './stream.svelte';
import type { PlanRow } from './types';

const SETTLE_MS = 1_000;

/** The last runs of the planner, the latest first. */
class Plans {
  runs = $state.raw<PlanRow[] | undefined>(undefined);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const later = (): void => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.load(), SETTLE_MS);
    };
    stream.onTouched(later);
    stream.onChanged(later);
  }

  /** The day of the last plan that was filed: "today" of the business. */
  get asOf(): string | undefined {
    return this.runs?.find((run) => run.as_of !== null)?.as_of ?? undefined;
  }

  async load(): Promise<void> {
    if (!session.may('see_plans')) {
      this.#planned();
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

  #planned(): void {
    explanations.refresh();
    exceptions.refresh();
  }
}

export const plans = new Plans();
