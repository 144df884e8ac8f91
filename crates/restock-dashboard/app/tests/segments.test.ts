import { expect, test } from 'vitest';

import { coverageOf, filterOfLines } from '../src/lib/segments';
import type { LocationRow } from '../src/lib/types';

const location = (location_id: string, kind: string, attributes = {}): LocationRow => ({ location_id, name: '', kind, parent_id: null, attributes });
const LOCATIONS = [location('dc', 'dc'), location('old-town', 'store', { size: 'small' }), location('station', 'store')];

test('what is said of locations becomes their ids', () => {
  expect(filterOfLines("location.kind == 'dc'", LOCATIONS)).toBe("location.id in ['dc']");
  expect(filterOfLines("item.abc == 'C' and location.kind != 'dc'", LOCATIONS)).toBe("item.abc == 'C' and location.id in ['old-town', 'station']");
  expect(filterOfLines('location.size in ["small", "large"]', LOCATIONS)).toBe("location.id in ['old-town']");
  expect(filterOfLines("location.kind == 'ward'", LOCATIONS)).toBe("location.id == ''");
  expect(filterOfLines("location.id == 'dc' or item.id == 'location.kind'", LOCATIONS)).toBe("location.id == 'dc' or item.id == 'location.kind'");
});

test('what planned lines do not know cannot be said', () => {
  expect(filterOfLines("item.category == 'food'", LOCATIONS)).toBeUndefined();
  expect(filterOfLines('location.size > 5', LOCATIONS)).toBeUndefined();
});

test('the first segment that holds counts', () => {
  expect(coverageOf(["location.kind == 'dc'", "item.abc == 'C'"], LOCATIONS)).toEqual([
    "(location.id in ['dc'])",
    "(item.abc == 'C') and not (location.id in ['dc'])",
    "not (location.id in ['dc']) and not (item.abc == 'C')",
  ]);
  expect(coverageOf(["item.category == 'food'", "item.abc == 'C'"], LOCATIONS)).toEqual([undefined, undefined, undefined]);
  expect(coverageOf([], LOCATIONS)).toEqual(['']);
});
