// What tests of operators' actions begin with: an empty storage, and a journal that is looked into.

import type { Account } from '../../src/core/account.ts';
import type { JournalEntry } from '../../src/login/ports.ts';
import { createAccountStore } from '../../src/storage/accounts.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';

export const NOW = 1_795_000_000;

/** What begins and ends as a JPEG; `salt` makes it a picture of its own. */
export function jpeg(salt: string): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from(salt), Buffer.from([0xff, 0xd9])]);
}

export async function openParts() {
  let now = NOW;
  const clock = { now: () => now };
  const { store, jobs } = await openBackend('memory:', { clock });
  const sealer = createSealer([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]);
  const entries: JournalEntry[] = [];
  return {
    clock,
    move: (seconds: number) => {
      now += seconds;
    },
    store,
    jobs,
    sealer,
    accounts: createAccountStore({ store, sealer }),
    journal: { record: async (entry: JournalEntry) => void entries.push(entry) },
    entries,
  };
}

export type TestParts = Awaited<ReturnType<typeof openParts>>;

export function account(id: string, identifier: string, changes: Partial<Account> = {}): Account {
  return {
    id,
    subject: `subject-of-${id}`,
    identifier,
    createdAt: NOW,
    updatedAt: NOW,
    standing: 'good',
    profile: {},
    matching: { document: [], person: [] },
    portrait: { kind: 'vendor' },
    enrolledBy: { verificationId: `enrolment-of-${id}`, at: NOW, purpose: 'enrol' },
    consent: null,
    ...changes,
  };
}
