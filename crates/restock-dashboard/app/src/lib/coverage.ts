/** Half the width of what chance alone makes of a share, in 95 of 100 cases, if outcomes were independent. */
export function chanceOf(level: number, n: number): number {
  return n === 0 ? 1 : 1.96 * Math.sqrt((level * (1 - level)) / n);
}

/** The end of an axis around zero that holds an interval: the next of 1, 2 and 5 times a power of ten. */
export function reachOf(interval: readonly number[]): number {
  const most = Math.max(...interval.map(Math.abs));
  if (!(most > 0)) return 0.1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((step) => step * power >= most) ?? 10) * power;
}

/** Columns of a file of how forecasts of segments have done. */
export const SEGMENT_COLUMNS = ['segment', 'n_seen', 'n_censored', 'bias', 'wql'] as const;
export const LEVEL_COLUMNS = ['level', 'below', 'at_or_below', 'asked'] as const;
