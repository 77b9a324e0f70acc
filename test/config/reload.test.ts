// When a file counts as changed, and what of a configuration that is read again is taken.

import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { ClientEntry } from '../../src/config/client-entry.ts';
import { loadConfig } from '../../src/config/load.ts';
import { compareClients, createClientsReader, fingerprintOf, watchFile } from '../../src/config/reload.ts';
import { newFolder } from '../cli/support.ts';

/** A watch whose looks are made by hand. */
async function watch(path: string) {
  let look = async (): Promise<void> => undefined;
  let changes = 0;
  let isStopped = false;
  const { stop, noteRead } = watchFile(
    path,
    () => {
      changes += 1;
    },
    {
      since: await fingerprintOf(path),
      every: (_ms, work) => {
        look = work;
        return () => {
          isStopped = true;
        };
      },
    },
  );
  return {
    stop,
    noteRead,
    isStopped: () => isStopped,
    async changesAfterLooks(looks: number): Promise<number> {
      changes = 0;
      for (let each = 0; each < looks; each += 1) await look();
      return changes;
    },
  };
}

async function fileWith(text: string): Promise<string> {
  const path = join(await newFolder(), 'clients.yaml');
  await writeFile(path, text);
  return path;
}

test('a file that stays as it is has not changed', async () => {
  const watched = await watch(await fileWith('a'));
  expect(await watched.changesAfterLooks(5)).toBe(0);
});

test('a change counts once, and only when the file was the same for two looks', async () => {
  const path = await fileWith('a');
  const watched = await watch(path);
  for (const half of ['', 'bb', 'bbbb']) {
    await writeFile(path, half);
    expect(await watched.changesAfterLooks(1)).toBe(0);
  }
  expect(await watched.changesAfterLooks(3)).toBe(1);
});

test('a file that is missing for one look, while an editor replaces it, is not a file that is gone', async () => {
  const path = await fileWith('a');
  const watched = await watch(path);
  await rename(path, `${path}~`);
  expect(await watched.changesAfterLooks(1)).toBe(0);
  await writeFile(path, 'b');
  expect(await watched.changesAfterLooks(1)).toBe(0);
  expect(await watched.changesAfterLooks(4)).toBe(1);
});

test('another file put in its place counts, of the same size and time as well', async () => {
  const path = await fileWith('one');
  const at = new Date(1_700_000_000_000);
  await utimes(path, at, at);
  const watched = await watch(path);
  await writeFile(`${path}.new`, 'two');
  await utimes(`${path}.new`, at, at);
  await rename(`${path}.new`, path);
  expect(await watched.changesAfterLooks(3)).toBe(1);
});

test('a link above it that leads elsewhere counts, as Kubernetes updates a volume', async () => {
  const folder = await newFolder();
  for (const version of ['..1', '..2']) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'clients.yaml'), 'same');
  }
  await symlink('..1', join(folder, '..data'));
  await symlink('..data/clients.yaml', join(folder, 'clients.yaml'));
  const watched = await watch(join(folder, 'clients.yaml'));
  await symlink('..2', join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  await rm(join(folder, '..1'), { recursive: true });
  expect(await watched.changesAfterLooks(3)).toBe(1);
});

test('a file that is gone counts once, and once more when it is back', async () => {
  const path = await fileWith('a');
  const watched = await watch(path);
  await rm(path);
  expect(await watched.changesAfterLooks(5)).toBe(1);
  await writeFile(path, 'a');
  expect(await watched.changesAfterLooks(5)).toBe(1);
});

test('what was read for another reason is no change, and what is written behind it is', async () => {
  const path = await fileWith('a');
  const watched = await watch(path);
  await writeFile(path, 'bb');
  await watched.noteRead();
  expect(await watched.changesAfterLooks(4)).toBe(0);
  await writeFile(path, 'ccc');
  expect(await watched.changesAfterLooks(4)).toBe(1);
});

test('one look at a time', async () => {
  const path = await fileWith('a');
  const watched = await watch(path);
  await writeFile(path, 'bb');
  // one that began while another was waiting for the file system does not count as a second look
  await Promise.all([watched.changesAfterLooks(1), watched.changesAfterLooks(1)]);
  expect(await watched.changesAfterLooks(1)).toBe(1);
  watched.stop();
  expect(watched.isStopped()).toBe(true);
});

const entry = (client_id: string, more: object = {}) =>
  ({ client_id, redirect_uris: [`https://${client_id}.example/cb`], ...more }) as unknown as ClientEntry;

test('clients are compared by id and by all they say, not by where they stand', () => {
  const before = [entry('a'), entry('b'), entry('c')];
  const after = [entry('c'), entry('d'), entry('a', { client_name: 'A' })];
  expect(compareClients(before, after)).toEqual({ added: ['d'], changed: ['a'], removed: ['b'] });
  expect(compareClients(before, [...before].reverse())).toEqual({ added: [], changed: [], removed: [] });
  expect(compareClients(before, [])).toEqual({ added: [], changed: [], removed: ['a', 'b', 'c'] });
});

test('a warning that was told is not told again, and a new one is', async () => {
  const cwd = await newFolder();
  const env = { STORAGE_URL: 'memory:', CLIENTS_FILE: 'clients.json' };
  const redirect_uris = ['http://127.0.0.1:9/cb'];
  const client = { client_id: 'app', client_secret: 'of-this-test', redirect_uris };
  await writeFile(join(cwd, 'clients.json'), JSON.stringify([client]));
  const started = await loadConfig(env, { cwd });
  if (!started.ok) throw new Error(JSON.stringify(started.faults));
  const { config, warnings } = started;
  const reader = createClientsReader({ env, cwd, config, warnings });
  const read = () => reader(config.clients);
  expect(await read()).toMatchObject({ ok: true, clients: [{ client_id: 'app' }] });
  await writeFile(join(cwd, 'clients.json'), '');
  expect(await read()).toMatchObject({ ok: true, clients: [], warnings: ['clients.json: names no client'] });
  expect(await read()).toMatchObject({ ok: true, warnings: [] });
});

test('what is not taken over is told by its name, each time', async () => {
  const cwd = await newFolder();
  const env = { STORAGE_URL: 'memory:', METRICS_TOKEN_FILE: 'token', POLICY_FILE: 'policy.yaml' };
  await writeFile(join(cwd, 'token'), 'a-token-of-this-test');
  await writeFile(join(cwd, 'policy.yaml'), 'enrolment: open');
  const started = await loadConfig(env, { cwd });
  if (!started.ok) throw new Error(JSON.stringify(started.faults));
  const { config, warnings } = started;
  const reader = createClientsReader({ env, cwd, config, warnings });
  const read = () => reader(config.clients);
  expect(await read()).toMatchObject({ ok: true, warnings: [] });
  await writeFile(join(cwd, 'token'), 'another-token-of-this-test');
  await writeFile(join(cwd, 'policy.yaml'), 'enrolment: closed');
  for (const _ of [1, 2]) {
    expect(await read()).toMatchObject({
      ok: true,
      warnings: [
        expect.stringMatching(/policy\.yaml: has changed since the start, and counts only from the next one on$/),
        'METRICS_TOKEN: has changed since the start, and counts only from the next one on',
      ],
    });
  }
});
