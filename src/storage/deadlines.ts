// The promise of every engine across a network (R7): an operation ends within the deadline, whatever the server does, and
// closing waits for what is under way and no longer. Used by Redis and PostgreSQL; SQLite keeps its own time in its queue.

import { StorageUnavailable } from '../core/errors.ts';
import { expireAfter } from './expiry-timer.ts';
import { createPatience } from './patience.ts';
import { takeShare } from './request-patience.ts';

/** One operation's time. */
export interface Turn {
  /** the moment (of `performance.now()`) after which nothing may be sent on its behalf */
  giveUpAtMs: number;
  /**
   * What throws away a connection that is busy with it, by when it was asked (`performance.now()`). Called when it gave no answer for as long
   * as one may take, as it may be dead without knowing.
   */
  readonly unanswered: Map<() => void, number>;
}

export interface Deadlines {
  /** @throws StorageUnavailable when it is not done in time, or when this is closed; else what `operation` throws */
  run<T>(operation: (turn: Turn) => Promise<T>): Promise<T>;
  /** Refuses from now on. Resolves when what is under way has ended, at the latest after the deadline. */
  close(): Promise<void>;
}

export function createDeadlines({ engine, deadlineMs }: { engine: string; deadlineMs: number }): Deadlines {
  const underWay = new Set<Promise<unknown>>();
  const patience = createPatience(deadlineMs);
  let closed = false;

  function limit<T>(operation: (turn: Turn) => Promise<T>): Promise<T> {
    const share = takeShare();
    if (share.leftMs === 0) {
      share.end();
      return Promise.reject(new StorageUnavailable(`${engine}: this request has waited long enough`));
    }
    const ms = Math.min(patience.take(), share.leftMs);
    const turn: Turn = { giveUpAtMs: performance.now() + ms, unanswered: new Map() };
    const running = operation(turn);
    const abandonUnanswered = () => {
      for (const [abandon, askedAtMs] of turn.unanswered) {
        // one that was asked a moment ago, after a wait in line or another step, may only be slow: others wait for it too
        const leftMs = askedAtMs + deadlineMs - performance.now();
        if (leftMs < 1) abandon();
        else setTimeout(() => turn.unanswered.has(abandon) && abandon(), leftMs).unref();
      }
    };
    return new Promise<T>((resolve, reject) => {
      let over = false;
      const end = () => {
        if (over) return;
        over = true;
        callOff();
        share.end();
      };
      const callOff = expireAfter(ms, () => {
        end();
        // a timer may be a moment early: what was refused is not sent in that moment, nor on a connection that nobody abandons any more
        turn.giveUpAtMs = 0;
        reject(new StorageUnavailable(`${engine} did not answer within ${ms} ms`));
        patience.lose(ms);
        abandonUnanswered();
      });
      running.then(
        (value) => {
          end();
          patience.regain();
          resolve(value);
        },
        (error: unknown) => {
          end();
          reject(error);
        },
      );
    });
  }

  return {
    run(operation) {
      if (closed) return Promise.reject(new StorageUnavailable('the storage is closed'));
      const limited = limit(operation);
      underWay.add(limited);
      const forget = () => underWay.delete(limited);
      limited.then(forget, forget);
      return limited;
    },
    async close() {
      closed = true;
      await Promise.allSettled(underWay);
    },
  };
}

/** @throws StorageUnavailable the moment has come; for whoever is about to send something */
export function assertInTime({ giveUpAtMs }: Turn, engine: string): void {
  if (performance.now() >= giveUpAtMs) throw new StorageUnavailable(`${engine}: no time was left for this operation`);
}
