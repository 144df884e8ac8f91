// Tables as CSV by RFC 4180 with the texts of the API, so that a file can be read again without any change.

export function writeCsv(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : guarded(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Whether a spreadsheet would run a text as a formula, also behind apostrophes; numbers are numbers, whatever their sign. */
function isFormula(text: string): boolean {
  const bare = text.replace(/^'+/, '');
  return /^[=+\-@\t\r]/.test(bare) && !/^[+-]?[.,]*\d[\d.,]*$/.test(bare);
}

/** A text as a cell that no spreadsheet runs: behind an apostrophe, as Restock writes its files. */
const guarded = (text: string): string => (isFormula(text) ? `'${text}` : text);
const unguarded = (text: string): string => (text.startsWith("'") && isFormula(text) ? text.slice(1) : text);

/** The cells of a CSV; a row ends at a line break outside quotes. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/g;
  for (const [whole, raw = '', end = ''] of text.replace(/^\uFEFF/, '').matchAll(pattern)) {
    if (whole === '' && row.length === 0) break;
    row.push(unguarded(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw));
    if (end !== ',') {
      rows.push(row);
      row = [];
      if (end === '') break;
    }
  }
  return rows;
}

/** Rows of objects as CSV, a column per name; what is missing is an empty cell. */
export function tableCsv<T>(columns: readonly (keyof T & string)[], rows: readonly T[]): string {
  const plain = (value: unknown): string | number => (typeof value === 'number' ? value : String(value ?? ''));
  return writeCsv(columns, rows.map((row) => columns.map((name) => plain(row[name]))));
}

/** Hands a text to the browser as a file. */
export function download(name: string, text: string, kind = 'text/csv;charset=utf-8'): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}
