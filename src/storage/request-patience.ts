// How long one request waits for its storage in all (R7). An engine that answers each question within the deadline, but late, would
// else be waited for as often as a request asks. Every process of ours has one storage and one server, so this is kept once, for whatever
// runs in the course of a request.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';

/** More than one operation may take by itself, less than the two seconds in which a request is answered. */
const LONGEST_MS = 1_700;
/** What an engine takes that is well, or some way off, is not counted: no request asks so often that it would come to much more than that. */
const SWIFT_MS = 120;

/** One operation's share. */
export interface Share {
  /** whole milliseconds, for an operation that begins now; 0 where the request has waited long enough */
  readonly leftMs: number;
  /** It is over, however it went. */
  end(): void;
}

/** As Node's `ServerResponse` has it. */
export type Answer = Pick<EventEmitter, 'once'> & { readonly headersSent: boolean };

interface Waiting {
  /** gone with the answer: what goes on after it may take its time */
  answer: Answer | undefined;
  waitedMs: number;
  /** operations at the same moment are one wait */
  underWay: number;
  sinceMs: number;
}

const requests = new AsyncLocalStorage<Waiting>();
const UNLIMITED: Share = { leftMs: Number.POSITIVE_INFINITY, end() {} };

/** Runs one request, all that it begins included. */
export function inRequest<T>(answer: Answer, work: () => T): T {
  const waiting: Waiting = { answer, waitedMs: 0, underWay: 0, sinceMs: 0 };
  answer.once('close', () => {
    waiting.answer = undefined;
  });
  return requests.run(waiting, work);
}

/**
 * From here on the request in whose course this is called has all the time it needs: it has used up what is good once, or asked the vendor, and
 * to break off would lose what came of it.
 */
export function seeThrough(): void {
  const waiting = requests.getStore();
  if (waiting) waiting.answer = undefined;
}

/** An operation begins. */
export function takeShare(): Share {
  const waiting = requests.getStore();
  if (waiting?.answer === undefined || waiting.answer.headersSent) return UNLIMITED;
  if (waiting.underWay === 0) waiting.sinceMs = idleMs();
  waiting.underWay += 1;
  return {
    leftMs: Math.max(0, Math.floor(LONGEST_MS - waiting.waitedMs - currentMs(waiting))),
    end() {
      waiting.underWay -= 1;
      if (waiting.underWay === 0) waiting.waitedMs += currentMs(waiting);
    },
  };
}

/** Counts what is waited for on behalf of this request, and done outside it; never refuses. */
export async function countWait<T>(work: () => Promise<T>): Promise<T> {
  const share = takeShare();
  try {
    return await work();
  } finally {
    share.end();
  }
}

function currentMs({ sinceMs }: Waiting): number {
  const ms = idleMs() - sinceMs;
  return ms < SWIFT_MS ? 0 : ms;
}

/** Time in which this process had nothing to do: a process that is behind with its own work has not waited for anybody. */
function idleMs(): number {
  return performance.eventLoopUtilization().idle;
}
