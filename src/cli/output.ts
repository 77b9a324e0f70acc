// What commands print: columns and ISO dates for people, one JSON object a line for programs.

import { markOf, type Review } from '../core/account.ts';

/** What a command writes to; a line at a time. */
export interface Output {
  /** the answer */
  readonly out: (line: string) => void;
  /** what is said about it: hints, warnings, failures */
  readonly err: (line: string) => void;
  /** asks whoever sits at the terminal; absent where nobody does, as in a scheduled job */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/** A review, for programs. */
export function reviewJson(
  review: Review | undefined,
): { since: string; reasons: readonly string[]; mark: string } | null {
  return review ? { since: isoTime(review.since), reasons: review.reasons, mark: markOf(review) } : null;
}

/** @param epochSeconds as everything here keeps time */
export function isoTime(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
}

/** Rows in columns, each as wide as its widest cell. What others wrote cannot steer the terminal. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of clean) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return clean.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Control and format characters are shown as what they are not. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd');
}
