// One person of an import file becomes an account: the face first, which goes by itself if nothing comes of it, then the account, and
// then the face is its own. A crash in between is mended by the next run.

import { resolve } from 'node:path';
import type { Account, Portrait } from '../core/account.ts';
import { profileOf } from '../core/claims.ts';
import { matchOf } from '../login/enrol.ts';
import type { Clock, Journal, Sealer } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';
import { newId, newToken } from '../login/tokens.ts';
import type { ImportLine, LineFault } from './import-line.ts';
import { readPortraitFile } from './portrait-file.ts';

/** Stands where others have the verification that they enrolled by, of which nobody at the vendor knows. */
export const IMPORTED = 'import:';

export interface AccountImportParts {
  readonly accounts: Pick<
    AccountStore,
    'find' | 'findByIdentifier' | 'create' | 'change' | 'keepPortrait' | 'pinPortrait' | 'loadPortrait'
  >;
  readonly sealer: Sealer;
  readonly journal: Journal;
  readonly clock: Clock;
}

export interface FaceOrder {
  /** from which paths of portraits are seen */
  readonly folder: string;
  /** `vendor`: no face is kept here (policy `portrait`) */
  readonly portrait: 'local' | 'vendor';
}

export interface ImportedLine {
  readonly line: number;
  readonly identifier: string;
  /** undefined while there is no account */
  readonly id?: string;
  readonly result: 'imported' | 'unchanged' | 'would-import';
}

export async function importNew(
  parts: AccountImportParts,
  order: FaceOrder,
  person: ImportLine,
): Promise<ImportedLine | LineFault> {
  const { accounts, sealer, journal, clock } = parts;
  const { line, identifier, subject, identity } = person;
  const portrait = await keepFace(parts, order, person);
  if (!isPortrait(portrait)) return portrait;
  const now = clock.now();
  const account: Account = {
    id: newId(),
    subject,
    identifier,
    createdAt: now,
    updatedAt: now,
    standing: 'good',
    profile: profileOf(identity),
    matching: matchOf(sealer, identity),
    portrait,
    enrolledBy: { verificationId: `${IMPORTED}${newToken()}`, at: now, purpose: 'enrol' },
    // asked for at the first login
    consent: null,
    ...(person.emailVerified ? { email: { address: identifier, verifiedAt: now } } : {}),
  };
  // the line first: an account of which none tells must not be
  await journal.record({ event: 'account.imported', account: account.id, reasons: ['file'], portrait: portrait.kind });
  if (!(await accounts.create(account))) {
    await journal.record({ event: 'account.import-refused', account: account.id, reasons: ['identifier-taken'] });
    return taken(line);
  }
  if (portrait.kind === 'local') await accounts.pinPortrait(portrait.ref);
  return { line, identifier, id: account.id, result: 'imported' };
}

/** An account of an earlier run, which may have ended in the middle of it: what is done already stays as it is. */
export async function complete(
  { accounts, ...parts }: AccountImportParts,
  order: FaceOrder,
  person: ImportLine,
  account: Account,
): Promise<ImportedLine | LineFault> {
  const { line, identifier } = person;
  const { id } = account;
  const holder = await accounts.findByIdentifier(identifier);
  if (holder?.id !== id) {
    const isThere = (await accounts.find(id)) !== undefined;
    if (!isThere || !(await accounts.create(account))) return taken(line, holder?.id);
  }
  const lost = await pinFace(accounts, account, () => keepFace({ accounts, ...parts }, order, person));
  if (lost) return lost;
  return { line, identifier, id, result: 'unchanged' };
}

/**
 * Makes the face an account's own for good. One that was never pinned, as a crash came before, may be gone by now: it is kept again.
 *
 * @returns why it cannot be kept again
 */
export async function pinFace<F>(
  accounts: Pick<AccountStore, 'change' | 'pinPortrait' | 'loadPortrait'>,
  { id, portrait }: Account,
  keepAgain: () => Promise<Portrait | F>,
): Promise<F | undefined> {
  if (portrait.kind === 'vendor') return undefined;
  await accounts.pinPortrait(portrait.ref);
  if (await accounts.loadPortrait(portrait.ref, portrait.sha256)) return undefined;
  const face = await keepAgain();
  if (!isPortrait(face)) return face;
  const isLost = (current: Account) => current.portrait.kind === 'local' && current.portrait.ref === portrait.ref;
  await accounts.change(id, (current) => (isLost(current) ? { ...current, portrait: face } : current));
  if (face.kind === 'local') await accounts.pinPortrait(face.ref);
  return undefined;
}

function isPortrait<F>(face: Portrait | F): face is Portrait {
  return typeof face === 'object' && face !== null && 'kind' in face;
}

/** Kept for a while, until the account that it belongs to pins it. */
async function keepFace(
  parts: AccountImportParts,
  order: FaceOrder,
  person: ImportLine,
): Promise<Portrait | LineFault> {
  if (person.portrait === undefined || order.portrait === 'vendor') return { kind: 'vendor' };
  const reading = await readPortraitFile(resolve(order.folder, person.portrait));
  if (reading.kind === 'unusable')
    return { line: person.line, problem: `portrait ${reading.problem}`, fix: reading.fix };
  const { ref, sha256 } = await parts.accounts.keepPortrait(reading.bytes);
  return { kind: 'local', ref, sha256, pinnedAt: parts.clock.now() };
}

export function taken(line: number, id?: string): LineFault {
  const problem = `identifier is taken by ${id === undefined ? 'another account' : `the account ${id}`}`;
  return { line, problem, fix: 'remove the line, or that account, or write another identifier' };
}
