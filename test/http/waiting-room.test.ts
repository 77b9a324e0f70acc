import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Context } from 'koa';
import {
  createWaitingRoom,
  type WaitingRoom,
  type WaitingRoomOptions,
  type WaitingState,
} from '../../src/http/waiting-room.ts';
import type { Bus } from '../../src/login/ports.ts';
import { type Served, serve } from './middleware/serve.ts';

/** A bus that counts its listeners and wakes at once. */
function fakeBus(): Bus & { listeners(channel: string): number } {
  const wires = new EventEmitter();
  return {
    publish: async (channel) => void wires.emit(channel),
    subscribe(channel, listener) {
      wires.on(channel, listener);
      return () => void wires.off(channel, listener);
    },
    listeners: (channel) => wires.listenerCount(channel),
  };
}

const CHANNEL = 'u1';

class Scene {
  readonly bus = fakeBus();
  readonly opened: IncomingMessage[] = [];
  state: WaitingState | undefined = { state: 'waiting', version: 1 };
  reads = 0;
  /** set to make the store fail */
  fault: Error | undefined;
  tick: (() => void) | undefined;
  room: WaitingRoom;
  served: Served | undefined;

  constructor(options: Partial<WaitingRoomOptions> = {}) {
    this.room = createWaitingRoom({
      bus: this.bus,
      readState: async () => {
        this.reads += 1;
        if (this.fault) throw this.fault;
        return this.state;
      },
      heartbeatMs: 3_000,
      rereadMs: 2_000,
      every: (_ms, work) => {
        this.tick = work;
        return () => {
          this.tick = undefined;
        };
      },
      ...options,
    });
  }

  async open(target = '/u1', headers: Record<string, string> = {}, method = 'GET'): Promise<Reader> {
    this.served ??= await serve((ctx) =>
      this.room.open(ctx as Context, ctx.path.slice(1), ctx.query['seen'] as string | undefined),
    );
    const answer = await this.served.open(target, { headers, method });
    this.opened.push(answer);
    return new Reader(answer);
  }

  async change(state: WaitingState): Promise<void> {
    this.state = state;
    await this.bus.publish(CHANNEL);
  }
}

/** Reads a stream block by block (what stands between empty lines). */
class Reader {
  readonly answer: IncomingMessage;
  #text = '';
  #ended = false;

  constructor(answer: IncomingMessage) {
    this.answer = answer;
    answer.setEncoding('utf8').on('data', (part: string) => {
      this.#text += part;
      answer.emit('part');
    });
    answer.once('close', () => {
      this.#ended = true;
      answer.emit('part');
    });
    answer.on('error', () => {});
  }

  /** @returns undefined at the end */
  async block(): Promise<string | undefined> {
    while (!this.#text.includes('\n\n')) {
      if (this.#ended) return undefined;
      await once(this.answer, 'part');
    }
    const end = this.#text.indexOf('\n\n');
    const block = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    return block;
  }

  /** The next event's state, comments and hints passed over. */
  async state(): Promise<string | undefined> {
    for (let block = await this.block(); block !== undefined; block = await this.block()) {
      const data = /^event: state\ndata: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) return JSON.parse(data).state;
    }
    return undefined;
  }
}

let scene: Scene;
afterEach(async () => {
  for (const answer of scene.opened) answer.destroy();
  await scene.served?.close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('what a page is told', () => {
  test('one event at opening, after a hint when to come back', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(stream.answer.statusCode).toBe(200);
    expect(stream.answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(await stream.block()).toBe('retry: 2000');
    expect(await stream.block()).toBe('id: 1\nevent: state\ndata: {"state":"waiting"}');
  });

  test('one event at each change, and the end when it is over', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    await scene.change({ state: 'waiting', version: 2 });
    expect(await stream.state()).toBe('changed');
    await scene.change({ state: 'settled', version: 3 });
    expect(await stream.state()).toBe('settled');
    expect(await stream.state()).toBeUndefined();
    await until(() => scene.room.streams === 0);
  });

  test('a login that lapsed ends the stream too', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    await scene.change({ state: 'lapsed', version: 2 });
    expect(await stream.state()).toBe('lapsed');
    expect(await stream.block()).toBeUndefined();
  });

  test('what is over already is told at opening', async () => {
    scene = new Scene();
    scene.state = { state: 'settled', version: 9 };
    const stream = await scene.open();
    expect(await stream.state()).toBe('settled');
    expect(await stream.block()).toBeUndefined();
  });

  test('an interaction nobody knows has lapsed', async () => {
    scene = new Scene();
    scene.state = undefined;
    expect(await (await scene.open()).state()).toBe('lapsed');
  });

  test('a wake without a change tells nothing', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    const before = scene.reads;
    await scene.bus.publish(CHANNEL);
    await until(() => scene.reads > before);
    await scene.change({ state: 'settled', version: 2 });
    expect(await stream.state()).toBe('settled');
  });

  test('a page made from an older version is told to reload', async () => {
    scene = new Scene();
    scene.state = { state: 'waiting', version: 5 };
    expect(await (await scene.open('/u1?seen=4')).state()).toBe('changed');
    expect(await (await scene.open('/u1?seen=5')).state()).toBe('waiting');
  });

  test('a change while the browser was away is not missed', async () => {
    scene = new Scene();
    scene.state = { state: 'waiting', version: 5 };
    expect(await (await scene.open('/u1?seen=5', { 'Last-Event-ID': '4' })).state()).toBe('changed');
  });

  test('a version that is no plain word does not make pages reload for ever', async () => {
    scene = new Scene();
    scene.state = { state: 'waiting', version: 'a:1' };
    expect(await (await scene.open('/u1?seen=a:1')).state()).toBe('waiting');
    expect(await (await scene.open('/u1', { 'Last-Event-ID': 'a1' })).state()).toBe('waiting');
  });

  test('T27 a version cannot write lines into the stream', async () => {
    scene = new Scene();
    scene.state = { state: 'waiting', version: '1\n\ndata: x' };
    const stream = await scene.open();
    await stream.block();
    expect(await stream.block()).toBe('id: 1datax\nevent: state\ndata: {"state":"waiting"}');
  });
});

describe('without the bus', () => {
  test('R9 a page whose message was lost learns at the next look', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    scene.state = { state: 'settled', version: 2 };
    scene.tick?.();
    scene.tick?.();
    expect(await stream.state()).toBe('settled');
  });

  test('R7 a store that fails costs a delay: the page keeps its stream', async () => {
    scene = new Scene();
    scene.fault = new Error('away');
    const stream = await scene.open();
    expect(await stream.block()).toBe('retry: 2000');
    scene.fault = undefined;
    scene.tick?.();
    scene.tick?.();
    expect(await stream.state()).toBe('waiting');
  });

  test('a comment comes once in each turn of the wheel', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    for (let ticks = 0; ticks < 6; ticks += 1) scene.tick?.();
    expect(await stream.block()).toBe(':');
    expect(await stream.block()).toBe(':');
    await scene.change({ state: 'lapsed', version: 2 });
    expect(await stream.block()).toContain('lapsed');
  });
});

describe('many pages', () => {
  test('tabs of one interaction share a subscription and a look', async () => {
    scene = new Scene();
    const streams = [await scene.open(), await scene.open(), await scene.open()];
    for (const stream of streams) expect(await stream.state()).toBe('waiting');
    expect(scene.bus.listeners(CHANNEL)).toBe(1);
    const before = scene.reads;
    await scene.change({ state: 'settled', version: 2 });
    for (const stream of streams) expect(await stream.state()).toBe('settled');
    expect(scene.reads).toBe(before + 1);
  });

  test('wakes in a burst cause one more look, not one each', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    const before = scene.reads;
    for (let wakes = 0; wakes < 50; wakes += 1) void scene.bus.publish(CHANNEL);
    await scene.change({ state: 'settled', version: 2 });
    expect(await stream.state()).toBe('settled');
    expect(scene.reads - before).toBeLessThanOrEqual(2);
  });

  test('the seventh stream of an interaction is refused, another interaction’s first is not', async () => {
    scene = new Scene();
    for (let count = 0; count < 6; count += 1) await scene.open();
    const seventh = await scene.open();
    expect(seventh.answer.statusCode).toBe(429);
    expect(seventh.answer.headers['retry-after']).toBe('5');
    expect((await scene.open('/u2')).answer.statusCode).toBe(200);
  });

  test('streams are bounded in all', async () => {
    scene = new Scene({ streamsInAll: 2 });
    await scene.open('/a');
    await scene.open('/b');
    expect((await scene.open('/c')).answer.statusCode).toBe(503);
  });

  test('nothing is left when all browsers are gone: no room, no subscription, no timer', async () => {
    scene = new Scene();
    const streams = [];
    for (let count = 0; count < 50; count += 1) streams.push(await scene.open(`/u${count % 10}`));
    for (const stream of streams) await stream.block();
    expect(scene.room.streams).toBe(50);
    expect(scene.room.rooms).toBe(10);
    expect(scene.tick).toBeDefined();
    for (const { answer } of streams) answer.destroy();
    await until(() => scene.room.streams === 0);
    expect(scene.room.rooms).toBe(0);
    expect(scene.tick).toBeUndefined();
    expect(scene.bus.listeners(CHANNEL)).toBe(0);
  });

  test('a place that became free is given again', async () => {
    scene = new Scene({ streamsPerInteraction: 1 });
    const first = await scene.open();
    expect((await scene.open()).answer.statusCode).toBe(429);
    first.answer.destroy();
    await until(() => scene.room.streams === 0);
    expect((await scene.open()).answer.statusCode).toBe(200);
  });

  test('a client that reads nothing is cut off before it holds much memory', async () => {
    scene = new Scene();
    const stalled = fakeStream();
    scene.room.open(stalled as unknown as Context, 'u1');
    expect(scene.room.streams).toBe(1);
    stalled.res.writableLength = 20_000;
    for (let ticks = 0; ticks < 3; ticks += 1) scene.tick?.();
    expect(stalled.res.destroyed).toBe(true);
    expect(scene.room.streams).toBe(0);
  });

  test('HEAD gets the head and holds no place', async () => {
    scene = new Scene();
    const stream = await scene.open('/u1', {}, 'HEAD');
    expect(stream.answer.headers['content-type']).toBe('text/event-stream');
    expect(scene.room.streams).toBe(0);
  });
});

describe('R11 drain', () => {
  test('open streams are told to come back, each after a time of its own, and ended', async () => {
    scene = new Scene();
    const stream = await scene.open();
    expect(await stream.state()).toBe('waiting');
    scene.room.drain();
    expect(await stream.block()).toMatch(/^retry: \d+$/);
    expect(await stream.block()).toBeUndefined();
    await until(() => scene.room.streams === 0);
    expect(scene.tick).toBeUndefined();
  });

  test('a browser that comes while draining is sent on, with a 200, as it would give up at anything else', async () => {
    scene = new Scene();
    scene.room.drain();
    const stream = await scene.open();
    expect(stream.answer.statusCode).toBe(200);
    expect(await stream.block()).toMatch(/^retry: \d+$/);
    expect(await stream.block()).toBeUndefined();
    expect(scene.room.streams).toBe(0);
  });
});

/** A context whose response takes bytes and passes none on. */
function fakeStream() {
  const res = Object.assign(new EventEmitter(), {
    writableLength: 0,
    writableEnded: false,
    destroyed: false,
    flushHeaders() {},
    write: () => true,
    end() {},
    destroy() {
      res.destroyed = true;
      res.emit('close');
    },
  });
  return { res, req: {}, method: 'GET', status: 0, respond: true, set() {}, get: () => '' };
}
