import { expect, test } from 'vitest';

import { readCsv, tableCsv, writeCsv } from '../src/lib/csv';
import { editsOf } from '../src/lib/edits';
import { LINE_COLUMNS } from '../src/lib/inbox';
import { proposal } from './fixtures';

const HARD = ['', 'plain', 'a,b', 'say "hi"', 'two\nlines', 'two\r\nlines', ' spaces ', '=1+1', '@SUM(A1)', '+A1', '-A1', '-5', '+1,234.5', '\tA1', "'=A1", "''=A1", "'tis", '0012', '12.50', '沪'];

test('what is written is read again unchanged', () => {
  const rows = [HARD, [...HARD].reverse()];
  const columns = HARD.map((_, idx) => `c${idx}`);
  expect(readCsv(writeCsv(columns, rows))).toEqual([columns, ...rows]);
  expect(readCsv('\uFEFFa,b\n1,2')).toEqual([['a', 'b'], ['1', '2']]);
  expect(readCsv('')).toEqual([]);
});

test('no spreadsheet runs what a cell says, and numbers stay numbers', () => {
  const cells = ['=1+1', '@SUM(A1)', '+A1', '-A1', "'=A1", '-5', '+1,234.5', '.5', "'tis", ''];
  expect(writeCsv(['c'], cells.map((text) => [text]))).toBe(
    ['c', "'=1+1", "'@SUM(A1)", "'+A1", "'-A1", "''=A1", '-5', '"+1,234.5"', '.5', "'tis", '', ''].join('\r\n'),
  );
  expect(tableCsv(['gain', 'note'], [{ gain: -1e-7, note: '-1e-7' }])).toBe("gain,note\r\n-1e-7,'-1e-7\r\n");
});

test('exported lines change nothing when they come back, and an edited quantity is an edit', () => {
  const rows = [proposal('p_1', { quantity: '48', reason: 'a "promotion", local' }), proposal('p_2', { quantity: '12.500', item_id: '=milk', reason: '-' })];
  const known = new Map(rows.map((row) => [row.proposal_id, row]));
  const text = tableCsv(LINE_COLUMNS, rows);
  expect(editsOf(text, known)).toEqual({ changes: [], nUnknown: 0, badLines: [] });

  const cells = readCsv(text);
  const at = LINE_COLUMNS.indexOf('quantity');
  cells[1]![at] = '36';
  cells[2]![at] = '12.5';
  cells.push(cells[1]!.with(0, 'p_gone'), cells[1]!.with(at, 'many'));
  const edits = editsOf(writeCsv(cells[0]!, cells.slice(1)), known);
  expect(edits?.changes.map(({ row, quantity }) => [row.proposal_id, quantity])).toEqual([['p_1', '36']]);
  expect(edits).toMatchObject({ nUnknown: 1, badLines: [5] });
  expect(editsOf('item,quantity\na,1\n', known), 'a column is missing').toBeUndefined();
});
