import type { Act } from './handling';
import type { ExceptionRow, ProposalRow } from './types';

/** The one dialog that is open. */
export type Open =
  | { kind: 'edit'; row: ProposalRow }
  | { kind: 'reject'; rows: ProposalRow[] }
  | { kind: 'handle'; act: Act; rows: ExceptionRow[]; done?: () => void }
  | { kind: 'order' }
  | { kind: 'import' }
  | { kind: 'files' }
  | { kind: 'keys' }
  | { kind: 'password' };

class Dialogs {
  open = $state.raw<Open | undefined>(undefined);

  show(open: Open): void {
    this.open = open;
  }

  close(): void {
    this.open = undefined;
  }
}

export const dialogs = new Dialogs();
