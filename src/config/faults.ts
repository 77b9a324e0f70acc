// What is wrong with a configuration, as data: where it stands, what is wrong, what would be right. Start-up collects
// every fault before it says a word, so that an operator mends a list and not a riddle.

export interface Fault {
  /** a variable, `file:line`, or `file:line (client "id")` */
  readonly where: string;
  readonly problem: string;
  readonly fix: string;
}

/** What only the finished parts could tell: the configuration is well formed, and cannot be served. */
export class Misconfigured extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[], options?: { cause?: unknown }) {
    super(formatFaults(faults), options);
    this.name = 'Misconfigured';
    this.faults = faults;
  }
}

/** What an error tells of the configuration, if it does. */
export function faultsOf(error: unknown): readonly Fault[] | undefined {
  if (error instanceof Misconfigured) return error.faults;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== 'sealed_unreadable') return undefined;
  const problem = `does not open what is stored (${message})`;
  return [{ where: 'DATA_KEYS', problem, fix: 'put the keys that were used before behind the new one' }];
}

/** What a reader made of one value: the value, or a sentence on what is wrong and one on what would be right. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  | { readonly ok: false; readonly problem: string; readonly fix: string };

export function good<T>(value: T, warning?: string): Reading<T> {
  return warning === undefined ? { ok: true, value } : { ok: true, value, warning };
}

/** Neither sentence may repeat the value, unless `quote` was used on one that cannot be a secret. */
export function bad(problem: string, fix: string): { ok: false; problem: string; fix: string } {
  return { ok: false, problem, fix };
}

/** A harmless value in a message: one line, printable, short. Never for a setting marked secret. */
export function quote(value: unknown): string {
  const text = JSON.stringify(typeof value === 'string' ? value : String(value)).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    '?',
  );
  return text.length > 60 ? `${text.slice(0, 56)}…"` : text;
}

/** The whole list as text for a terminal, in the order the faults were found. */
export function formatFaults(faults: readonly Fault[]): string {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  const lines = faults.map((fault) => `  ${fault.where}: ${fault.problem}\n    → ${fault.fix}`);
  return [`The configuration has ${count}; nothing was started.`, ...lines].join('\n');
}
