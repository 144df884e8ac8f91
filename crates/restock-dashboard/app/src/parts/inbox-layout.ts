export type Layout = 'wide' | 'medium' | 'cards';

/** Heights of entries, rem. */
export const HEIGHTS: Record<Layout, { group: number; line: number; head: number }> = {
  wide: { group: 3.4, line: 3.3, head: 2.3 },
  medium: { group: 3.4, line: 3.3, head: 2.3 },
  cards: { group: 5.6, line: 7.4, head: 0 },
};

/** The layout for a list of a width, rem. */
export function layoutOf(width: number): Layout {
  return width >= 74 ? 'wide' : width >= 50 ? 'medium' : 'cards';
}
