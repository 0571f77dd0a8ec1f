/**
 * Lines of a table: words to the left, numbers to the right, two blanks between columns.
 * @param words indices of the columns that hold words
 */
export function columnLines(rows: readonly (readonly string[])[], words: readonly number[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string =>
    words.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}
