// Keeps us below the vendor's rates, for all processes together: counts stand in the shared store. Whoever finds no room
// hears at once when to come back, since a person is waiting and a queue would only hide it. Beside the documented numbers
// the vendor's own headers are obeyed when it sends them; it may send none. What one process reads in them all obey.

import type { Store } from '../../login/ports.ts';
import type { Note, SharedNotes } from '../shared-notes.ts';
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
  readonly notes: SharedNotes;
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
/** A slower pace is kept for so long after the last answer that asked for it. */
const PACED_MS = 2 * WINDOW_MS;
/** An end that differs by less from the one that is known is no news. */
const NEWS_MS = 1_000;

interface Lane {
  window: number;
  /** the shared count of this window, as last seen */
  current: number;
  /** of the one before, which ended and does not change */
  previous: number;
  /** while the vendor runs low: when this process may go next */
  nextAtMs: number;
  /** a shared count and its moment, from which the pace of all processes together is reckoned; in this window */
  paced: { readonly count: number; readonly atMs: number } | undefined;
}

/**
 * A sliding minute out of two fixed ones: the part of the last minute that still lies within sixty seconds counts in
 * proportion. A call that finds no room is not counted, or those who ask again and again would keep the door shut.
 *
 * @throws StorageUnavailable when the shared count cannot be kept: without it no call is safe to make
 */
export function createLimiter({ perMinute, counters, notes, timing }: LimiterOptions): Limiter {
  const lanes = new Map<Budget, Lane>();

  function laneOf(budget: Budget): Lane {
    const known = lanes.get(budget);
    if (known !== undefined) return known;
    const lane: Lane = { window: -1, current: 0, previous: 0, nextAtMs: 0, paced: undefined };
    lanes.set(budget, lane);
    return lane;
  }

  /** Others go at this pace too: what all have taken since moves our next turn, so that together they keep to it. */
  function keepPace(lane: Lane, count: number, gapMs: number, now: number): void {
    const dueAtMs = lane.paced && lane.paced.atMs + (count - lane.paced.count) * gapMs;
    if (lane.paced === undefined || dueAtMs === undefined || dueAtMs < now) lane.paced = { count, atMs: now };
    lane.nextAtMs = Math.max(lane.nextAtMs, lane.paced.atMs + (count - lane.paced.count + 1) * gapMs);
  }

  return {
    async take(budget, maxWaitMs = 0, share = 1) {
      const lane = laneOf(budget);
      const askedMs = timing.nowMs();
      const pause = notes.find(pauseOf(budget));
      const gapMs = notes.find(paceOf(budget))?.value ?? 0;
      const startMs = Math.max(askedMs, endOf(pause), gapMs > 0 ? lane.nextAtMs : 0);
      const waitMs = startMs - askedMs;
      if (waitMs > (pause ? 0 : maxWaitMs)) return { retryAfterSeconds: Math.ceil(waitMs / 1000) };
      // set before anything is awaited: of many calls at once each gets its own moment
      lane.nextAtMs = startMs + gapMs;
      if (waitMs > 0) await timing.sleep(waitMs);

      const limit = perMinute[budget] * share;
      const now = timing.nowMs();
      const window = Math.floor(now / WINDOW_MS);
      if (lane.window !== window) {
        const previous = await counters.increment(keyOf(budget, window - 1), KEPT_SECONDS, 0);
        if (lane.window < window) Object.assign(lane, { window, current: 0, previous, paced: undefined });
      }
      if (used(lane, now) + 1 > limit) return { retryAfterSeconds: untilRoom(lane, limit, now) };
      const current = await counters.increment(keyOf(budget, window), KEPT_SECONDS);
      if (lane.window === window) {
        lane.current = Math.max(lane.current, current);
        if (gapMs > 0) keepPace(lane, current, gapMs, now);
      }
      return used(lane, now) > limit ? { retryAfterSeconds: untilRoom(lane, limit, now) } : undefined;
    },

    heed(budget, { status, headers }) {
      const now = timing.nowMs();
      if (status === 429) {
        const seconds = readRetryAfter(headers, now) ?? readReset(headers, now) ?? BLIND_PAUSE_SECONDS;
        const lastsMs = Math.min(Math.max(seconds, 1), MAX_PAUSE_SECONDS) * 1000;
        const isNews = Math.abs(endOf(notes.find(pauseOf(budget))) - (now + lastsMs)) > NEWS_MS;
        if (isNews) void notes.put(pauseOf(budget), { lastsMs, value: 0 });
        return;
      }
      const limit = readCount(headers['x-ratelimit-limit']);
      const remaining = readCount(headers['x-ratelimit-remaining']);
      if (limit === undefined || limit === 0 || remaining === undefined) return;
      const pace = notes.find(paceOf(budget));
      if (remaining / limit >= LOW_WATER) {
        if (pace) void notes.remove(paceOf(budget));
        return;
      }
      const gapMs = (2 * WINDOW_MS) / limit;
      const isNews = pace?.value !== gapMs || endOf(pace) < now + PACED_MS / 2;
      if (isNews) void notes.put(paceOf(budget), { lastsMs: PACED_MS, value: gapMs });
      const lane = laneOf(budget);
      lane.nextAtMs = Math.max(lane.nextAtMs, now + gapMs);
    },
  };
}

const pauseOf = (budget: Budget) => `pause:${budget}`;
const paceOf = (budget: Budget) => `pace:${budget}`;
const endOf = (note: Note | undefined) => (note ? note.sinceMs + note.lastsMs : 0);

/** `Retry-After` in seconds from now, given as seconds or as a date. */
export function readRetryAfter(headers: Answer['headers'], nowMs: number): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - nowMs) / 1000);
  // people are told it as well: a vendor that errs by years says no more than "not now"
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(0, seconds), MAX_PAUSE_SECONDS);
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
