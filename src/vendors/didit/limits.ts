// Keeps us below the vendor's rates, for all processes together: counts stand in the shared store. Whoever finds no room
// hears at once when to come back, since a person is waiting and a queue would only hide it. Beside the documented numbers
// the vendor's own headers are obeyed when it sends them; it may send none.

import type { Store } from '../../login/ports.ts';
import type { Answer } from './http.ts';

export type Budget = 'create' | 'decision' | 'read' | 'write';

export interface Timing {
  /** epoch milliseconds */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** from 0 up to but not including 1 */
  random(): number;
}

export const realTiming: Timing = {
  nowMs: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: () => Math.random(),
};

export interface Limiter {
  /**
   * Takes room for one call.
   *
   * @param maxWaitMs how long it may sleep when the vendor only wants a slower pace
   * @param share     what part of the budget this call may use up: the rest is for those in a hurry
   * @returns undefined, or after how many seconds to ask again
   */
  take(budget: Budget, maxWaitMs?: number, share?: number): Promise<{ readonly retryAfterSeconds: number } | undefined>;
  /** Learns from an answer's status and rate headers. */
  heed(budget: Budget, answer: Pick<Answer, 'status' | 'headers'>): void;
}

export interface LimiterOptions {
  readonly perMinute: Readonly<Record<Budget, number>>;
  readonly counters: Pick<Store, 'increment'>;
  readonly timing: Timing;
}

const WINDOW_MS = 60_000;
/** A window's count is read until the next one has ended. */
const KEPT_SECONDS = 180;
/** A 429 without headers (the sandbox's quota has none) is taken to last this long. */
const BLIND_PAUSE_SECONDS = 10;
const MAX_PAUSE_SECONDS = 3600;
/** Below this share of the vendor's own limit we go at half its pace. */
const LOW_WATER = 0.15;

interface Lane {
  window: number;
  /** the shared count of this window, as last seen */
  current: number;
  /** of the one before, which ended and does not change */
  previous: number;
  pausedUntilMs: number;
  /** while the vendor runs low: the least time from one call to the next */
  gapMs: number;
  nextAtMs: number;
}

/**
 * A sliding minute out of two fixed ones: the part of the last minute that still lies within sixty seconds counts in
 * proportion. A call that finds no room is not counted, or those who ask again and again would keep the door shut.
 *
 * @throws StorageUnavailable when the shared count cannot be kept: without it no call is safe to make
 */
export function createLimiter({ perMinute, counters, timing }: LimiterOptions): Limiter {
  const lanes = new Map<Budget, Lane>();

  function laneOf(budget: Budget): Lane {
    const known = lanes.get(budget);
    if (known !== undefined) return known;
    const lane: Lane = { window: -1, current: 0, previous: 0, pausedUntilMs: 0, gapMs: 0, nextAtMs: 0 };
    lanes.set(budget, lane);
    return lane;
  }

  return {
    async take(budget, maxWaitMs = 0, share = 1) {
      const lane = laneOf(budget);
      const askedMs = timing.nowMs();
      const startMs = Math.max(askedMs, lane.pausedUntilMs, lane.gapMs > 0 ? lane.nextAtMs : 0);
      const waitMs = startMs - askedMs;
      if (waitMs > (lane.pausedUntilMs > askedMs ? 0 : maxWaitMs))
        return { retryAfterSeconds: Math.ceil(waitMs / 1000) };
      // set before anything is awaited: of many calls at once each gets its own moment
      lane.nextAtMs = startMs + lane.gapMs;
      if (waitMs > 0) await timing.sleep(waitMs);

      const limit = perMinute[budget] * share;
      const now = timing.nowMs();
      const window = Math.floor(now / WINDOW_MS);
      if (lane.window !== window) {
        const previous = await counters.increment(keyOf(budget, window - 1), KEPT_SECONDS, 0);
        if (lane.window < window) Object.assign(lane, { window, current: 0, previous });
      }
      if (used(lane, now) + 1 > limit) return { retryAfterSeconds: untilRoom(lane, limit, now) };
      const current = await counters.increment(keyOf(budget, window), KEPT_SECONDS);
      if (lane.window === window) lane.current = Math.max(lane.current, current);
      return used(lane, now) > limit ? { retryAfterSeconds: untilRoom(lane, limit, now) } : undefined;
    },

    heed(budget, { status, headers }) {
      const lane = laneOf(budget);
      const now = timing.nowMs();
      if (status === 429) {
        const seconds = readRetryAfter(headers, now) ?? readReset(headers, now) ?? BLIND_PAUSE_SECONDS;
        lane.pausedUntilMs = now + Math.min(Math.max(seconds, 1), MAX_PAUSE_SECONDS) * 1000;
        return;
      }
      const limit = readCount(headers['x-ratelimit-limit']);
      const remaining = readCount(headers['x-ratelimit-remaining']);
      if (limit === undefined || limit === 0 || remaining === undefined) return;
      lane.gapMs = remaining / limit < LOW_WATER ? (2 * WINDOW_MS) / limit : 0;
      lane.nextAtMs = Math.max(lane.nextAtMs, now + lane.gapMs);
    },
  };
}

/** `Retry-After` in seconds from now, given as seconds or as a date. */
export function readRetryAfter(headers: Answer['headers'], nowMs: number): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
}

/** Whether it is a moment or a distance is not documented; both are told apart by size. */
function readReset(headers: Answer['headers'], nowMs: number): number | undefined {
  const value = readCount(headers['x-ratelimit-reset']);
  if (value === undefined) return undefined;
  return value > 1_000_000_000 ? Math.max(0, value - Math.floor(nowMs / 1000)) : value;
}

function readCount(value: string | readonly string[] | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,12}$/.test(value.trim()) ? Number(value) : undefined;
}

function keyOf(budget: Budget, window: number): string {
  return `vendor-rate:didit:${budget}:${window}`;
}

function used(lane: Lane, now: number): number {
  return lane.previous * (1 - (now % WINDOW_MS) / WINDOW_MS) + lane.current;
}

function untilRoom(lane: Lane, limit: number, now: number): number {
  const elapsed = now % WINDOW_MS;
  const roomAt = (count: number, room: number) => WINDOW_MS * (1 - Math.max(0, room) / count);
  const waitMs =
    lane.current < limit
      ? roomAt(lane.previous, limit - lane.current - 1) - elapsed
      : WINDOW_MS - elapsed + roomAt(lane.current, limit - 1);
  return Math.max(1, Math.ceil(waitMs / 1000));
}
