// Loaded into a provider before its own program (`node --import`): kills the process with SIGKILL at one named point of a login,
// once, when it has been told which. The product knows nothing of it: store and jobs are wrapped as the storage is opened, answers are
// seen by `ServerResponse`, and calls to the vendor by Node's own diagnostics channels.

import { subscribe } from 'node:diagnostics_channel';
import { type IncomingMessage, ServerResponse } from 'node:http';
import { registerHooks } from 'node:module';
import type { Change, JobQueue, Store } from '../../src/login/ports.ts';

/** A moment in the life of a provider. */
export type Moment = {
  /** the how many-th time; 1 where none is given */
  readonly nth?: number;
} & Place;

export type WriteOp = 'set' | 'putIfAbsent' | 'update' | 'take' | 'schedule';

type Place =
  /** a write to a key that begins so; `state` is that of the value it writes. A job's key is `KIND:ID` */
  | {
      readonly on: 'write';
      readonly op: WriteOp;
      readonly key: string;
      readonly when: 'before' | 'after';
      readonly state?: string;
    }
  /** an answer of ours */
  | { readonly on: 'answer'; readonly path: string; readonly method: string; readonly when: 'before' | 'after' }
  /** a call to the vendor */
  | { readonly on: 'call'; readonly path: string; readonly when: 'before' | 'after' };

interface Arming {
  readonly arm: Moment;
}

let armed: Moment | undefined;
let left = 1;

process.on('message', (message: Partial<Arming>) => {
  if (message.arm === undefined) return;
  armed = message.arm;
  left = armed.nth ?? 1;
  process.send?.({ armed: true });
});

/** Dies, unless it is to be a later time. */
function die(): void {
  left -= 1;
  if (left > 0) return;
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL was not the end');
}

function isWrite(op: string, key: string, when: string): boolean {
  return armed?.on === 'write' && armed.op === op && armed.when === when && key.startsWith(armed.key);
}

function fits(value: unknown): boolean {
  if (armed?.on !== 'write') return false;
  return armed.state === undefined || (value as { state?: string } | undefined)?.state === armed.state;
}

/** The port as it was, with the armed moment in it. */
export function watchStore(store: Store): Store {
  return {
    ...store,
    async set(key, value, ttlSeconds) {
      if (isWrite('set', key, 'before') && fits(value)) die();
      await store.set(key, value, ttlSeconds);
      if (isWrite('set', key, 'after') && fits(value)) die();
    },
    async putIfAbsent(key, value, ttlSeconds) {
      if (isWrite('putIfAbsent', key, 'before') && fits(value)) die();
      const isFirst = await store.putIfAbsent(key, value, ttlSeconds);
      if (isFirst && isWrite('putIfAbsent', key, 'after') && fits(value)) die();
      return isFirst;
    },
    async take<T>(key: string) {
      if (isWrite('take', key, 'before')) die();
      const value = await store.take<T>(key);
      if (value !== undefined && isWrite('take', key, 'after')) die();
      return value;
    },
    async update<T, R>(key: string, change: (current: T | undefined) => Change<T, R>) {
      let written: { value: T } | undefined;
      const result = await store.update<T, R>(key, (current) => {
        const decided = change(current);
        written = decided.kind === 'write' || decided.kind === 'replace' ? { value: decided.value } : undefined;
        // inside the transaction, before it is committed
        if (written && isWrite('update', key, 'before') && fits(written.value)) die();
        return decided;
      });
      if (written && isWrite('update', key, 'after') && fits(written.value)) die();
      return result;
    },
  };
}

/** Work that is put down for later, as a write to `KIND:ID`. */
export function watchJobs(jobs: JobQueue): JobQueue {
  return {
    ...jobs,
    async schedule(job) {
      const key = `${job.kind}:${job.id}`;
      if (isWrite('schedule', key, 'before')) die();
      await jobs.schedule(job);
      if (isWrite('schedule', key, 'after')) die();
    },
    async giveBack(job, again) {
      const key = `${job.kind}:${job.id}`;
      if (again && isWrite('schedule', key, 'before')) die();
      await jobs.giveBack(job, again);
      if (again && isWrite('schedule', key, 'after')) die();
    },
  };
}

const PORT = new URL('../../src/storage/backends.ts', import.meta.url).href;
const WATCHED = new URL('./watched-backends.ts', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return found.url === PORT && context.parentURL !== WATCHED ? { ...found, url: WATCHED } : found;
  },
});

function isAnswer(request: IncomingMessage, when: string): boolean {
  if (armed?.on !== 'answer' || armed.when !== when) return false;
  return request.method === armed.method && new RegExp(armed.path).test(request.url ?? '');
}

const { end } = ServerResponse.prototype;
ServerResponse.prototype.end = function (this: ServerResponse, ...given: unknown[]) {
  if (isAnswer(this.req, 'before')) die();
  if (isAnswer(this.req, 'after')) this.once('finish', die);
  return (end as (...args: unknown[]) => ServerResponse).apply(this, given);
} as typeof end;

function isCall(path: string, when: string): boolean {
  return armed?.on === 'call' && armed.when === when && new RegExp(armed.path).test(path);
}

interface Call {
  readonly request: { readonly path: string; readonly method: string };
}
// as it is made: nothing has been sent
subscribe('http.client.request.created', (message) => {
  const { path, method } = (message as Call).request;
  if (isCall(`${method} ${path}`, 'before')) die();
});
subscribe('http.client.response.finish', (message) => {
  const { path, method } = (message as Call).request;
  if (isCall(`${method} ${path}`, 'after')) die();
});
