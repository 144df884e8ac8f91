import { readCsv } from './csv';
import { compare, isDecimal } from './decimal';
import type { ProposalRow } from './types';

export interface Edits {
  changes: { row: ProposalRow; quantity: string; reason: string }[];
  /** Rows about proposals that are not open any more. */
  nUnknown: number;
  /** Lines of the file that cannot be read, as a spreadsheet counts them. */
  badLines: number[];
}

/** What a file of lines changes: quantities that are not those of the desk. Nothing where a column is missing. */
export function editsOf(text: string, rows: ReadonlyMap<string, ProposalRow>): Edits | undefined {
  const [head = [], ...lines] = readCsv(text);
  const at = (name: string): number => head.indexOf(name);
  const [id, quantity, reason] = [at('proposal_id'), at('quantity'), at('reason')];
  if (id < 0 || quantity < 0) return undefined;
  const edits: Edits = { changes: [], nUnknown: 0, badLines: [] };
  lines.forEach((line, idx) => {
    const row = rows.get(line[id] ?? '');
    const wanted = line[quantity]?.trim() ?? '';
    if (row === undefined) edits.nUnknown += 1;
    else if (!isDecimal(wanted)) edits.badLines.push(idx + 2);
    else if (compare(wanted, row.quantity) !== 0) {
      edits.changes.push({ row, quantity: wanted, reason: reason < 0 ? '' : (line[reason]?.trim() ?? '') });
    }
  });
  return edits;
}
