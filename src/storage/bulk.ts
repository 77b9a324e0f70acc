// Everything that an engine holds, as it lies there: what backups and moves read and write, and no login ever does. Each engine does
// it with its own means (`*-bulk.ts`), a bounded page at a time, so that neither this process nor the server ever holds it all.

export interface StoredRow {
  readonly key: string;
  readonly text: string;
  /** epoch seconds */
  readonly expiresAt: number;
}

export interface JobName {
  readonly kind: string;
  readonly id: string;
}

export interface StoredJob extends JobName {
  readonly dueAtMs: number;
  /** due, or later while somebody holds it */
  readonly readyAtMs: number;
  /** how often it was handed out */
  readonly attempts: number;
  readonly payloadText: string;
}

export interface Bulk {
  /**
   * Living rows by key, in byte order, in pages. Each row is as it was at one moment; between two rows time goes on, and what is
   * written behind the present place is not seen.
   *
   * @param after rows behind this key; '' for all
   * @param now living then
   */
  rows(after: string, now: number): AsyncIterable<readonly StoredRow[]>;
  /** The same of jobs, by kind and id. */
  jobs(after?: JobName): AsyncIterable<readonly StoredJob[]>;
  /** Writes rows where there is none, never over a living one. Safe to repeat. @returns how many were written */
  addRows(rows: readonly StoredRow[], now: number): Promise<number>;
  /** The same of jobs. */
  addJobs(jobs: readonly StoredJob[]): Promise<number>;
}

/** How much a page holds at most: so many entries, and texts of about this size together, but one at least. */
export const PAGE_ENTRIES = 500;
export const PAGE_BYTES = 1 << 20;

/** @param read the page behind a place; an empty one is the end */
export async function* pagesOf<T>(
  read: (after: T | undefined) => Promise<readonly T[]>,
  after?: T,
): AsyncGenerator<readonly T[]> {
  let last = after;
  for (;;) {
    const page = await read(last);
    if (page.length === 0) return;
    yield page;
    last = page.at(-1);
  }
}

/** As many of the first as a page may hold. */
export function fillPage(rows: Iterable<StoredRow>): StoredRow[] {
  const page: StoredRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    page.push(row);
    bytes += row.text.length;
    if (page.length === PAGE_ENTRIES || bytes >= PAGE_BYTES) break;
  }
  return page;
}

export function compareJobs(one: JobName, other: JobName): number {
  return compareBytes(one.kind, other.kind) || compareBytes(one.id, other.id);
}

export function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
