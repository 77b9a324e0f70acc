import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createOutput } from '../../src/telemetry/output.ts';

const LOG = resolve(import.meta.dirname, '../../src/telemetry/log.ts');

/** A place that takes so many bytes, and then fails as a system call does. */
function place(room: number) {
  const state = { room, code: 'ENOSPC', text: '' };
  const write = (bytes: Buffer | string) => {
    const chunk = Buffer.from(bytes as string).subarray(0, state.room);
    if (chunk.length === 0) throw Object.assign(new Error(state.code), { code: state.code });
    state.text += chunk.toString();
    state.room -= chunk.length;
    return chunk.length;
  };
  return { state, write };
}

describe('an output that cannot be written', () => {
  afterEach(() => void jest.useRealTimers());

  test('holds what does not fit, and goes on where it stopped, in order', () => {
    jest.useFakeTimers();
    const { state, write } = place(8);
    const output = createOutput({ write });
    for (const line of ['first\n', 'second\n', 'third\n']) output.write(line);
    expect(state.text).toBe('first\nse');
    state.room = 1000;
    jest.advanceTimersByTime(1000);
    output.write('fourth\n');
    expect(state.text).toBe('first\nsecond\nthird\nfourth\n');
  });

  test('drops what would be too much to hold, and says afterwards how many lines', () => {
    jest.useFakeTimers();
    const { state, write } = place(0);
    const output = createOutput({ write, holdBytes: 12 });
    for (const line of ['first\n', 'next\n', 'third\n', 'fourth\n']) output.write(line);
    state.room = 1000;
    jest.advanceTimersByTime(1000);
    const [first, next, told] = state.text.split('\n');
    expect([first, next]).toEqual(['first', 'next']);
    expect(JSON.parse(told ?? '')).toMatchObject({ level: 'error', dropped: 2 });
    output.write('fifth\n');
    expect(state.text).toMatch(/"}\nfifth\n$/);
  });

  test('is not tried again once its reader has gone', () => {
    const { state, write } = place(0);
    state.code = 'EPIPE';
    const output = createOutput({ write });
    output.write('first\n');
    state.room = 1000;
    output.write('second\n');
    output.flush();
    expect(state.text).toBe('');
  });

  test('gets what is held when the process ends', () => {
    const { state, write } = place(0);
    const output = createOutput({ write });
    output.write('last words\n');
    state.room = 1000;
    output.flush();
    expect(state.text).toBe('last words\n');
  });
});

describe('R7 a process that logs', () => {
  /** Logs far more than a pipe holds, says on standard error that it got through, and ends with its standard input. */
  const SCRIPT = `
    import { createLogger } from ${JSON.stringify(LOG)};
    const log = createLogger({ level: 'info' });
    for (let i = 0; i < 3000; i++) log.info({ i, filling: 'x'.repeat(100) }, 'line');
    setImmediate(() => process.stderr.write('got through'));
    process.stdin.resume();`;

  function start(stdout: number | 'pipe'): ChildProcess {
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', SCRIPT];
    return spawn(process.execPath, args, { stdio: ['pipe', stdout, 'pipe'] });
  }

  test('outlives a disk that is full', async () => {
    const full = openSync('/dev/full', 'w');
    const child = start(full);
    closeSync(full);
    child.stdin?.end();
    const said = text(child.stderr as NodeJS.ReadableStream);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await said).toBe('got through');
  });

  test('does not wait for a reader that stands still, and loses nothing to one that reads late', async () => {
    const child = start('pipe');
    // nobody reads its log yet
    const [said] = await once(child.stderr as NodeJS.ReadableStream, 'data');
    expect(String(said)).toBe('got through');
    let log = '';
    for await (const chunk of child.stdout as NodeJS.ReadableStream) {
      log += chunk;
      if (log.includes('"i":2999')) child.stdin?.end();
    }
    const lines = log.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });
});
