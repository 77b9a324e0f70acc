// What a running script or plain command in Redis costs and can fail with: sent at once when there is a connection, its scripts
// loaded beforehand, each write with its deadline in the server's time, every failure a StorageUnavailable.

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { assertInTime, createDeadlines, type Turn } from './deadlines.ts';
import { keepConnected } from './kept-connection.ts';
import { createRedisConnector, type RedisClient } from './redis-link.ts';
import { ALL_SCRIPTS, type Script } from './redis-scripts.ts';
import type { RedisPlace } from './redis-url.ts';
import { measureServerClock, type ServerClock } from './server-clock.ts';

export interface RedisCommands {
  /** One operation, however many steps it takes, within the deadline. */
  run<T>(operation: (turn: Turn) => Promise<T>): Promise<T>;
  /** A plain command that changes nothing that matters. */
  ask(turn: Turn, command: readonly string[]): Promise<unknown>;
  /** A script, or nothing at all when it reaches the server after the deadline. */
  call(turn: Turn, script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

export function createRedisCommands(options: {
  readonly place: RedisPlace;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}): RedisCommands {
  const { place, deadlineMs, log } = options;
  const deadlines = createDeadlines({ engine: place.description, deadlineMs });
  /** of the present connection: after a failover another machine counts the time */
  const clocks = new WeakMap<RedisClient, ServerClock>();
  const measure = async (client: RedisClient) => {
    clocks.set(client, await measureServerClock(async () => readTime(await client.sendCommand(['TIME']))));
  };
  const prepare = (client: RedisClient) =>
    Promise.all([...ALL_SCRIPTS.map(({ source }) => client.sendCommand(['SCRIPT', 'LOAD', source])), measure(client)]);
  const link = keepConnected({
    connector: createRedisConnector({ place, deadlineMs, prepare, beat: measure }),
    deadlineMs,
    log,
  });

  async function send(turn: Turn, client: RedisClient, command: readonly string[]): Promise<unknown> {
    turn.abandon = () => link.distrust(client, new Error('an operation got no answer'));
    try {
      return await client.sendCommand(command);
    } catch (error) {
      // Its master is another server now: a new connection may lead there.
      if (codeOf(error) === 'READONLY') link.distrust(client, error);
      throw error;
    } finally {
      turn.abandon = undefined;
    }
  }

  async function evaluate(turn: Turn, client: RedisClient, script: Script, rest: readonly string[]): Promise<unknown> {
    const deadline = String(clocks.get(client)?.at(turn.giveUpAtMs));
    const [keys, args] = [rest.slice(0, Number(script.keys)), rest.slice(Number(script.keys))];
    try {
      return await send(turn, client, ['EVALSHA', script.sha, script.keys, ...keys, deadline, ...args]);
    } catch (error) {
      if (codeOf(error) !== 'NOSCRIPT') throw error;
      return send(turn, client, ['EVAL', script.source, script.keys, ...keys, deadline, ...args]);
    }
  }

  async function call(turn: Turn, script: Script, rest: readonly string[]): Promise<unknown> {
    const client = link.current ?? (await link.connected(turn.giveUpAtMs));
    assertInTime(turn, place.description);
    try {
      return await evaluate(turn, client, script, rest);
    } catch (error) {
      if (codeOf(error) !== 'LATE' || performance.now() >= turn.giveUpAtMs) throw error;
      // Too late by the server's clock and not by ours: that clock was moved. Nothing was done, so it may be asked again.
      await measure(client);
      return evaluate(turn, client, script, rest);
    }
  }

  async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof StorageUnavailable) throw error;
      const code = codeOf(error);
      const why = code === '' ? 'did not answer' : `answered ${code}`;
      throw new StorageUnavailable(`${place.description} ${why}`, { cause: error });
    }
  }

  return {
    run: deadlines.run,
    ask: (turn, command) =>
      orUnavailable(
        link.current !== undefined
          ? send(turn, link.current, command)
          : link.connected(turn.giveUpAtMs).then((client) => send(turn, client, command)),
      ),
    call: (turn, script, keys, args) => orUnavailable(call(turn, script, [...keys, ...args])),
    async close() {
      await deadlines.close();
      link.close();
    },
  };
}

function readTime(reply: unknown): number {
  const [seconds, microseconds] = reply as [string, string];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** The word that a refusal of Redis begins with, as OOM, READONLY, NOSCRIPT; empty for what Redis did not say. */
function codeOf(error: unknown): string {
  return /^[A-Z]{3,}(?= )/.exec((error as Error).message)?.[0] ?? '';
}
