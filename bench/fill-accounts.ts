// Accounts in number, made through the account store itself on the storage named, as a program of its own: sealed and indexed as if
// their people had enrolled, but without pictures, devices and visits.

import { randomBytes, randomUUID } from 'node:crypto';
import type { Account } from '../src/core/account.ts';
import { createAccountStore } from '../src/storage/accounts.ts';
import { openBackend } from '../src/storage/backends.ts';
import { createSealer } from '../src/storage/sealer.ts';
import { inParallel } from './statistics.ts';

const { STORAGE_URL = '', DATA_KEYS = '', ACCOUNTS = '' } = process.env;
/** As many as one commit may hold. */
const AT_ONCE = 500;

const now = Math.floor(Date.now() / 1000);
const backend = await openBackend(STORAGE_URL, { clock: { now: () => now }, deadlineMs: 60_000 });
const sealer = createSealer([new Uint8Array(Buffer.from(DATA_KEYS, 'base64url'))]);
const accounts = createAccountStore({ store: backend.store, sealer });
const lanes = Array.from({ length: AT_ONCE });
let left = Number(ACCOUNTS);
await inParallel(lanes, AT_ONCE, async () => {
  while (left > 0) {
    left -= 1;
    if (!(await accounts.create(newAccount()))) throw new Error('an identifier was taken');
  }
});
await backend.close();

function newAccount(): Account {
  const hash = () => randomBytes(32).toString('base64url');
  const name = randomBytes(6).toString('hex');
  return {
    id: randomUUID(),
    subject: randomUUID(),
    identifier: `filled-${name}`,
    createdAt: now,
    updatedAt: now,
    standing: 'good',
    profile: {
      name: `Person ${name}`,
      given_name: 'Person',
      family_name: name,
      birthdate: '1980-01-01',
      gender: 'female',
    },
    matching: { document: [hash()], person: [hash()], nationality: [hash()] },
    portrait: { kind: 'vendor' },
    enrolledBy: { verificationId: randomUUID(), at: now, purpose: 'enrol' },
    consent: { version: '1', at: now },
  };
}
