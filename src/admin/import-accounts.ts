// People who are enrolled at the vendor already, from a file: all of them, or none where a line has a fault. What is there from an
// earlier run stays as it is, so that the file may be imported again after a crash. Nobody is asked to enrol; a first login asks for
// consent and compares a selfie with the face that came along, or with the one at the vendor.

import { resolve } from 'node:path';
import type { Account } from '../core/account.ts';
import { matchOf } from '../login/enrol.ts';
import type { Store } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';
import {
  type AccountImportParts,
  complete,
  type FaceOrder,
  type ImportedLine,
  importNew,
  taken,
} from './import-account.ts';
import type { ImportLine, ImportNames, LineFault } from './import-line.ts';
import { foldSubject, readImportLines } from './import-lines.ts';
import { findLeaseSeconds, type Lease, takeLease } from './lease.ts';
import { listAccounts } from './list-accounts.ts';
import { readPortraitFile } from './portrait-file.ts';

export interface ImportParts extends AccountImportParts {
  readonly accounts: AccountImportParts['accounts'] & Pick<AccountStore, 'list'>;
  readonly store: Store;
}

export interface ImportOrder extends FaceOrder {
  /** JSON lines */
  readonly text: string;
  /** says what would be done, and does nothing */
  readonly isDryRun: boolean;
  readonly told: (line: ImportedLine) => void;
}

export type ImportOutcome =
  /** nothing was imported */
  | { readonly kind: 'refused'; readonly faults: readonly LineFault[] }
  /** another import is under way; if it was killed, its right ends in so many seconds */
  | { readonly kind: 'busy'; readonly seconds: number }
  | {
      readonly kind: 'done';
      readonly imported: number;
      readonly unchanged: number;
      /** of those imported: without name and birth date, so that no later document can be told to be theirs */
      readonly unmatchable: number;
      /** lines that were good when the file was judged, and not any more when their turn came */
      readonly late: readonly LineFault[];
      /** this process stood still for so long that another import has begun */
      readonly isStopped: boolean;
    };

/** By what they are called at the vendor. */
type Known = ReadonlyMap<string, Account>;

const LEASE_KEY = 'import:lease';

export async function importAccounts(parts: ImportParts, order: ImportOrder): Promise<ImportOutcome> {
  if (order.isDryRun) return judgeAndImport(parts, order, undefined);
  // two imports at once could give one name at the vendor to two accounts
  const lease = await takeLease(parts, LEASE_KEY);
  if (!lease) return { kind: 'busy', seconds: await findLeaseSeconds(parts, LEASE_KEY) };
  try {
    return await judgeAndImport(parts, order, lease);
  } finally {
    await lease.release();
  }
}

async function judgeAndImport(
  parts: ImportParts,
  order: ImportOrder,
  lease: Lease | undefined,
): Promise<ImportOutcome> {
  const { names, people, faults } = readImportLines(order.text);
  const found = [...faults];
  const known = await findKnown(parts, names, lease);
  for (const line of names) {
    await lease?.keep();
    found.push(...(await judge(parts, order, line, known)));
  }
  if (found.length > 0) return { kind: 'refused', faults: found.toSorted((one, other) => one.line - other.line) };
  const sum = { imported: 0, unchanged: 0, unmatchable: 0, late: new Array<LineFault>() };
  for (const person of people) {
    if (lease && !(await lease.keep())) return { kind: 'done', ...sum, isStopped: true };
    const existing = known.get(foldSubject(person.subject));
    const done = lease
      ? await (existing ? complete(parts, order, person, existing) : importNew(parts, order, person))
      : toBeDone(person, existing);
    if ('problem' in done) {
      sum.late.push(done);
      continue;
    }
    if (done.result === 'unchanged') sum.unchanged += 1;
    else {
      sum.imported += 1;
      if (matchOf(parts.sealer, person.identity).person.length === 0) sum.unmatchable += 1;
    }
    order.told(done);
  }
  return { kind: 'done', ...sum, isStopped: false };
}

/** The accounts that stand under a name of the file at the vendor, also one that a crash left without its identifier. */
async function findKnown(parts: ImportParts, names: readonly ImportNames[], lease: Lease | undefined): Promise<Known> {
  const wanted = new Set(names.flatMap(({ subject }) => (subject === undefined ? [] : [foldSubject(subject)])));
  const known = new Map<string, Account>();
  for await (const account of listAccounts(parts)) {
    await lease?.keep();
    const subject = foldSubject(account.subject);
    if (wanted.has(subject)) known.set(subject, account);
  }
  return known;
}

/** What is wrong with a line beyond the line itself. */
async function judge(parts: ImportParts, order: ImportOrder, names: ImportNames, known: Known): Promise<LineFault[]> {
  const { line, identifier, subject, portrait } = names;
  const faults: LineFault[] = [];
  const owner = subject === undefined ? undefined : known.get(foldSubject(subject));
  if (owner && identifier !== undefined && owner.identifier === identifier && owner.subject === subject) return [];
  if (owner) {
    const fix = 'copy the vendor_data of this person, which nobody else has, or remove the line';
    faults.push({ line, problem: `vendor_data is that of the account ${owner.id}`, fix });
  }
  const holder = identifier === undefined ? undefined : await parts.accounts.findByIdentifier(identifier);
  if (holder) faults.push(taken(line, holder.id));
  if (portrait !== undefined && order.portrait === 'local') {
    const reading = await readPortraitFile(resolve(order.folder, portrait));
    if (reading.kind === 'unusable') faults.push({ line, problem: `portrait ${reading.problem}`, fix: reading.fix });
  }
  return faults;
}

function toBeDone({ line, identifier }: ImportLine, existing: Account | undefined): ImportedLine {
  if (existing) return { line, identifier, id: existing.id, result: 'unchanged' };
  return { line, identifier, result: 'would-import' };
}
