// The little Markdown that the documents are written in.

/** Each value as code, with commas between. */
export function code(value: unknown): string {
  return [value]
    .flat()
    .map((part) => `\`${String(part)}\``)
    .join(', ');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
