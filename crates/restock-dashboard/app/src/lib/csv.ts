// Tables as CSV by RFC 4180 with the texts of the API, so that a file can be read again without any change.

export function writeCsv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The cells of a CSV; a row ends at a line break outside quotes. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/g;
  for (const [whole, raw = '', end = ''] of text.replace(/^\uFEFF/, '').matchAll(pattern)) {
    if (whole === '' && row.length === 0) break;
    row.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
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
  const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value));
  return writeCsv(columns, rows.map((row) => columns.map((name) => text(row[name]))));
}

/** Hands a text to the browser as a file. */
export function download(name: string, text: string, kind = 'text/csv;charset=utf-8'): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}
