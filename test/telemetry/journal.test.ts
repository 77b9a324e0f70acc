import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../src/telemetry/canonical-json.ts';
import { type ChainedJournal, createJournal, type JournalLine } from '../../src/telemetry/journal.ts';
import { createFakeStore, type FakeStore } from './fake-store.ts';

let store: FakeStore;
let journal: ChainedJournal;
const clock = { now: () => 1_700_000_000 };

beforeEach(() => {
  store = createFakeStore();
  journal = createJournal({ store, clock });
});

async function linesOf(from: ChainedJournal): Promise<JournalLine[]> {
  const lines: JournalLine[] = [];
  for await (const line of from.entries()) lines.push(line);
  return lines;
}

async function recordMany(count: number, into = journal): Promise<void> {
  for (let number = 1; number <= count; number += 1) await into.record({ event: 'login.begun', attempt: `a${number}` });
  await into.flush();
}

describe('a line', () => {
  test('has the published form', async () => {
    await journal.record({ event: 'login.settled', attempt: 'a1', reasons: ['face-match'], tries: 2 });
    const [line] = await linesOf(journal);
    expect(line).toEqual({
      at: 1_700_000_000,
      event: 'login.settled',
      attempt: 'a1',
      reasons: ['face-match', 'tries=2'],
      previous: '0'.repeat(64),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('says null and nothing where an event has no attempt and no reasons', async () => {
    await journal.record({ event: 'keys.rotated', detail: undefined });
    const [line] = await linesOf(journal);
    expect(line).toMatchObject({ attempt: null, reasons: [] });
    expect(Object.keys(line ?? {})).toEqual(['at', 'event', 'attempt', 'reasons', 'previous', 'hash']);
  });

  test('hashes its canonical JSON without the hash, computed here by other code', async () => {
    await recordMany(2);
    const [first, second] = await linesOf(journal);
    const text = `{"at":1700000000,"attempt":"a1","event":"login.begun","previous":"${'0'.repeat(64)}","reasons":[]}`;
    expect(first?.hash).toBe(createHash('sha256').update(text).digest('hex'));
    expect(second?.previous).toBe(first?.hash);
  });

  test('cannot be given a hash, a time or a predecessor by a detail', async () => {
    await journal.record({ event: 'x', hash: 'forged', previous: 'forged', at: 1 } as never);
    expect(await linesOf(journal)).toEqual([expect.objectContaining({ at: 1_700_000_000, previous: '0'.repeat(64) })]);
    expect(await journal.verify()).toMatchObject({ ok: true });
  });
});

describe('the chain', () => {
  test('an empty journal is whole', async () => {
    expect(await journal.verify()).toMatchObject({ ok: true, count: 0 });
  });

  test('holds over more lines than are read at once', async () => {
    await recordMany(150);
    expect(await journal.verify()).toMatchObject({ ok: true, count: 150 });
    expect((await linesOf(journal)).map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: 150 }, (_, index) => `a${index + 1}`),
    );
  });

  test('holds when two processes write at once', async () => {
    const other = createJournal({ store, clock });
    await Promise.all([recordMany(40), recordMany(40, other)]);
    expect(await journal.verify()).toMatchObject({ ok: true, count: 80 });
  });

  test.each([
    ['a changed line', (text: string) => text.replace('"a3"', '"a9"')],
    ['a changed line with a hash that fits it', (text: string) => rehashed(text.replace('"a3"', '"a9"'))],
    ['a line in the place of another', () => JSON.stringify(JSON.parse(store.texts.get('journal-lines:1') ?? '[]')[1])],
  ])('shows %s', async (_, forge) => {
    await recordMany(10);
    changeLine(3, forge);
    const reading = await journal.verify();
    expect(reading.ok).toBe(false);
    // with a fitting hash it is the next line that no longer follows
    expect((reading as { at: number }).at).toBeGreaterThanOrEqual(3);
    expect((reading as { at: number }).at).toBeLessThanOrEqual(4);
  });

  test('shows a line that was removed, and a record of lines', async () => {
    await recordMany(20);
    const lines = JSON.parse(store.texts.get('journal-lines:9') ?? '[]');
    store.texts.set('journal-lines:9', JSON.stringify(lines.slice(0, -1)));
    expect(await journal.verify()).toEqual({ kind: 'broken', ok: false, at: 16 });
    expect(await linesOf(journal)).toHaveLength(19);
    store.texts.delete('journal-lines:9');
    expect(await journal.verify()).toEqual({ kind: 'broken', ok: false, at: 9 });
    expect(await linesOf(journal)).toHaveLength(12);
  });

  test('goes on where an older program kept each line in a record of its own', async () => {
    await recordMany(19);
    // as that one left it: nineteen records, and a head with the last of them
    const lines = await linesOf(journal);
    store.texts.clear();
    for (const [index, line] of lines.entries()) store.texts.set(`journal:${index + 1}`, JSON.stringify(line));
    store.texts.set('journal:head', JSON.stringify({ count: 19, hash: lines.at(-1)?.hash, tail: lines.slice(-1) }));
    const newer = createJournal({ store, clock });
    expect(await newer.verify()).toMatchObject({ ok: true, count: 19 });
    await recordMany(20, newer);
    expect(await createJournal({ store, clock }).verify()).toMatchObject({ ok: true, count: 39 });
    expect(await linesOf(newer)).toHaveLength(39);
    store.texts.delete('journal:9');
    expect(await newer.verify()).toMatchObject({ ok: false, at: 9 });
    expect(await linesOf(newer)).toHaveLength(38);
  });

  test('shows a last line that was changed after it left the head', async () => {
    await recordMany(8);
    const head = JSON.parse(store.texts.get('journal:head') ?? '{}');
    store.texts.set('journal:head', JSON.stringify({ ...head, tail: [] }));
    changeLine(8, (text) => rehashed(text.replace('"a8"', '"a9"')));
    expect(await journal.verify()).toMatchObject({ ok: false, at: 8 });
  });

  test('is the same whatever order a database gives members back in', async () => {
    await recordMany(10);
    changeLine(3, (text) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse())));
    expect(await journal.verify()).toMatchObject({ ok: true });
  });
});

describe('appending', () => {
  test('waits for one update and no other write', async () => {
    await journal.record({ event: 'x' });
    expect(store.calls).toMatchObject({ get: 0, update: 1, putIfAbsent: 0 });
  });

  test('a line is durable although its own record cannot be written (R6)', async () => {
    store.failing = new Set(['set']);
    await journal.record({ event: 'x', attempt: 'a1' });
    await journal.flush();
    const afterRestart = createJournal({ store, clock });
    expect(await linesOf(afterRestart)).toHaveLength(1);
    store.failing = new Set();
    await recordMany(10, afterRestart);
    expect(store.texts.has('journal-lines:1')).toBe(true);
    expect(await afterRestart.verify()).toMatchObject({ ok: true, count: 11 });
  });

  test('fails as the store fails, and goes on afterwards (R7)', async () => {
    store.failing = new Set(['update']);
    await expect(journal.record({ event: 'lost' })).rejects.toMatchObject({ code: 'storage_unavailable' });
    store.failing = new Set();
    await journal.record({ event: 'kept' });
    expect(await linesOf(journal)).toEqual([expect.objectContaining({ event: 'kept' })]);
  });

  test('a hundred at once share a few updates', async () => {
    await Promise.all(Array.from({ length: 100 }, () => journal.record({ event: 'x' })));
    expect(store.calls.update).toBeLessThanOrEqual(3);
    expect(await journal.verify()).toMatchObject({ ok: true, count: 100 });
  });

  test('the head stays small', async () => {
    await recordMany(300);
    expect(store.texts.get('journal:head')?.length).toBeLessThan(3_500);
  });

  test('eight lines are one write more, and a long journal costs no more than a short one', async () => {
    await recordMany(80);
    expect(store.calls.set).toBe(10);
    await recordMany(80);
    expect(store.calls.set).toBe(20);
  });

  test('a backup that was put back under a running process loses no line', async () => {
    await recordMany(5);
    const backup = new Map(store.texts);
    await recordMany(20);
    store.texts.clear();
    for (const [key, text] of backup) store.texts.set(key, text);
    await recordMany(30);
    expect(await journal.verify()).toMatchObject({ ok: true, count: 35 });
  });

  test('nor where the first lines after it reach as far as was moved before', async () => {
    await recordMany(31);
    const backup = new Map(store.texts);
    await recordMany(1);
    store.texts.clear();
    for (const [key, text] of backup) store.texts.set(key, text);
    await recordMany(30);
    expect(await createJournal({ store, clock }).verify()).toMatchObject({ ok: true, count: 61 });
  });
});

/** @param change of the line's own JSON, which lies in the record of its eight */
function changeLine(number: number, change: (text: string) => string): void {
  const start = number - ((number - 1) % 8);
  const lines = JSON.parse(store.texts.get(`journal-lines:${start}`) ?? '[]');
  lines[number - start] = JSON.parse(change(JSON.stringify(lines[number - start])));
  store.texts.set(`journal-lines:${start}`, JSON.stringify(lines));
}

function rehashed(text: string): string {
  const { hash: _hash, ...line } = JSON.parse(text);
  return JSON.stringify({ ...line, hash: createHash('sha256').update(canonicalJson(line)).digest('hex') });
}
