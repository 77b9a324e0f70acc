// Logins that wait at the vendor, in number: a few are begun as people begin them, and what they left in the storage is written again
// under other ids, through the storage port. The vendor knows nothing of the copies, so nobody asks it about them while the bench runs.

import { randomBytes, randomUUID } from 'node:crypto';
import { openBackend } from '../src/storage/backends.ts';
import { begin, newPerson, type Places } from './login-flow.ts';
import { WORKFLOW_IDS } from './processes.ts';
import { inParallel } from './statistics.ts';

const TEMPLATES = 10;
/** As many as one commit may hold. */
const AT_ONCE = 500;
const LIFE_SECONDS = 3600;
/** Counters, and the journal, whose lines hang together: what is written again must be of one login alone. */
const COMMON = /^(?:limit|vendor-rate|journal|opening):/;
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const LEAST_ID = 20;

/** @param count in all, those that are begun among them */
export async function fillWaiting(storageUrl: string, places: Places, count: number): Promise<void> {
  const templates = Math.min(count, TEMPLATES);
  const clock = { now: () => Math.floor(Date.now() / 1000) };
  const backend = await openBackend(storageUrl, { clock, deadlineMs: 60_000 });
  try {
    const before = new Set(await allKeys(backend.store.keys));
    for (let each = 0; each < templates; each += 1) await begin(newPerson(), places);
    const keys = (await allKeys(backend.store.keys)).filter(
      (key) => !before.has(key) && key.includes(':') && !COMMON.test(key),
    );
    const texts = await Promise.all(
      keys.map(async (key) => [key, JSON.stringify(await backend.store.get(key))] as const),
    );
    const parts = new Set(keys.flatMap((key) => key.split(':')));
    const ids = [...parts].filter((part) => part.length >= LEAST_ID && !WORKFLOW_IDS.includes(part));
    const anyId = new RegExp(ids.map((id) => id.replaceAll('-', '\\-')).join('|'), 'g');
    const copies = Array.from({ length: Math.floor(count / templates) - 1 });
    await inParallel(copies, Math.ceil(AT_ONCE / keys.length), async () => {
      const others = new Map(ids.map((id) => [id, likeId(id)]));
      const renamed = (text: string) => text.replace(anyId, (id) => others.get(id) ?? id);
      const dueAtMs = Date.now() + 1000 * LIFE_SECONDS;
      const writes = texts.map(([key, text]) =>
        backend.store.set(renamed(key), JSON.parse(renamed(text)), LIFE_SECONDS),
      );
      const jobs = keys.flatMap((key) => {
        const [kind, id = ''] = key.split(':');
        if (kind === 'attempt') return backend.jobs.schedule({ kind: 'lapse', id: others.get(id) ?? id, dueAtMs });
        if (kind === 'owner')
          return backend.jobs.schedule({ kind: 'look', id: others.get(id) ?? id, dueAtMs, payload: {} });
        return [];
      });
      await Promise.all([...writes, ...jobs]);
    });
  } finally {
    await backend.close();
  }
}

type Keys = (prefix: string, options: { after: string }) => Promise<readonly string[]>;

async function allKeys(keys: Keys): Promise<readonly string[]> {
  const found: string[] = [];
  for (;;) {
    const some = await keys('', { after: found.at(-1) ?? '' });
    if (some.length === 0) return found;
    found.push(...some);
  }
}

function likeId(id: string): string {
  if (UUID.test(id)) return randomUUID();
  const isHex = /^[0-9a-f]+$/.test(id);
  return randomBytes(id.length)
    .toString(isHex ? 'hex' : 'base64url')
    .slice(0, id.length);
}
