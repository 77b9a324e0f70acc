// Backups and moves on the engines: what comes out of one goes into another bit for bit, a restore brings back nothing that could have
// been used since, what was interrupted goes on, and what was touched is found.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { FOREVER } from '../../src/login/ports.ts';
import { checkArchive } from '../../src/storage/archive/check.ts';
import { exportArchive } from '../../src/storage/archive/export.ts';
import { LENGTH_BYTES } from '../../src/storage/archive/format.ts';
import { importArchive } from '../../src/storage/archive/import.ts';
import { createMarks } from '../../src/storage/archive/marks.ts';
import { NOTHING } from '../../src/storage/archive/tally.ts';
import { beginArchive, putInPlace, written } from '../../src/storage/archive/writer.ts';
import type { Bulk } from '../../src/storage/bulk.ts';
import { dataKeyId } from '../../src/storage/sealer.ts';
import { createJournal } from '../../src/telemetry/journal.ts';
import { movableClock } from '../contract/store.ts';
import { describeOn, describeWithOwn } from '../support/describe-on.ts';
import { makeRoom, ownRedis } from '../support/servers.ts';
import {
  archiveOf,
  contentsOf,
  exporting,
  fill,
  importing,
  KEPT,
  KEPT_JOBS,
  KEY,
  MOVE,
  MOVED_ONLY,
  moveTo,
  NOW,
  newFile,
  OLDER_KEY,
  openPlace,
  type Place,
  RESTORE,
  WISHED,
} from './archive-support.ts';
import { recovered } from './fixtures/faults.ts';

async function filled(url = 'memory:'): Promise<Place> {
  const place = await openPlace(url);
  await fill(place);
  return place;
}

const check = (path: string, keys = [KEY, OLDER_KEY]) => checkArchive(path, keys, () => {});
const faultOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: { code?: string }) => String(error.code),
  );

describe('a move', () => {
  test('brings everything bit for bit, through memory too', async () => {
    const source = await filled(`sqlite:${newFile()}.sqlite`);
    const before = await contentsOf(source);
    expect(before.rows.length).toBeGreaterThan(400);
    const memory = await openPlace('memory:');
    await moveTo(memory, await archiveOf(source));
    expect(await contentsOf(memory)).toEqual(before);
    const back = await openPlace();
    const { arrival } = await moveTo(back, await archiveOf(memory));
    expect(await contentsOf(back)).toEqual(before);
    expect(arrival.taken.counts).toMatchObject({ accounts: 8, devices: 8, passkeys: 8, sessions: 8, others: 24 });
    expect(arrival.left).toEqual({ unwanted: {}, expired: 0, dangling: 0 });
  });

  for (const engine of ['postgres', 'redis'] as const) {
    describeOn(engine, () => {
      test('and back', async () => {
        const room = await makeRoom(engine);
        try {
          const source = await filled();
          const before = await contentsOf(source);
          const between = await openPlace(room.url);
          await moveTo(between, await archiveOf(source));
          expect(await contentsOf(between)).toEqual(before);
          expect(await between.backend.store.increment('skipped:2026-11-21:0.1', FOREVER)).toBe(42);
          const back = await openPlace();
          await moveTo(back, await archiveOf(between));
          expect(await back.backend.store.get('skipped:2026-11-21:0.1')).toBe(42);
          await back.backend.store.increment('skipped:2026-11-21:0.1', FOREVER, -1);
          expect(await contentsOf(back)).toEqual(before);
        } finally {
          await room.remove();
        }
      });
    });
  }

  test('leaves a storage that says so, until it is called off', async () => {
    const source = await filled();
    const marks = createMarks(source.backend);
    const running = await exportArchive(exporting(source, { findRunning: async () => ['login-1'] }), {
      path: newFile(),
      kind: 'move',
      resume: false,
    });
    expect(running).toEqual({ kind: 'refused', why: 'running', detail: 'login-1' });
    expect((await marks.standing()).kind).toBe('servable');
    await archiveOf(source);
    expect((await marks.standing()).kind).toBe('away');
    await marks.callOff();
    expect((await marks.standing()).kind).toBe('servable');
  });

  test('is one only within a day, of a file that was made for it, into a storage that nobody runs on', async () => {
    const source = await filled();
    const backup = await archiveOf(source, 'backup');
    const path = await archiveOf(source);
    const late = await openPlace(undefined, movableClock(NOW + 86_401));
    expect(await importArchive(importing(late), path, MOVE)).toEqual({ kind: 'refused', why: 'old-move' });
    expect(await importArchive(importing(late), backup, MOVE)).toEqual({ kind: 'refused', why: 'no-move' });
    const forgotten = importing(await openPlace(), { restoresMoves: false });
    expect(await importArchive(forgotten, path, RESTORE)).toEqual({ kind: 'refused', why: 'is-move' });
    const dayAfter = importing(await openPlace(undefined, movableClock(NOW + 86_401)), { restoresMoves: false });
    expect(await importArchive(dayAfter, path, RESTORE)).toMatchObject({ kind: 'imported' });
    const busy = importing(late, { findRunning: async () => ['login-2'] });
    expect(await importArchive(busy, path, RESTORE)).toMatchObject({ kind: 'refused', why: 'running' });
    expect(await contentsOf(late)).toEqual({ rows: [], jobs: [] });
  });
});

describe('a restore', () => {
  const prefixesOf = (rows: readonly { key: string }[]) =>
    [...new Set(rows.map(({ key }) => key.replace(/^(oidc:\w+|[^:]+).*$/, '$1')))].sort();

  test('brings back who people are and what keeps out, and nothing that lets in', async () => {
    const path = await archiveOf(await filled(), 'backup');
    const target = await openPlace('memory:');
    const { arrival } = await moveTo(target, path, RESTORE);
    const { rows, jobs } = await contentsOf(target);
    expect(prefixesOf(rows)).toEqual([...KEPT, 'pairwise-salt'].sort());
    expect([...new Set(jobs.map(({ kind }) => kind))]).toEqual([...KEPT_JOBS].sort());
    expect(arrival.left.unwanted).toMatchObject({
      sessions: 8,
      'refresh tokens': 8,
      devices: 8,
      passkeys: 8,
      logins: 8,
    });
    expect(arrival.left.unwanted.others).toBe(24);
  });

  test('brings what was asked for beside it, and never sessions', async () => {
    const path = await archiveOf(await filled(), 'move');
    const target = await openPlace('memory:');
    await moveTo(target, path, { kind: 'restore', keep: ['devices', 'passkeys'] });
    const { rows } = await contentsOf(target);
    expect(prefixesOf(rows)).toEqual([...KEPT, ...WISHED.devices, ...WISHED.passkeys, 'pairwise-salt'].sort());
    expect(prefixesOf(rows).filter((prefix) => MOVED_ONLY.includes(prefix))).toEqual([]);
  });

  test('brings a journal that is whole, also one that was written to all the while', async () => {
    const source = await openPlace('memory:');
    const { bulk, store } = source.backend;
    const journal = createJournal({ store, clock: source.clock });
    const note = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => journal.record({ event: 'something.happened', n })));
    await note(700);
    await journal.flush();
    const busy: Bulk = {
      ...bulk,
      async *rows(after, now) {
        for await (const page of bulk.rows(after, now)) {
          yield page;
          await note(150);
          await journal.flush();
        }
      },
    };
    const path = newFile();
    expect((await exportArchive(exporting(source, { bulk: busy }), { path, kind: 'backup', resume: false })).kind).toBe(
      'exported',
    );
    const target = await openPlace();
    await moveTo(target, path, RESTORE);
    const restored = createJournal({ store: target.backend.store, clock: target.clock });
    expect(await restored.verify()).toMatchObject({ kind: 'whole', count: 700 });
    await restored.record({ event: 'something.else' });
    expect(await restored.verify()).toMatchObject({ kind: 'whole', count: 701 });
  });

  test('leaves out what is over, and an identifier whose account is not there', async () => {
    const source = await openPlace('memory:');
    await source.backend.store.set('account:here', 'sealed', FOREVER);
    await source.backend.store.set('identifier:a', 'here', FOREVER);
    await source.backend.store.set('identifier:b', 'gone', FOREVER);
    await source.backend.store.set('limit:x', 1, 100);
    const path = await archiveOf(source, 'backup');
    const target = await openPlace(undefined, movableClock(NOW + 100));
    const { arrival } = await moveTo(target, path, RESTORE);
    expect((await contentsOf(target)).rows.map(({ key }) => key)).toEqual(['account:here', 'identifier:a']);
    expect(arrival.left).toEqual({ unwanted: {}, expired: 1, dangling: 1 });
  });
});

describe('a storage in use', () => {
  test('is refused and left as it is, by one record or one job', async () => {
    const path = await archiveOf(await filled(), 'backup');
    for (const use of ['account:somebody', 'journal:head', 'oidc:Session:x'] as const) {
      const target = await openPlace('memory:');
      await target.backend.store.set(use, 'mine', FOREVER);
      const before = await contentsOf(target);
      expect(await importArchive(importing(target), path, RESTORE)).toMatchObject({ kind: 'refused', why: 'filled' });
      expect(await contentsOf(target)).toEqual(before);
    }
    const target = await openPlace('memory:');
    await target.backend.jobs.schedule({ kind: 'mail', id: '1', dueAtMs: 1 });
    expect(await importArchive(importing(target), path, RESTORE)).toMatchObject({ kind: 'refused', why: 'filled' });
  });

  test('is not one that a provider has only been started on: its own salt gives way', async () => {
    const path = await archiveOf(await filled());
    const target = await openPlace();
    await target.backend.store.set('pairwise-salt', 'another', FOREVER);
    await target.backend.jobs.schedule({ kind: 'sweep', id: 'hourly', dueAtMs: 1 });
    await target.backend.ping();
    await moveTo(target, path);
    expect(await target.backend.store.get('pairwise-salt')).toBe('the salt');
  });

  test('imported twice, the second time changes nothing and says so', async () => {
    const path = await archiveOf(await filled());
    const target = await openPlace('memory:');
    await moveTo(target, path);
    await target.backend.store.delete('account:0-1');
    const before = await contentsOf(target);
    expect((await importArchive(importing(target), path, MOVE)).kind).toBe('already');
    expect(await contentsOf(target)).toEqual(before);
  });
});

describe('an interrupted', () => {
  const down = () => Promise.reject(new Error('the storage went away'));

  /** Gives so many pages, and fails. */
  function failingAfter(bulk: Bulk, pages: number): Bulk {
    let left = pages;
    async function* few<T>(all: AsyncIterable<T>): AsyncGenerator<T> {
      for await (const page of all) {
        if (left === 0) await down();
        left -= 1;
        yield page;
      }
    }
    return { ...bulk, rows: (after, now) => few(bulk.rows(after, now)), jobs: (after) => few(bulk.jobs(after)) };
  }

  test.each([0, 1, 2, 3])('export goes on behind %i whole pages, also when the next was cut off', async (pages) => {
    const source = await filled();
    const before = await contentsOf(source);
    const path = newFile();
    const order = { path, kind: 'move', resume: false } as const;
    const broken = exporting(source, { bulk: failingAfter(source.backend.bulk, pages) });
    await expect(exportArchive(broken, order)).rejects.toThrow('went away');
    expect(existsSync(path)).toBe(false);
    expect(statSync(`${path}.part`).mode & 0o777).toBe(0o600);
    // kill -9 in the middle of a write, and more than what comes in its place
    writeFileSync(`${path}.part`, randomBytes(2_000_000), { flag: 'a' });
    expect(await exportArchive(exporting(source), order)).toEqual({ kind: 'refused', why: 'part-exists' });
    const resumed = await exportArchive(exporting(source), { ...order, resume: true });
    expect(resumed.kind).toBe('exported');
    expect(existsSync(`${path}.part`)).toBe(false);
    const target = await openPlace('memory:');
    await moveTo(target, path);
    expect(await contentsOf(target)).toEqual(before);
    expect(await exportArchive(exporting(source), order)).toEqual({ kind: 'refused', why: 'file-exists' });
  });

  test('export goes on neither from another storage, nor as the other kind, nor the day after', async () => {
    const source = await filled();
    const path = newFile();
    const order = { path, kind: 'backup', resume: true } as const;
    expect(await exportArchive(exporting(source), order)).toEqual({ kind: 'refused', why: 'no-part' });
    const broken = exporting(source, { bulk: failingAfter(source.backend.bulk, 1) });
    await expect(exportArchive(broken, { ...order, resume: false })).rejects.toThrow('went away');
    const refusal = async (changes: Parameters<typeof exporting>[1], kind: 'backup' | 'move' = 'backup') => {
      const outcome = await exportArchive(exporting(source, changes), { ...order, kind });
      return outcome.kind === 'refused' && outcome.why;
    };
    expect(await refusal({ source: 'elsewhere' })).toBe('other-part');
    expect(await refusal({}, 'move')).toBe('other-part');
    expect(await refusal({ clock: movableClock(NOW + 86_401) })).toBe('old-part');
  });

  test('a move that cannot be begun leaves neither the storage moved away nor a file behind', async () => {
    const source = await filled();
    const order = { path: `${newFile()}-folder/none`, kind: 'move', resume: false } as const;
    const failure = await exportArchive(exporting(source), order).catch((error: Error) => error);
    expect(failure).toMatchObject({
      code: 'not-begun',
      message: expect.stringMatching(/folder does not exist \(ENOENT\)/),
    });
    expect((await createMarks(source.backend).standing()).kind).toBe('servable');
    const path = newFile();
    const running = exporting(source, { findRunning: async () => ['login-1'] });
    expect(await exportArchive(running, { path, kind: 'move', resume: false })).toMatchObject({ why: 'running' });
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  test('what was killed before its first line is told as nothing to go on with', async () => {
    const path = newFile();
    writeFileSync(`${path}.part`, '{"format"');
    const order = { path, kind: 'backup', resume: true } as const;
    expect(await exportArchive(exporting(await filled()), order)).toEqual({ kind: 'refused', why: 'torn-part' });
  });

  test('export says when it is the disk that is full', async () => {
    // writing to it fails with ENOSPC, as on a full disk
    const full = await open('/dev/full', 'r+');
    await expect(written('FILE', () => full.write(Buffer.from('x')))).rejects.toMatchObject({
      code: 'not-written',
      message: 'FILE.part cannot be written: the disk is full (ENOSPC): make room',
    });
    await full.close();
  });

  test.each([0, 1, 2, 3])(
    'import goes on where it was after %i chunks, whatever half of the next had arrived',
    async (chunks) => {
      const source = await filled();
      const path = await archiveOf(source);
      const target = await openPlace();
      const { bulk } = target.backend;
      let left = chunks;
      const broken: Bulk = {
        ...bulk,
        async addRows(rows, now) {
          if (left > 0) {
            left -= 1;
            return bulk.addRows(rows, now);
          }
          await bulk.addRows(rows.slice(0, rows.length / 2), now);
          return down();
        },
        async addJobs(jobs) {
          await bulk.addJobs(jobs.slice(0, jobs.length / 2));
          return down();
        },
      };
      await expect(importArchive(importing(target, { bulk: broken }), path, MOVE)).rejects.toThrow('went away');
      const marks = createMarks(target.backend);
      expect((await marks.standing()).kind).toBe('arriving');
      expect(await importArchive(importing(target), path, RESTORE)).toMatchObject({ why: 'other-arrival' });
      const other = await archiveOf(source);
      expect(await importArchive(importing(target), other, MOVE)).toMatchObject({ why: 'other-arrival' });
      expect(await exportArchive(exporting(target), { path: newFile(), kind: 'backup', resume: false })).toMatchObject({
        why: 'arriving',
      });
      target.clock.advance(40);
      await moveTo(target, path);
      expect((await marks.standing()).kind).toBe('servable');
      target.clock.advance(-40);
      expect(await contentsOf(target)).toEqual(await contentsOf(source));
    },
  );

  test('import keeps others out, and stops when it stood still for so long that another began', async () => {
    const path = await archiveOf(await filled());
    const target = await openPlace('memory:');
    const { bulk, store } = target.backend;
    let other: Awaited<ReturnType<typeof importArchive>> | undefined;
    const slow: Bulk = {
      ...bulk,
      async addRows(rows, now) {
        other ??= await importArchive(importing(target), path, MOVE);
        target.clock.advance(61);
        await store.putIfAbsent('moves:lease', 'of another', 60);
        return bulk.addRows(rows, now);
      },
    };
    expect(await faultOf(importArchive(importing(target, { bulk: slow }), path, MOVE))).toBe('overtaken');
    expect(other).toEqual({ kind: 'refused', why: 'under-way' });
    expect((await createMarks(target.backend).standing()).kind).toBe('arriving');
    target.clock.advance(61);
    await moveTo(target, path);
  });

  test('import into a storage that somebody else writes to at the same time is found out', async () => {
    const path = await archiveOf(await filled());
    const target = await openPlace();
    const { bulk, store } = target.backend;
    const disturbed: Bulk = {
      ...bulk,
      async addRows(rows, now) {
        await store.set('oidc:RefreshToken:37-3', 'somebody else', FOREVER);
        return bulk.addRows(rows, now);
      },
    };
    await expect(importArchive(importing(target, { bulk: disturbed }), path, MOVE)).rejects.toThrow(
      'does not hold what was imported',
    );
    expect((await createMarks(target.backend).standing()).kind).toBe('arriving');
  });
});

describeWithOwn('redis', 'a target that goes down in the middle', () => {
  test('keeps what has arrived, and the import goes on when it is back', async () => {
    const server = await ownRedis('--appendonly', 'yes', '--appendfsync', 'always');
    try {
      const source = await filled();
      const path = await archiveOf(source);
      const target = await openPlace(server.url);
      const { bulk } = target.backend;
      let chunks = 0;
      const falling: Bulk = {
        ...bulk,
        async addRows(rows, now) {
          chunks += 1;
          if (chunks === 3) await server.kill();
          return bulk.addRows(rows, now);
        },
      };
      expect(await faultOf(importArchive(importing(target, { bulk: falling }), path, MOVE))).toBe(
        'storage_unavailable',
      );
      await server.start();
      await recovered(target.backend);
      expect(await createMarks(target.backend).arrival()).toMatchObject({ next: 2 });
      expect(await importArchive(importing(target), path, MOVE)).toMatchObject({ why: 'under-way' });
      target.clock.advance(61);
      await moveTo(target, path);
      target.clock.advance(-61);
      expect(await contentsOf(target)).toEqual(await contentsOf(source));
    } finally {
      await server.remove();
    }
  });
});

describe('an archive', () => {
  /** Where chunks lie in the file. */
  function chunksOf(bytes: Buffer): { from: number; to: number }[] {
    const chunks: { from: number; to: number }[] = [];
    for (let from = bytes.indexOf('\n') + 1; from < bytes.length; ) {
      const to = from + LENGTH_BYTES + bytes.readUInt32BE(from);
      chunks.push({ from, to });
      from = to;
    }
    return chunks;
  }

  test('that is whole says what is in it; for its owner only, and nothing of it can be read', async () => {
    const source = await filled();
    await source.backend.store.set('account:canary', 'Zq3-canary', FOREVER);
    const path = await archiveOf(source);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { header, tally } = await check(path);
    expect(header).toMatchObject({
      kind: 'move',
      program: '9.9.9',
      createdAt: NOW,
      keys: [dataKeyId(KEY), dataKeyId(OLDER_KEY)],
    });
    expect(tally.counts).toMatchObject({ accounts: 9, sessions: 8 });
    expect(tally.counts).not.toHaveProperty('own');
    expect(readFileSync(path).includes('canary')).toBe(false);
  });

  test('that was touched anywhere is refused whole', async () => {
    const path = await archiveOf(await filled());
    const whole = readFileSync(path);
    const chunks = chunksOf(whole);
    expect(chunks.length).toBeGreaterThan(4);
    const part = (n: number) => whole.subarray(chunks[n]?.from, chunks[n]?.to);
    const header = whole.subarray(0, chunks[0]?.from);
    const others = [...chunks.keys()].slice(2).map(part);
    const touched = newFile();
    const verdict = async (...parts: Uint8Array[]) => {
      writeFileSync(touched, Buffer.concat(parts));
      const found = await faultOf(check(touched));
      const target = await openPlace('memory:');
      expect(await faultOf(importArchive(importing(target), touched, MOVE))).toBe(found);
      expect((await contentsOf(target)).rows.length > 0).toBe(found === 'none');
      return found;
    };
    expect(await verdict(whole)).toBe('none');
    expect(await verdict(header, part(1), part(0), ...others)).toBe('altered');
    expect(await verdict(header, part(0), ...others)).toBe('altered');
    expect(await verdict(header, part(0), part(0), part(1), ...others)).toBe('altered');
    expect(await verdict(whole, part(0))).toBe('altered');
    expect(await verdict(whole.subarray(0, -1))).toBe('truncated');
    expect(await verdict(whole.subarray(0, chunks.at(-1)?.from))).toBe('truncated');
    expect(await verdict(header, part(chunks.length - 1))).toBe('altered');
    for (const at of [header.length + 2, header.length + 20, whole.length - 3, Math.floor(whole.length / 2)]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(['altered', 'truncated']).toContain(await verdict(bytes));
    }
    const younger = Buffer.from(header.toString().replace(`"createdAt":${NOW}`, `"createdAt":${NOW + 1}`));
    expect(younger.equals(header)).toBe(false);
    expect(await verdict(younger, whole.subarray(header.length))).toBe('altered');
  });

  test('whose counts are not what it holds is refused, whoever wrote it', async () => {
    const { header } = await check(await archiveOf(await filled()));
    const path = newFile();
    const writer = await beginArchive(path, header, [KEY, OLDER_KEY]);
    await writer.append({ kind: 'rows', rows: [{ key: 'account:x', text: '1', expiresAt: FOREVER }] });
    await writer.append({ kind: 'end', tally: NOTHING });
    await writer.finish();
    await putInPlace(path);
    expect(await faultOf(check(path))).toBe('altered');
    expect(await faultOf(putInPlace(path))).toBe('not-written');
  });

  test('of another key is refused by name, as is what is no archive', async () => {
    const path = await archiveOf(await filled());
    await expect(check(path, [KEY])).rejects.toThrow(`DATA_KEYS lacks ${dataKeyId(OLDER_KEY)}`);
    expect(await faultOf(check(path, [OLDER_KEY]))).toBe('key-missing');
    expect(await faultOf(check(newFile()))).toBe('unreadable');
    await expect(check(newFile())).rejects.toThrow(/there is no such file; name the one that export has written/);
    expect(await faultOf(check(tmpdir()))).toBe('unreadable');
    await expect(check(tmpdir())).rejects.toThrow(/is a folder; name the file that export has written/);
    const other = newFile();
    writeFileSync(other, '{"format":"something else","version":1,"keys":[]}\n');
    expect(await faultOf(check(other))).toBe('not-an-archive');
    writeFileSync(other, '');
    expect(await faultOf(check(other))).toBe('not-an-archive');
    writeFileSync(other, `{"format":"selfie-oidc archive","version":2,"keys":[]}\n`);
    expect(await faultOf(check(other))).toBe('newer-format');
  });
});
