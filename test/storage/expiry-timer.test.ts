// After a stall of the process an answer that is there counts, although its time is up.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDeadlines } from '../../src/storage/deadlines.ts';
import { inTime } from '../../src/storage/kept-connection.ts';

const MS = 20;
const ECHO = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', (message) => parentPort.postMessage(message));`;
let server: Worker;

beforeAll(async () => {
  server = new Worker(ECHO, { eval: true });
  await once(server, 'online');
});
afterAll(() => server.terminate());

async function ask(): Promise<unknown> {
  const heard = once(server, 'message');
  server.postMessage('well');
  return (await heard)[0];
}

/** Does nothing for long after what was begun is over, in that part of the event loop after which timers come before the network. */
function thenStall<T>(begin: () => Promise<T>): Promise<T> {
  return new Promise((done, fail) => {
    setImmediate(() => {
      begin().then(done, fail);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MS * 5);
    });
  });
}

test('a sign of life that was there in time keeps the connection', async () => {
  expect(await thenStall(() => inTime(ask(), MS))).toBe('well');
});

test('an operation whose answer was there in time is done', async () => {
  const { run } = createDeadlines({ engine: 'redis', deadlineMs: MS });
  expect(await thenStall(() => run(ask))).toBe('well');
});

test('without an answer the time ends', async () => {
  const never = new Promise<never>(() => undefined);
  await expect(inTime(never, MS)).rejects.toThrow(`no answer within ${MS} ms`);
  const { run } = createDeadlines({ engine: 'redis', deadlineMs: MS });
  await expect(run(() => never)).rejects.toThrow(`redis did not answer within ${MS} ms`);
});
