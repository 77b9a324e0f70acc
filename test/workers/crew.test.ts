// Who is hired, replaced and let go, without a process or a clock.

import { expect, test } from '@jest/globals';
import type { StartFailure } from '../../src/startup.ts';
import { type Crew, createCrew, type WorkerEvents } from '../../src/workers/crew.ts';
import type { ToWorker } from '../../src/workers/messages.ts';

interface Hired extends WorkerEvents {
  readonly place: number;
  readonly sent: ToWorker[];
  readonly killed: string[];
  readonly released: string[];
}

function crewOf(size: number) {
  const hired: Hired[] = [];
  const lines: { level: string; message: string; fields: object }[] = [];
  const events: string[] = [];
  let nowMs = 0;
  let alarms: { atMs: number; work: () => void }[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const crew: Crew = createCrew({
    size,
    hire(place, workerEvents) {
      const sent: ToWorker[] = [];
      const killed: string[] = [];
      const released: string[] = [];
      hired.push({ place, sent, killed, released, ...workerEvents });
      return {
        send: (message) => void sent.push(message),
        kill: (signal) => void killed.push(signal),
        release: () => void released.push('released'),
      };
    },
    timing: {
      nowMs: () => nowMs,
      after(ms, work) {
        const alarm = { atMs: nowMs + ms, work };
        alarms.push(alarm);
        return () => {
          alarms = alarms.filter((each) => each !== alarm);
        };
      },
    },
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    begin: (number, isFirst) => ({ kind: 'stop', number, isFirst }) as unknown as ToWorker,
    heard: ({ place }, { kind }) => void events.push(`${place} ${kind}`),
    joined: ({ place }) => void events.push(`${place} joined`),
    left: ({ place }) => void events.push(`${place} left`),
  });
  return {
    crew,
    hired,
    lines,
    events,
    /** the newest process in a place */
    at: (place: number) => hired.filter((each) => each.place === place).at(-1) as Hired,
    listen(place: number) {
      this.at(place).heard({ kind: 'ready' });
      this.at(place).heard({ kind: 'listening' });
    },
    pass(ms: number) {
      nowMs += ms;
      const due = alarms.filter(({ atMs }) => atMs <= nowMs);
      alarms = alarms.filter(({ atMs }) => atMs > nowMs);
      for (const { work } of due) work();
    },
  };
}

const KILLED = { code: null, signal: 'SIGKILL' };
const TAKEN: StartFailure = { exitCode: 1, message: 'PORT: taken' };

test('it has started when all listen; one of them, the first to be ready, has nobody to join', async () => {
  const it = crewOf(3);
  it.at(2).heard({ kind: 'ready' });
  it.listen(1);
  it.listen(3);
  expect(it.hired.map(({ sent }) => sent)).toEqual([
    [expect.objectContaining({ number: 1, isFirst: false })],
    [expect.objectContaining({ number: 2, isFirst: true })],
    [expect.objectContaining({ number: 3, isFirst: false })],
  ]);
  expect(it.crew.members.map(({ place }) => place)).toEqual([1, 3]);
  it.at(2).heard({ kind: 'listening' });
  expect(await it.crew.started).toEqual({ ok: true });
});

test('when none of the first can start, why is told once, and nobody is hired again', async () => {
  const it = crewOf(3);
  for (const place of [1, 2, 3]) {
    it.at(place).heard({ kind: 'failed', failure: TAKEN });
    it.at(place).ended({ code: 1, signal: null });
  }
  expect(await it.crew.started).toEqual({ ok: false, failure: TAKEN });
  it.pass(1_000_000);
  expect([it.hired.length, it.lines]).toEqual([3, []]);
});

test('those that die without a word before they listen are told of too', async () => {
  const it = crewOf(2);
  it.at(1).ended(KILLED);
  it.at(2).ended({ code: 3, signal: null });
  expect(await it.crew.started).toEqual({
    ok: false,
    failure: { exitCode: 1, message: 'could not start: a worker ended with SIGKILL' },
  });
});

test('one of the first that cannot start is started again, once it is known that others can', async () => {
  const it = crewOf(2);
  it.at(1).heard({ kind: 'failed', failure: TAKEN });
  it.at(1).ended({ code: 1, signal: null });
  it.pass(60_000);
  expect(it.hired.length).toBe(2);
  it.listen(2);
  it.pass(0);
  it.listen(1);
  expect(await it.crew.started).toEqual({ ok: true });
  expect(it.lines).toEqual([
    expect.objectContaining({ level: 'error', message: 'a worker could not start, and is started again' }),
  ]);
});

test('one that ends is replaced at once; one that ends again and again waits ever longer, up to half a minute', () => {
  const it = crewOf(2);
  it.listen(1);
  it.listen(2);
  it.pass(3_600_000);
  const pauses: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    it.at(1).ended(KILLED);
    const before = it.hired.length;
    let pause = 0;
    for (it.pass(0); it.hired.length === before; pause += 1_000) it.pass(1_000);
    pauses.push(pause);
    it.listen(1);
  }
  // the first had lived for an hour, the second is the first short life
  expect(pauses).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
  it.pass(60_000);
  it.at(1).ended(KILLED);
  const before = it.hired.length;
  it.pass(0);
  expect(it.hired.length).toBe(before + 1);
  expect(it.crew.members.map(({ place }) => place)).toEqual([2]);
  expect(it.lines.at(0)).toMatchObject({ level: 'error', fields: { worker: 1, signal: 'SIGKILL' } });
});

test('R7: one that ends while the storage is away is tried every second, is told of once, and is there soon after', () => {
  const it = crewOf(1);
  const away: StartFailure = { exitCode: 1, message: 'STORAGE_URL: not connected', isOutage: true };
  it.listen(1);
  it.at(1).ended(KILLED);
  it.pass(0);
  for (let tries = 0; tries < 20; tries++) {
    const before = it.hired.length;
    it.at(1).heard({ kind: 'ready' });
    it.at(1).heard({ kind: 'failed', failure: away });
    it.at(1).ended({ code: 1, signal: null });
    it.pass(1_000);
    expect(it.hired).toHaveLength(before + 1);
  }
  expect(it.lines.map(({ message }) => message)).toEqual([
    'a worker ended, and is replaced',
    'a worker could not start, and is started again',
  ]);
  it.listen(1);
  expect(it.crew.members).toHaveLength(1);
});

test('what one says before it listens, or after it has ended, is nobody else’s business', () => {
  const it = crewOf(1);
  const first = it.at(1);
  first.heard({ kind: 'bus', line: 'x' });
  it.listen(1);
  first.heard({ kind: 'bus', line: 'x' });
  first.ended(KILLED);
  expect(it.events).toEqual(['1 joined', '1 bus', '1 left']);
});

test('one that is told to end by somebody else is released, leaves, and is replaced without alarm', async () => {
  const it = crewOf(2);
  it.listen(1);
  it.listen(2);
  it.at(1).heard({ kind: 'leaving', series: [] });
  expect(it.at(1).released).toEqual(['released']);
  expect(it.events.slice(2)).toEqual(['1 leaving', '1 left']);
  expect(it.crew.members.map(({ place }) => place)).toEqual([2]);
  it.at(1).ended({ code: 0, signal: null });
  it.pass(0);
  expect(it.hired.length).toBe(3);
  expect(it.lines).toEqual([expect.objectContaining({ level: 'info' })]);
  it.at(2).heard({ kind: 'leaving', series: [] });
  const stopped = it.crew.stop();
  expect(it.at(2).killed).toEqual([]);
  it.at(2).ended({ code: 0, signal: null });
  it.at(1).ended({ code: null, signal: 'SIGTERM' });
  expect(await stopped).toBe(true);
});

test('when all are told to end at once, as systemd does it, those at work stay on the port until the stop, and nobody is hired', async () => {
  const it = crewOf(3);
  for (const place of [1, 2, 3]) it.listen(place);
  it.at(3).ended(KILLED);
  it.crew.withdraw();
  expect(it.at(1).sent.at(-1)).toEqual({ kind: 'withdraw' });
  for (const place of [1, 2]) it.at(place).heard({ kind: 'leaving', series: [] });
  it.pass(1_000);
  expect([it.at(1).released, it.at(2).released, it.hired.length]).toEqual([[], [], 3]);
  const stopped = it.crew.stop();
  expect([it.at(1).released, it.at(2).released]).toEqual([['released'], ['released']]);
  for (const place of [1, 2]) it.at(place).ended({ code: 0, signal: null });
  expect(await stopped).toBe(true);
  expect(it.hired.length).toBe(3);
});

test('one that was released and stands still is ended, and replaced', () => {
  const it = crewOf(2);
  it.listen(1);
  it.listen(2);
  it.at(1).heard({ kind: 'leaving', series: [] });
  it.pass(9_999);
  expect(it.at(1).killed).toEqual([]);
  it.pass(1);
  expect(it.at(1).killed).toEqual(['SIGKILL']);
  it.at(1).ended(KILLED);
  it.pass(0);
  expect(it.hired.length).toBe(3);
});

test('a start that stands still is ended, and is a start that failed; one at work may stay for ever', async () => {
  const it = crewOf(2);
  it.listen(1);
  it.pass(120_000);
  expect([it.at(1).killed, it.at(2).killed]).toEqual([[], ['SIGKILL']]);
  it.at(2).ended(KILLED);
  it.pass(0);
  it.listen(2);
  expect(await it.crew.started).toEqual({ ok: true });
});

test('a stop lets those at work finish, ends those that were not, and replaces nobody', async () => {
  const it = crewOf(3);
  it.listen(1);
  it.listen(2);
  it.at(2).ended(KILLED);
  const stopped = it.crew.stop();
  expect(it.crew.stop()).toBe(stopped);
  expect([it.at(1).released, it.at(3).released]).toEqual([['released'], []]);
  expect([it.at(1).killed, it.at(3).killed]).toEqual([[], ['SIGTERM']]);
  it.at(3).ended({ code: null, signal: 'SIGTERM' });
  it.pass(1_000_000);
  it.at(1).ended({ code: 0, signal: null });
  expect(await stopped).toBe(true);
  expect(it.hired.length).toBe(3);
});

test('a stop in which one at work ended badly was no good one', async () => {
  const it = crewOf(2);
  it.listen(1);
  it.listen(2);
  const stopped = it.crew.stop();
  it.at(1).ended(KILLED);
  it.at(2).ended({ code: 0, signal: null });
  expect(await stopped).toBe(false);
});
