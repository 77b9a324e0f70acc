// After a rotation of data keys everything is encrypted anew in the background: all of it, on every engine, with nothing lost by a crash
// or by a change in between, and readable at all times.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { erasureKey, keepErasure } from '../../src/admin/erasure.ts';
import type { LoginAttempt } from '../../src/core/attempt.ts';
import { FOREVER, type Job, type JournalEntry, type Logger } from '../../src/login/ports.ts';
import { openPerson, openVerificationSecrets, sealPerson, sealVerification } from '../../src/login/secrets.ts';
import { createPairwiseSub } from '../../src/oidc/accounts.ts';
import { createAccountStore, createInvitationStore } from '../../src/storage/accounts.ts';
import { createActivityStore } from '../../src/storage/activity.ts';
import { createAttemptStore } from '../../src/storage/attempts.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createDeviceStore } from '../../src/storage/devices.ts';
import { keepHashKeys } from '../../src/storage/hash-keys.ts';
import { createOidcAdapter } from '../../src/storage/oidc-adapter.ts';
import { createPasskeyStore } from '../../src/storage/passkeys.ts';
import { createRecoveryStore } from '../../src/storage/recovery.ts';
import { createResealing, RESEAL, repeatResealing, scheduleResealing } from '../../src/storage/resealing.ts';
import {
  countJobsSealedUnder,
  countSealedUnder,
  PASS_BEGIN,
  resealStep,
  SEALED_RECORDS,
} from '../../src/storage/sealed-records.ts';
import { createSealer, dataKeyId, type RotatingSealer } from '../../src/storage/sealer.ts';
import { account } from '../admin/support.ts';
import { describeOn } from '../support/describe-on.ts';
import { ENGINES, makeRoom, type Room } from '../support/servers.ts';

const [OLD, NEW] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))] as const;
const OLD_ID = dataKeyId(OLD);
const JPEG = Buffer.from('a face');
const NOW = 1_795_000_000;

let now: number;
const clock = { now: () => now };
const nowMs = () => now * 1000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;

let backend: Backend;
let sealer: RotatingSealer;

/** One of everything that is sealed, with a look at each that says whether it is still what it was. */
async function fill(ids: readonly string[] = ['a']) {
  const { store } = backend;
  const parts = { store, sealer, clock };
  await keepHashKeys(parts);
  const accounts = createAccountStore(parts);
  const devices = createDeviceStore(parts);
  const activity = createActivityStore(parts);
  const passkeys = createPasskeyStore(parts);
  const recovery = createRecoveryStore(parts);
  const invitations = createInvitationStore(parts);
  const sub = (await createPairwiseSub(parts))('a', 'sector');
  for (const id of ids) {
    const face = await accounts.keepPortrait(JPEG);
    const portrait = { kind: 'local', ref: face.ref, sha256: face.sha256, pinnedAt: NOW } as const;
    await accounts.create(account(id, `${id}@example.org`, { portrait }));
    await accounts.pinPortrait(face.ref);
  }
  const visit = { at: NOW, browser: 'Firefox', prefix: '11.0.1.0/24', uid: 'u', mark: 'm' };
  await devices.remember('device', 'a', visit);
  await activity.noteDecline('a', NOW);
  await activity.noteSignIn('a', {
    at: NOW,
    uid: 'u',
    clientId: 'app',
    acr: 'urn:selfie-oidc:acr:selfie',
    browser: 'Firefox',
    address: '11.0.1.5',
    reasons: [],
  });
  await passkeys.add('a', { id: 'credential', name: 'Key' } as Parameters<typeof passkeys.add>[1]);
  await recovery.create('CODE-1', {
    accountId: 'a',
    createdAt: NOW,
    expiresAt: NOW + 600,
    reason: 'lost',
    by: 'operator',
    needsApproval: false,
  });
  await invitations.create('hash', { createdAt: NOW, expiresAt: NOW + 3600, identifier: 'b@example.org' });
  const erasure = {
    accountId: 'gone',
    subject: 'subject-of-gone',
    by: 'person',
    isEndedHere: true,
    verifications: [],
    portraits: [],
    steps: [],
  } as const;
  await keepErasure(parts, 'erased', erasure);
  const library = createOidcAdapter(parts);
  await library('Interaction').upsert('i', { exp: NOW + 3600, params: { login_hint: 'a@example.org' } }, 3600);
  await library('PushedAuthorizationRequest').upsert('p', { exp: NOW + 3600, request: 'pushed' }, 3600);
  await library('PushedAuthorizationRequest').consume('p');
  await library('DeviceCode').upsert('d', { exp: NOW + 3600, userCode: 'CODE' }, 3600);
  await store.set('shared-copy:v', sealer.seal('copy', 'shared-copy:v'), FOREVER);
  const attempt = {
    uid: 'u',
    sealed: sealPerson(sealer, 'u', { identifier: 'a@example.org', accountId: 'a' }),
    sealedVerification: sealVerification(sealer, 'u', { hostedUrl: 'https://hosted', number: '123456' }),
    origin: { address: '11.0.1.5' },
    verifications: [{ id: 'v', captures: [{ address: '11.0.1.6' }] }],
    latestEnd: NOW + 3600,
  } as unknown as LoginAttempt;
  await createAttemptStore({ store, sealer, clock }).create(attempt);
  const unfinished = sealPerson(sealer, 'no-selfie', { identifier: 'c@example.org', accountId: 'c' });
  await store.set('attempt:no-selfie', { uid: 'no-selfie', sealed: unfinished }, 3600);

  /** @param by what another process, with keys of its own, reads with */
  async function look(by: RotatingSealer = sealer) {
    const theirs = { store, sealer: by, clock };
    await keepHashKeys(theirs);
    const read = createAccountStore(theirs);
    const stored = await createAttemptStore(theirs).find('u');
    const other = await store.get<LoginAttempt>('attempt:no-selfie');
    if (!stored || !other) throw new Error('an attempt is gone');
    const found = await read.findByIdentifier('a@example.org');
    const oidc = createOidcAdapter(theirs);
    const face = found?.portrait.kind === 'local' ? found.portrait : undefined;
    return {
      account: found?.id,
      all: (await Promise.all(ids.map((id) => read.findByIdentifier(`${id}@example.org`)))).filter(Boolean).length,
      face: face && String(await read.loadPortrait(face.ref, face.sha256)),
      device: (await createDeviceStore(theirs).find('device', 'a'))?.browser,
      declines: (await createActivityStore(theirs).find('a')).declines,
      signIns: await createActivityStore(theirs).signIns('a'),
      passkeys: (await createPasskeyStore(theirs).list('a')).map(({ name }) => name),
      code: (await createRecoveryStore(theirs).list()).map(({ reason }) => reason),
      invitation: (await createInvitationStore(theirs).find('hash'))?.identifier,
      sub: (await createPairwiseSub(theirs))('a', 'sector') === sub,
      erasure: JSON.parse(
        by.openText((await store.get<{ sealed: string }>(erasureKey('erased')))?.sealed ?? '', erasureKey('erased')),
      ),
      interaction: await oidc('Interaction').find('i'),
      pushed: await oidc('PushedAuthorizationRequest').find('p'),
      deviceCode: await oidc('DeviceCode').findByUserCode('CODE'),
      copy: by.openText((await store.get<string>('shared-copy:v')) ?? '', 'shared-copy:v'),
      person: openPerson(by, stored).identifier,
      hosted: openVerificationSecrets(by, stored)?.hostedUrl,
      places: [stored.origin.address, stored.verifications[0]?.captures?.[0]?.address],
      other: openPerson(by, other).identifier,
    };
  }
  return { look, expected: await look(), recovery, accounts };
}

/** Runs the job as the worker does: one step, whenever it is due. */
function createRunner(options: { readonly running?: readonly string[]; readonly by?: RotatingSealer } = {}) {
  const entries: JournalEntry[] = [];
  const handler = createResealing({
    ...backend,
    sealer: options.by ?? sealer,
    nowMs,
    instances: {
      list: async () =>
        (options.running ?? []).map((id) => ({
          id,
          startedAt: NOW,
          keys: { signing: [], cookie: [], data: [{ id, alg: 'A256GCM' }] },
        })),
    },
    journal: { record: async (entry) => void entries.push(entry) },
    log: silent,
    poke: () => undefined,
  });
  return {
    entries,
    /** @returns false when nothing is left to do */
    async step(): Promise<boolean> {
      const at = await backend.jobs.nextDueAtMs();
      if (at === undefined) return false;
      now = Math.max(now, Math.ceil(at / 1000));
      const jobs: readonly Job[] = await backend.jobs.claimDue({ nowMs: nowMs(), limit: 10, leaseMs: 30_000 });
      for (const job of jobs) if (job.kind === RESEAL) await handler(job);
      return true;
    },
    async all() {
      for (let steps = 0; steps < 500; steps += 1) if (!(await this.step())) return;
      throw new Error('it never ends');
    },
  };
}

const schedule = () => scheduleResealing({ ...backend, nowMs });
const left = () => countSealedUnder(backend.store, OLD_ID);

beforeEach(() => {
  now = NOW;
  sealer = createSealer([OLD]);
});

for (const engine of ENGINES)
  describeOn(engine, () => {
    let room: Room;
    beforeEach(async () => {
      room = await makeRoom(engine);
      backend = await openBackend(room.url, { clock });
    });
    afterEach(async () => {
      await backend.close();
      await room.remove();
    });

    test('all that is sealed is sealed anew, and opens without the key before', async () => {
      const { look, expected } = await fill();
      expect(await left()).toBeGreaterThanOrEqual(SEALED_RECORDS.length);
      expect(expected).toMatchObject({
        pushed: { consumed: NOW, request: 'pushed' },
        deviceCode: { userCode: 'CODE' },
      });
      sealer.useKeys([NEW, OLD]);
      await keepHashKeys({ store: backend.store, sealer });
      expect(await look()).toEqual(expected);
      await schedule();
      const runner = createRunner({ running: [sealer.currentId] });
      await runner.all();
      expect(await left()).toBe(0);
      expect(runner.entries).toEqual([expect.objectContaining({ event: 'data.resealed', unreadable: 0 })]);
      expect(await look()).toEqual(expected);
      expect(await look(createSealer([NEW]))).toEqual(expected);
    });

    test('a delivery that waits keeps its key; what waits with another key, or of another kind, does not', async () => {
      const count = () => countJobsSealedUnder(backend.bulk, 'delivery', OLD_ID);
      const wait = (kind: string, by: RotatingSealer) =>
        backend.jobs.schedule({
          kind,
          id: by.currentId,
          dueAtMs: 0,
          payload: { sealed: by.seal('it', 'event:e'), tries: 1 },
        });
      await wait('delivery', createSealer([NEW]));
      await wait('mail', sealer);
      expect(await count()).toBe(0);
      await wait('delivery', sealer);
      expect(await count()).toBe(1);
      await backend.jobs.cancel('delivery', OLD_ID);
      expect(await count()).toBe(0);
    });
  });

describe('a pass', () => {
  const many = Array.from({ length: 60 }, (_, index) => (index === 0 ? 'a' : `account-${index}`));
  beforeEach(async () => {
    backend = await openBackend('memory:', { clock });
  });

  test('goes on where it was after a crash in the middle, and all is readable meanwhile', async () => {
    const { look, expected } = await fill(many);
    const total = await left();
    sealer.useKeys([NEW, OLD]);
    await schedule();
    const first = createRunner();
    for (let steps = 0; steps < 2; steps += 1) await first.step();
    const after = await left();
    expect(after).toBeGreaterThan(0);
    expect(after).toBeLessThan(total);
    expect(await look()).toEqual(expected);
    // it was killed with the job in hand: the lease ends, and another process has it
    await backend.jobs.claimDue({ nowMs: nowMs() + 1000, limit: 1, leaseMs: 30_000 });
    const second = createRunner();
    let steps = 0;
    while (steps < 100 && (await second.step())) steps += 1;
    expect(steps).toBeLessThan(4);
    expect(await left()).toBe(0);
    expect(await look(createSealer([NEW]))).toEqual(expected);
  });

  test('what changes while it is sealed anew keeps the change, and what goes stays gone', async () => {
    const { accounts } = await fill(many);
    sealer.useKeys([NEW, OLD]);
    const { store } = backend;
    const racing = {
      ...store,
      // between the look and the update somebody else is faster
      get: async <T>(key: string) => {
        const value = await store.get<T>(key);
        if (key === 'account:account-1')
          await accounts.change('account-1', (each) => ({ ...each, standing: 'withdrawn' }));
        if (key === 'account:account-2') await accounts.remove('account-2');
        return value;
      },
    };
    const step = await resealStep({ store: racing, sealer }, PASS_BEGIN, 1000);
    expect(step.next).toBeUndefined();
    expect((await accounts.find('account-1'))?.standing).toBe('withdrawn');
    expect(await store.get('account:account-2')).toBeUndefined();
    expect(await left()).toBe(0);
  });

  test('records live as long as they would have', async () => {
    await fill();
    sealer.useKeys([NEW, OLD]);
    await schedule();
    await createRunner().all();
    now = NOW + 3599;
    expect(await backend.store.get('invitation:hash')).toBeDefined();
    now = NOW + 3600;
    expect(await backend.store.get('invitation:hash')).toBeUndefined();
    expect(await backend.store.get('attempt:no-selfie')).toBeUndefined();
    now = NOW + 50 * 365 * 86_400;
    expect(await backend.store.get('account:a')).toBeDefined();
  });

  test('waits until every process that runs seals with the same key', async () => {
    await fill();
    sealer.useKeys([NEW, OLD]);
    await schedule();
    const waiting = createRunner({ running: [sealer.currentId, OLD_ID] });
    const before = await left();
    for (let steps = 0; steps < 3; steps += 1) await waiting.step();
    expect(await left()).toBe(before);
    // nor does a process that has not yet taken the new key do the opposite
    const behind = createRunner({ running: [dataKeyId(NEW)], by: createSealer([OLD, NEW]) });
    for (let steps = 0; steps < 3; steps += 1) await behind.step();
    expect(await countSealedUnder(backend.store, dataKeyId(NEW))).toBe(0);
    await createRunner({ running: [sealer.currentId] }).all();
    expect(await left()).toBe(0);
  });

  test('once done it is not done again, unless something was found that it did not see', async () => {
    await fill();
    sealer.useKeys([NEW, OLD]);
    await schedule();
    await createRunner().all();
    const late = createSealer([OLD]);
    await backend.store.set('shared-copy:late', late.seal('late', 'shared-copy:late'), 60);
    await schedule();
    await createRunner().all();
    expect(await left()).toBe(1);
    await repeatResealing({ ...backend, nowMs });
    await createRunner().all();
    expect(await left()).toBe(0);
  });

  test('a record that no key opens is told, and keeps nobody from the rest', async () => {
    await fill();
    await backend.store.set('account:altered', sealer.seal('{}', 'account:other'), 60);
    sealer.useKeys([NEW, OLD]);
    await schedule();
    const runner = createRunner();
    await runner.all();
    expect(runner.entries).toEqual([expect.objectContaining({ unreadable: 1 })]);
    expect(await left()).toBe(1);
  });
});

test('whatever seals is known here: a new place needs its kind in SEALED_RECORDS, and a line in `fill`', () => {
  const src = resolve(import.meta.dirname, '../../src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const sealing = files.filter((file) => /\bsealer\.seal\(/.test(readFileSync(join(src, file), 'utf8')));
  expect(sealing.sort()).toEqual([
    'admin/erasure.ts',
    'admin/import-shared.ts',
    'login/inbox.ts',
    'login/secrets.ts',
    'mail/mailer.ts',
    'oidc/accounts.ts',
    'storage/accounts.ts',
    'storage/activity.ts',
    'storage/attempt-places.ts',
    'storage/devices.ts',
    'storage/hash-keys.ts',
    'storage/oidc-adapter.ts',
    'storage/passkeys.ts',
    'storage/recovery.ts',
    'storage/sealed-records.ts',
  ]);
});
