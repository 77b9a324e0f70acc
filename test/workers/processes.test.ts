// Several real processes on one port and one SQLite file: whole logins through them, and what becomes of them when one is killed, all are
// told to end, or the primary is.

import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  cli,
  development,
  ended,
  halfRequest,
  knows,
  linesOf,
  logged,
  MAIN,
  newFolder,
  type Place,
  placeOf,
  refusesNewcomers,
  start,
} from '../cli/support.ts';
import { Browser } from '../support/browser.ts';
import { openStream, showFace, until } from '../support/story.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
let place: Place;
let primary: ChildProcess;
let out = '';

/** Stops the clock of every waiting room, which ticks once a second: without it only a message can move a page that waits. */
const NEVER_LOOKS = `data:text/javascript,${encodeURIComponent(
  'const every = setInterval; globalThis.setInterval = (work, ms) => every(work, ms === 1_000 ? 2 ** 31 - 1 : ms);',
)}`;

beforeAll(async () => {
  world = await startWorld({ storage: 'sqlite' });
  await world.app.close();
  const { cwd, env } = await placeOf(world);
  place = { cwd, env: { ...env, HOST: '127.0.0.1', WORKERS: '2' } };
  primary = start(['--import', NEVER_LOOKS, MAIN], place);
  primary.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  expect(await logged(primary, 'listening')).toMatchObject({ level: 'info', port: world.config.port, workers: 2 });
});
afterAll(() => world?.close());

/** A browser that never keeps a connection: each request may reach another process. */
const restless = () => new Browser({ headers: { connection: 'close' } });

/** Every process of ours that the kernel names as a child of this one; those that have ended and wait to be noticed are none. */
function childrenOf(pid: number | undefined): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [state, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(parent) === pid && state !== 'Z' ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

async function total(series: string): Promise<number> {
  const response = await fetch(`${world.issuer}/metrics`, { headers: { connection: 'close' } });
  expect(response.status).toBe(200);
  const line = (await response.text()).split('\n').find((each) => each.startsWith(series));
  return Number(line?.slice(series.length));
}

test('people enrol and sign in; each page is woken, whichever process hears of the verdict', async () => {
  for (const browser of [restless(), restless()]) {
    const begun = await world.begin(browser, 'everybody');
    // six connections, given to the two processes by turns: the webhook reaches one of the two
    const streams = await Promise.all(Array.from({ length: 6 }, () => openStream(world, begun)));
    for (const stream of streams) await stream.until('"state":"waiting"');
    await showFace(world, begun);
    for (const stream of streams) await stream.until('"state":"settled"');
    expect((await world.finish(begun)).claims()?.acr).toMatch(/selfie/);
  }
  expect((await cli(['journal', 'verify'], place)).code).toBe(0);
});

test('metrics are of all, whoever is asked', async () => {
  const success = 'selfie_oidc_logins_total{outcome="success"} ';
  for (let ask = 0; ask < 4; ask += 1) expect(await total(success)).toBe(2);
});

test('the clients are read again by all', async () => {
  const file = join(place.cwd, 'clients.json');
  const clients = JSON.parse(await readFile(file, 'utf8'));
  expect(await knows(world.config.port, 'second')).toBe(false);
  await writeFile(`${file}.new`, JSON.stringify([...clients, { ...clients[0], client_id: 'second' }]));
  await rename(`${file}.new`, file);
  primary.kill('SIGHUP');
  const served = () => linesOf(out).filter(({ msg, added }) => msg === 'clients read again' && added === 1);
  await until('both have read them', () => served().length === 2);
  expect(new Set(served().map(({ worker }) => worker))).toEqual(new Set([1, 2]));
  for (let ask = 0; ask < 4; ask += 1) expect(await knows(world.config.port, 'second')).toBe(true);
});

test('a port that is taken is told once, and nobody tries again', async () => {
  const { code, err } = await ended(start([MAIN], place));
  expect(code).toBe(1);
  expect(err.match(/PORT: .* is taken; set PORT to a free one/g)).toHaveLength(1);
  expect(err).not.toContain('    at ');
});

test('a worker that is killed is replaced; others answer meanwhile, and no total falls', async () => {
  const success = 'selfie_oidc_logins_total{outcome="success"} ';
  const before = childrenOf(primary.pid);
  expect(before).toHaveLength(2);
  process.kill(before[0] as number, 'SIGKILL');
  await until('it is missed', () => linesOf(out).some(({ msg }) => msg === 'a worker ended, and is replaced'));
  const ready = await fetch(`${world.issuer}/readyz`, { headers: { connection: 'close' } });
  expect(ready.status).toBe(200);
  expect(await total(success)).toBe(2);
  await until('there are two again', () => childrenOf(primary.pid).length === 2);
  expect(childrenOf(primary.pid)).not.toEqual(before);
  // the new one serves the clients of now
  for (let ask = 0; ask < 6; ask += 1) expect(await knows(world.config.port, 'second')).toBe(true);
  expect((await world.enrol('after-that', restless())).tokens.claims()?.acr).toMatch(/selfie/);
});

test('a primary that is killed leaves nobody behind, and what is under way is answered', async () => {
  const workers = childrenOf(primary.pid);
  const { socket, answer } = await halfRequest(world.config.port);
  primary.kill('SIGKILL');
  await refusesNewcomers(world.config.port);
  socket.write('{}');
  expect(await answer).toMatch(/^HTTP\/1\.1 401 /m);
  const isGone = (pid: number) => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  };
  await until('they have ended', () => workers.every(isGone));
});

test('Ctrl-C, which all of them hear, loses nothing that is under way: one exit, with 0', async () => {
  const { port, ...quiet } = await development({ WORKERS: '2' });
  const several = start([MAIN], quiet);
  await logged(several, 'listening');
  const { socket, answer } = await halfRequest(port);
  const end = ended(several);
  for (const pid of [several.pid, ...childrenOf(several.pid)]) process.kill(Number(pid), 'SIGINT');
  await refusesNewcomers(port);
  socket.write('{}');
  expect(await answer).toMatch(/^HTTP\/1\.1 401 /m);
  expect(await end).toMatchObject({ code: 0, err: expect.not.stringContaining('stopped before') });
});

test('one process alone can see memory: more are refused at the start', async () => {
  const { port: _port, ...forgetful } = await development({ WORKERS: '2', STORAGE_URL: 'memory:' });
  const refused = await cli(['serve', '--json'], forgetful);
  expect(refused.code).toBe(2);
  expect(refused.json()).toEqual([
    expect.objectContaining({ where: 'WORKERS', problem: expect.stringContaining('STORAGE_URL is memory:') }),
  ]);
  const demo = await cli(['check', '--json'], { cwd: await newFolder(), env: { WORKERS: '2' } });
  expect([demo.code, demo.json().map(({ where }) => where)]).toEqual([2, ['WORKERS']]);
});
