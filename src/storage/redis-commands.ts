// What rows, jobs and bus ask of Redis, whether it is one server or a cluster: each operation within its deadline, and every failure
// a StorageUnavailable. Here the case of one server; `redis-cluster.ts` has the other.

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { createDeadlines, type Turn } from './deadlines.ts';
import { failureOf } from './reasons.ts';
import type { RedisJudge } from './redis-judge.ts';
import { createRedisNode } from './redis-node.ts';
import type { Script } from './redis-scripts.ts';
import type { RedisPlace } from './redis-url.ts';

export interface RedisCommands {
  /** for logs and errors; no user and no password */
  readonly description: string;
  /** One operation, however many steps it takes, within the deadline. */
  run<T>(operation: (turn: Turn) => Promise<T>): Promise<T>;
  /** A plain command that changes nothing that matters. @param key what it is about; undefined: any server knows */
  ask(turn: Turn, key: string | undefined, command: readonly string[]): Promise<unknown>;
  /** The same of every server that takes writes. */
  askEach(turn: Turn, command: readonly string[]): Promise<readonly unknown[]>;
  /** A script, or nothing at all when it reaches the server after the deadline. */
  call(turn: Turn, script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** a server that hears every message on the bus, for a connection that listens */
  listeningPlace(): RedisPlace;
  /** Whether that is still true of one. */
  hearsAll(place: RedisPlace): boolean;
  close(): Promise<void>;
}

export function createRedisCommands(options: {
  readonly place: RedisPlace;
  readonly deadlineMs: number;
  readonly judge?: RedisJudge | undefined;
  readonly log?: Logger | undefined;
}): RedisCommands {
  const { place, deadlineMs, judge, log } = options;
  const { description } = place;
  const deadlines = createDeadlines({ engine: description, deadlineMs });
  const node = createRedisNode({ place, deadlineMs, replicas: () => 0, judge, log });
  return {
    description,
    run: deadlines.run,
    ask: (turn, _key, command) => orUnavailable(description, node.ask(turn, command)),
    askEach: async (turn, command) => [await orUnavailable(description, node.ask(turn, command))],
    call: (turn, script, keys, args) => orUnavailable(description, node.call(turn, script, [...keys, ...args])),
    listeningPlace: () => place,
    hearsAll: () => true,
    async close() {
      await deadlines.close();
      node.close();
    },
  };
}

/** @throws StorageUnavailable instead of whatever Redis or its connection said */
export async function orUnavailable<T>(description: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof StorageUnavailable) throw error;
    throw new StorageUnavailable(`${description} ${failureOf(error)}`, { cause: error });
  }
}
