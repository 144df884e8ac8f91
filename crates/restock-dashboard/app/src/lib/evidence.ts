import type { Proposal, WaterfallLine } from './types';

export function waterfallLine(proposal: Proposal, ...codes: string[]): WaterfallLine | undefined {
  return proposal.explanation.waterfall.find(({ code }) => codes.includes(code));
}

/** A number or name behind a line of the waterfall. */
export function evidenceOf(line: WaterfallLine | undefined, key: string): string | undefined {
  return line?.evidence.find(([name]) => name === key)?.[1];
}
