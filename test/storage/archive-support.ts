// A storage with something of every kind in it, and the two halves of a move, for the tests of archives.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { takeLease } from '../../src/admin/lease.ts';
import { type ExportOrder, type ExportParts, exportArchive } from '../../src/storage/archive/export.ts';
import { type ImportParts, importArchive } from '../../src/storage/archive/import.ts';
import type { Manner } from '../../src/storage/archive/kinds.ts';
import { createMarks } from '../../src/storage/archive/marks.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import type { StoredJob, StoredRow } from '../../src/storage/bulk.ts';
import { allJobs, allRows } from '../contract/bulk.ts';
import { type MovableClock, movableClock } from '../contract/store.ts';

export const NOW = 1_900_000_000;
export const KEY = new Uint8Array(randomBytes(32));
export const OLDER_KEY = new Uint8Array(randomBytes(32));

const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-archives-'));
const opened: Backend[] = [];
afterAll(async () => {
  await Promise.all(opened.map((backend) => backend.close()));
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
export function newFile(): string {
  files += 1;
  return join(folder, `archive-${files}`);
}

export interface Place {
  readonly backend: Backend;
  readonly clock: MovableClock;
}

/** @param url a storage of this test's own; a new SQLite file if not said */
export async function openPlace(url = `sqlite:${newFile()}.sqlite`, clock = movableClock(NOW)): Promise<Place> {
  const backend = await openBackend(url, { clock });
  opened.push(backend);
  return { backend, clock };
}

export function exporting({ backend, clock }: Place, changes: Partial<ExportParts> = {}): ExportParts {
  return {
    bulk: backend.bulk,
    marks: createMarks(backend),
    clock,
    dataKeys: [KEY, OLDER_KEY],
    source: backend.description,
    program: '9.9.9',
    findRunning: async () => [],
    begun: async () => {},
    told: () => {},
    ...changes,
  };
}

export function importing({ backend, clock }: Place, changes: Partial<ImportParts> = {}): ImportParts {
  return {
    bulk: backend.bulk,
    store: backend.store,
    marks: createMarks(backend),
    clock,
    dataKeys: [OLDER_KEY, KEY],
    findRunning: async () => [],
    takeLease: () => takeLease({ store: backend.store, clock }, 'moves:lease'),
    finish: async () => {},
    told: () => {},
    restoresMoves: true,
    ...changes,
  };
}

export const RESTORE: Manner = { kind: 'restore', keep: [] };
export const MOVE: Manner = { kind: 'move' };

/** Exports to a new file and expects that to go well. */
export async function archiveOf(place: Place, kind: ExportOrder['kind'] = 'move'): Promise<string> {
  const path = newFile();
  const outcome = await exportArchive(exporting(place), { path, kind, resume: false });
  if (outcome.kind !== 'exported') throw new Error(outcome.why);
  return path;
}

export async function moveTo(target: Place, path: string, manner: Manner = MOVE) {
  const outcome = await importArchive(importing(target), path, manner);
  if (outcome.kind !== 'imported') throw new Error(outcome.kind === 'refused' ? outcome.why : outcome.kind);
  return outcome;
}

const OWN = /^(?:moves|backend|check|instance|import):/;

/** All that anybody cares for, as it lies there. */
export async function contentsOf({ backend, clock }: Place): Promise<{ rows: StoredRow[]; jobs: StoredJob[] }> {
  const rows = (await allRows(backend, clock.now())).filter(({ key }) => !OWN.test(key));
  const jobs = (await allJobs(backend)).filter(({ kind }) => kind !== 'sweep');
  return { rows, jobs };
}

/** Every prefix that is written anywhere, and whether a restore brings it. */
export const KEPT = [
  ...['account', 'identifier', 'portrait', 'activity', 'journal', 'ledger', 'ledger-of', 'ledger-by', 'skipped'],
  ...['owner', 'allowance', 'shared-copy', 'event', 'erasure', 'denial', 'revoked', 'oidc:revoked'],
  ...['oidc:ReplayDetection', 'limit', 'told', 'vendor-rate'],
];
export const WISHED = {
  passkeys: ['passkeys', 'passkey-of'],
  devices: ['known-device', 'devices-of'],
  recovery: ['recovery'],
  invitations: ['invitation'],
  consents: ['consent'],
};
export const MOVED_ONLY = [
  ...['SessionId', 'SessionUid', 'Grant', 'RefreshToken', 'AccessToken', 'ClientCredentials', 'AuthorizationCode'],
  ...['DeviceCode', 'UserCode', 'BackchannelAuthenticationRequest', 'PushedAuthorizationRequest', 'Interaction'],
]
  .map((model) => `oidc:${model}`)
  .concat(['proof', 'allowed', 'attempt', 'claim', 'held', 'opening', 'preempted', 'obstacle', 'let-wait'])
  .concat(['stale-look', 'key-challenge', 'of-a-later-version', 'oidc:OfALaterLibrary']);
export const KEPT_JOBS = ['forget', 'delete', 'delivery', 'logout'];
export const OTHER_JOBS = ['mail', 'renewal', 'look', 'single-look', 'lapse', 'of-a-later-version'];

/** @param each how many of every kind */
export async function fill({ backend, clock }: Place, each = 8): Promise<void> {
  const { store, jobs } = backend;
  const prefixes = [...KEPT, ...Object.values(WISHED).flat(), ...MOVED_ONLY];
  const all = prefixes.flatMap((prefix, nth) =>
    Array.from({ length: each }, (_, n) => {
      const id = `${nth}-${n}`;
      const value =
        prefix === 'identifier' ? `0-${n}` : { id, sealed: randomBytes(40 + n).toString('base64url'), 'ü"': [n, null] };
      return store.set(`${prefix}:${id}`, value, 60 + nth * 1000 + n);
    }),
  );
  const more = [
    store.set('pairwise-salt', 'the salt', 1_000_000),
    store.increment('skipped:2026-11-21:0.1', 1_000_000, 41),
    store.set('portrait:large', randomBytes(800_000).toString('base64url'), 1_000_000),
    store.set('backend:ping', true, 60),
  ];
  const kinds = [...KEPT_JOBS, ...OTHER_JOBS, 'sweep'];
  const waiting = kinds.flatMap((kind, nth) =>
    Array.from({ length: each }, (_, n) =>
      jobs.schedule({
        kind,
        id: `${n} ü`,
        dueAtMs: clock.now() * 1000 + nth * 50 + n,
        payload: { tries: n, sealed: 'x"\n' },
      }),
    ),
  );
  await Promise.all([...all, ...more, ...waiting]);
  await jobs.claimDue({ nowMs: clock.now() * 1000 + 60, limit: each, leaseMs: 30_000 });
}
