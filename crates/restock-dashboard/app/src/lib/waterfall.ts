import { add } from './decimal';
import type { WaterfallLine } from './types';

/** A step of the waterfall: the sum before it and after it, base units. */
export interface Step {
  line: WaterfallLine;
  from: number;
  to: number;
}

export interface Waterfall {
  steps: Step[];
  /** The exact sum, which is the quantity of the plan. */
  total: string;
  /** The ends of the scale; it always has 0. */
  min: number;
  max: number;
}

/** Lays the lines of a quantity end to end. Lines of 0 are left out: they change nothing. */
export function waterfallOf(lines: readonly WaterfallLine[]): Waterfall {
  const steps: Step[] = [];
  let total = '0';
  let [min, max] = [0, 0];
  for (const line of lines) {
    if (Number(line.value) === 0) continue;
    const from = Number(total);
    total = add(total, line.value);
    const to = Number(total);
    steps.push({ line, from, to });
    min = Math.min(min, to);
    max = Math.max(max, to);
  }
  return { steps, total, min, max };
}

/** Where a bar lies on the scale, shares of its width. */
export function placeOf({ from, to }: Pick<Step, 'from' | 'to'>, { min, max }: Pick<Waterfall, 'min' | 'max'>) {
  const width = max - min || 1;
  return { begin: (Math.min(from, to) - min) / width, length: Math.abs(to - from) / width };
}
