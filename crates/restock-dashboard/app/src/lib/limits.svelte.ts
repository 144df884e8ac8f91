import { get, Refusal } from './api';
import { desk } from './desk.svelte';
import type { Group } from './inbox';
import { limitsOf, sumsOf, type Limit } from './limits';
import { sourceOf } from './names';
import { session } from './session.svelte';
import type { GroupBody, LimitRow, OrderGroup, SupplierRow } from './types';

/** Minimums and trucks of suppliers, and how far open lines get. */
class Limits {
  #suppliers = $state.raw<ReadonlyMap<string, SupplierRow>>(new Map());
  #planned = $state.raw<OrderGroup[]>([]);
  /** Budgets and capacities over several lines; what fills containers stands beside the orders. */
  whole = $state.raw<LimitRow[]>([]);
  readonly #sums = $derived(sumsOf(desk.rows.values()));

  async load(): Promise<void> {
    try {
      const [{ suppliers }, { order_groups, limits: all }] = await Promise.all([
        get<{ suppliers: SupplierRow[] }>('/v1/suppliers', { limit: 1000 }),
        get<GroupBody>('/v1/order-groups'),
      ]);
      this.#suppliers = new Map(suppliers.map((one) => [one.supplier_id, one]));
      this.#planned = order_groups;
      this.whole = all.filter(({ limit }) => !limit.startsWith('container '));
    } catch (error) {
      // Without them the lines are as good as before.
      if (!(error instanceof Refusal)) throw error;
    }
  }

  /** The time of day until which a source takes orders; empty where none is known. */
  cutOffOf(source: string): string {
    return this.#suppliers.get(source)?.cut_off ?? this.#planned.find((group) => sourceOf(group) === source)?.cut_off ?? '';
  }

  of(group: Group): Limit[] {
    const supplier = this.#suppliers.get(group.source);
    return supplier === undefined ? [] : limitsOf(group, supplier, this.#planned, session.who?.locations === null ? this.#sums : undefined);
  }
}

export const limits = new Limits();
