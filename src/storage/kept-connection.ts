// A connection that is kept up: made anew when it breaks, and thrown away when it stops answering, so that nothing waits in it for
// a better day (R7). What the drivers have of their own (reconnecting, queues for bad times) is switched off: what is asked
// while there is no connection is refused, in time.

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { expireAfter } from './expiry-timer.ts';
import { reasonOf } from './reasons.ts';

/** Between tries: at first at once, then slower; well within the five seconds that recovery may take. */
const PAUSES_MS = [0, 50, 100, 200, 400] as const;
/** A connection across a firewall can die without a word; each is asked this often whether it lives. */
const HEARTBEAT_MS = 2000;

export interface KeptConnection<C> {
  /** undefined while there is no connection */
  readonly current: C | undefined;
  /** Waits for a connection, not longer than given. @throws StorageUnavailable */
  connected(giveUpAtMs: number): Promise<C>;
  /** Throws this connection away and makes a new one. */
  distrust(connection: C, reason: unknown): void;
  close(): void;
}

/** What an engine's driver has to give. */
export interface Connector<C> {
  /** host and port, for logs and errors; no secrets */
  readonly description: string;
  /** Begins to connect. `ready` when anybody may use it; whatever ends it is told to `lose`, once or often. */
  open(lose: (error: unknown) => void): { connection: C; ready: Promise<unknown> };
  /** Lets go at once, without waiting for the server. */
  end(connection: C): void;
  /** asks a sign of life */
  beat(connection: C): Promise<unknown>;
}

/** Begins to connect, and goes on until it is closed. */
export function keepConnected<C>(options: {
  readonly connector: Connector<C>;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}): KeptConnection<C> {
  const { connector, deadlineMs, log } = options;
  const { description } = connector;
  const waiting = new Set<() => void>();
  let losing: ((error: unknown) => void) | undefined;
  let current: C | undefined;
  let lostAtMs = performance.now();
  let lastError: unknown;
  let failures = 0;
  let closed = false;
  let timer: NodeJS.Timeout;

  function connectSoon(): void {
    if (!closed) timer = setTimeout(connect, PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]);
  }

  async function connect(): Promise<void> {
    let lost = false;
    const lose = (error: unknown) => {
      if (lost) return;
      lost = true;
      clearTimeout(timer);
      connector.end(connection);
      lastError = error;
      if (current !== undefined && !closed) log?.warn({ err: error }, `${description}: the connection is lost`);
      if (current !== undefined) lostAtMs = performance.now();
      current = undefined;
      connectSoon();
      failures += 1;
    };
    losing = lose;
    const { connection, ready } = connector.open(lose);
    try {
      await inTime(ready, deadlineMs);
    } catch (error) {
      lose(error);
    }
    if (lost) return;
    if (failures > 0) log?.info({}, `${description}: connected again`);
    failures = 0;
    current = connection;
    for (const wake of waiting) wake();
    beatAgain(connection, lose);
  }

  function beatAgain(connection: C, lose: (error: unknown) => void): void {
    timer = setTimeout(() => {
      inTime(connector.beat(connection), deadlineMs).then(() => {
        if (current === connection) beatAgain(connection, lose);
      }, lose);
    }, HEARTBEAT_MS);
    timer.unref();
  }

  connectSoon();
  return {
    get current() {
      return current;
    },
    async connected(giveUpAtMs) {
      // A short break is waited out; in a long one everybody is told at once.
      const untilMs = Math.min(giveUpAtMs, lostAtMs + deadlineMs);
      if (current === undefined && !closed) await wakeOrTime(waiting, untilMs - performance.now());
      if (current !== undefined) return current;
      const reason = reasonOf(lastError ?? new Error(`no answer within ${deadlineMs} ms`));
      throw new StorageUnavailable(`${description}: not connected${reason === undefined ? '' : ` (${reason})`}`, {
        cause: lastError,
      });
    },
    distrust(connection, reason) {
      if (current === connection) losing?.(reason);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      losing?.(new Error('closed'));
    },
  };
}

/** @throws Error it took longer; what the promise does later is of no interest */
export async function inTime<T>(promise: Promise<T>, ms: number): Promise<T> {
  let callOff = () => {};
  const late = new Promise<never>((_, reject) => {
    callOff = expireAfter(ms, () => reject(new Error(`no answer within ${ms} ms`)));
  });
  return Promise.race([promise, late]).finally(callOff);
}

async function wakeOrTime(waiting: Set<() => void>, ms: number): Promise<void> {
  if (ms <= 0) return;
  let wake = () => {};
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    waiting.add(wake);
  });
  waiting.delete(wake);
}
