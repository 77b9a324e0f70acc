/** The documented limits, a sliding minute per key, off unless switched on. */
import type { CallName } from './faults.ts';
import type { RateLimits } from './types.ts';

export interface LimitState {
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until a call would be let through; 0 when this one is. */
  readonly retryAfterSeconds: number;
  readonly kind: 'minute' | 'day';
}

export type RateLimiter = ReturnType<typeof createRateLimiter>;

export function createRateLimiter(now: () => number) {
  const used = new Map<string, number[]>();

  function check(name: string, limit: number, windowSeconds: number, kind: LimitState['kind']): LimitState {
    const since = now() - windowSeconds;
    const times = (used.get(name) ?? []).filter((at) => at > since);
    used.set(name, times);
    const oldest = times[0];
    if (times.length >= limit && oldest !== undefined) {
      return { limit, remaining: 0, retryAfterSeconds: oldest + windowSeconds - now(), kind };
    }
    times.push(now());
    return { limit, remaining: limit - times.length, retryAfterSeconds: 0, kind };
  }

  return {
    /** Counts a call of a key's against the first limit that applies to it; undefined when none does. */
    count(key: string, call: CallName, method: string, limits: RateLimits): LimitState | undefined {
      if (call === 'create' && limits.createsPerDay !== undefined) {
        const day = check(`${key} day`, limits.createsPerDay, 86_400, 'day');
        if (day.retryAfterSeconds > 0) return day;
      }
      if (call === 'create' && limits.create !== undefined) return check(`${key} create`, limits.create, 60, 'minute');
      if (call === 'decision' && limits.decision !== undefined)
        return check(`${key} decision`, limits.decision, 60, 'minute');
      if (method === 'GET' && limits.get !== undefined) return check(`${key} get`, limits.get, 60, 'minute');
      if (method !== 'GET' && limits.write !== undefined) return check(`${key} write`, limits.write, 60, 'minute');
      return undefined;
    },
  };
}
