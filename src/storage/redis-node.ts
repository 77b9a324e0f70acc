// One Redis server: its connection, with the scripts loaded beforehand, its clock measured and its settings judged, and what a command or script there
// costs and can fail with. Failures are Redis' own; what they mean is decided above (`redis-commands.ts`, `redis-cluster.ts`).

import type { Logger } from '../login/ports.ts';
import { assertInTime, type Turn } from './deadlines.ts';
import { keepConnected } from './kept-connection.ts';
import { createConfirm } from './redis-confirm.ts';
import type { RedisJudge } from './redis-judge.ts';
import { createRedisConnector, type RedisClient } from './redis-link.ts';
import { ALL_SCRIPTS, type Script } from './redis-scripts.ts';
import type { RedisPlace } from './redis-url.ts';
import { measureServerClock, type ServerClock } from './server-clock.ts';

export interface RedisNode {
  readonly place: RedisPlace;
  readonly isConnected: boolean;
  /** Waits for a connection, not longer than given. @throws StorageUnavailable */
  connected(giveUpAtMs: number): Promise<unknown>;
  /** A plain command that changes nothing that matters. @param asking of a slot that is on its way to this node */
  ask(turn: Turn, command: readonly string[], asking?: boolean): Promise<unknown>;
  /** A script, or nothing at all when it reaches the server after the deadline. */
  call(turn: Turn, script: Script, rest: readonly string[]): Promise<unknown>;
  close(): void;
}

/**
 * @param options.replicas see `createConfirm`
 * @param options.judge    looks at the server at each connection and each beat; what it refuses is as good as away
 */
export function createRedisNode(options: {
  readonly place: RedisPlace;
  readonly deadlineMs: number;
  readonly replicas: () => number | undefined;
  readonly judge?: RedisJudge | undefined;
  readonly log?: Logger | undefined;
}): RedisNode {
  const { place, deadlineMs, replicas, judge, log } = options;
  const { description } = place;
  /** of the present connection: after a failover another machine counts the time */
  const clocks = new WeakMap<RedisClient, ServerClock>();
  const confirm = createConfirm({ replicas, waitMs: Math.floor(deadlineMs / 3) });
  const measure = async (client: RedisClient) => {
    clocks.set(client, await measureServerClock(async () => readTime(await client.sendCommand(['TIME']))));
  };
  const assertTrusted = async (client: RedisClient) =>
    judge?.look(description, String(await client.sendCommand(['INFO'])));
  const prepare = (client: RedisClient) =>
    Promise.all([
      assertTrusted(client),
      ...ALL_SCRIPTS.map(({ source }) => client.sendCommand(['SCRIPT', 'LOAD', source])),
      measure(client),
    ]);
  const beat = async (client: RedisClient) => {
    await measure(client);
    await assertTrusted(client);
  };
  const link = keepConnected({
    connector: createRedisConnector({ description, place: () => place, deadlineMs, prepare, beat }),
    deadlineMs,
    log,
  });

  async function send(turn: Turn, client: RedisClient, sending: Promise<unknown>): Promise<unknown> {
    const abandon = () => link.distrust(client, new Error('an operation got no answer'));
    turn.unanswered.set(abandon, performance.now());
    try {
      return await sending;
    } catch (error) {
      // Its master is another server now: a new connection may lead there.
      if (codeOf(error) === 'READONLY') link.distrust(client, error);
      throw error;
    } finally {
      turn.unanswered.delete(abandon);
    }
  }

  async function write(turn: Turn, client: RedisClient, command: readonly string[]): Promise<unknown> {
    const sending = send(turn, client, client.sendCommand(command));
    const confirmed = confirm(client);
    // What was refused needs no confirmation, and nobody to hear of it.
    confirmed.catch(() => {});
    const reply = await sending;
    await confirmed;
    return reply;
  }

  async function evaluate(turn: Turn, client: RedisClient, script: Script, rest: readonly string[]): Promise<unknown> {
    const deadline = String(clocks.get(client)?.at(turn.giveUpAtMs));
    const [keys, args] = [rest.slice(0, Number(script.keys)), rest.slice(Number(script.keys))];
    try {
      return await write(turn, client, ['EVALSHA', script.sha, script.keys, ...keys, deadline, ...args]);
    } catch (error) {
      if (codeOf(error) !== 'NOSCRIPT') throw error;
      return write(turn, client, ['EVAL', script.source, script.keys, ...keys, deadline, ...args]);
    }
  }

  return {
    place,
    get isConnected() {
      return link.current !== undefined;
    },
    connected: link.connected,
    async ask(turn, command, asking = false) {
      const client = link.current ?? (await link.connected(turn.giveUpAtMs));
      // Speaks for the next command on this connection, so nothing may come between.
      if (asking) client.sendCommand(['ASKING']).catch(() => {});
      return send(turn, client, client.sendCommand(command));
    },
    async call(turn, script, rest) {
      const client = link.current ?? (await link.connected(turn.giveUpAtMs));
      assertInTime(turn, description);
      try {
        return await evaluate(turn, client, script, rest);
      } catch (error) {
        if (codeOf(error) !== 'LATE' || performance.now() >= turn.giveUpAtMs) throw error;
        // Too late by the server's clock and not by ours: that clock was moved. Nothing was done, so it may be asked again.
        await measure(client);
        return evaluate(turn, client, script, rest);
      }
    },
    close: link.close,
  };
}

function readTime(reply: unknown): number {
  const [seconds, microseconds] = reply as [string, string];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** The word that a refusal of Redis begins with, as OOM, READONLY, NOSCRIPT; empty for what Redis did not say. */
export function codeOf(error: unknown): string {
  return /^[A-Z]{3,}(?= )/.exec((error as Error).message)?.[0] ?? '';
}
