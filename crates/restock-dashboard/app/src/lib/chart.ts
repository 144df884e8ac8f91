// Numbers to places on a chart over days. No page: values in, paths out.

/** Round values from 0, or below where there is less, to the most or above: about so many, 1, 2 or 5 times a power of ten apart. */
export function ticksOf(least: number, most: number, n = 4): number[] {
  const [low, high] = [Math.min(0, least), Math.max(0, most)];
  const width = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(width / n));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= width / n) ?? 10) * power;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.max(1, Math.ceil(high / step - 1e-9))];
  return Array.from({ length: last - first + 1 }, (_, idx) => (first + idx) * step);
}

/** Round values from `least` or below to `most` or above; 0 need not be among them. */
export function ticksBetween(least: number, most: number, n = 4): number[] {
  const width = most - least || Math.abs(most) || 1;
  const power = 10 ** Math.floor(Math.log10(width / n));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= (width / n) * (1 - 1e-9)) ?? 10) * power;
  const [first, last] = [Math.floor(least / step + 1e-9), Math.ceil(most / step - 1e-9)];
  return Array.from({ length: Math.max(2, last - first + 1) }, (_, idx) => Number(((first + idx) * step).toPrecision(12)));
}

/** Which days are written under a chart so that no two are closer than `gap`: all, Mondays, first days of months, or every so many. */
export function dayTicksOf(days: readonly string[], widthOfDay: number, gap: number): number[] {
  const all = days.map((_, idx) => idx);
  const isMonday = (idx: number): boolean => new Date(`${days[idx]}T00:00:00Z`).getUTCDay() === 1;
  const monthOf = (idx: number): string | undefined => days[idx]?.slice(0, 7);
  const isFar = (ticks: number[]): boolean =>
    ticks.length > 1 && ticks.every((at, idx) => idx === 0 || (at - (ticks[idx - 1] ?? 0)) * widthOfDay >= gap);
  const mondays = all.filter(isMonday);
  const months = all.filter((idx) => idx > 0 && monthOf(idx) !== monthOf(idx - 1));
  const everyOther = mondays.filter((_, idx) => idx % 2 === 0);
  for (const ticks of [all, mondays, everyOther, months]) if (isFar(ticks)) return ticks;
  const step = Math.max(1, Math.ceil(gap / widthOfDay));
  return all.filter((idx) => idx % step === 0);
}

type At = (idx: number) => number;

const point = (x: number, y: number): string => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** A line through values; what is missing interrupts it. */
export function linePath(values: readonly (number | undefined)[], from: number, x: At, y: At): string {
  let path = '';
  let isBroken = true;
  values.forEach((value, idx) => {
    if (value !== undefined) path += `${isBroken ? 'M' : 'L'}${point(x(from + idx), y(value))}`;
    isBroken = value === undefined;
  });
  return path;
}

/** The area between two rows of values. */
export function areaPath(low: readonly number[], high: readonly number[], from: number, x: At, y: At): string {
  if (low.length === 0) return '';
  const there = high.map((value, idx) => point(x(from + idx), y(value)));
  const back = low.map((value, idx) => point(x(from + idx), y(value))).reverse();
  return `M${[...there, ...back].join('L')}Z`;
}

/** Stretches of neighbours for which something holds, first and last of each. */
export function stretchesOf<T>(values: readonly T[], holds: (value: T) => boolean): [first: number, last: number][] {
  const stretches: [number, number][] = [];
  values.forEach((value, idx) => {
    const open = stretches.at(-1);
    if (!holds(value)) return;
    if (open !== undefined && open[1] === idx - 1) open[1] = idx;
    else stretches.push([idx, idx]);
  });
  return stretches;
}
