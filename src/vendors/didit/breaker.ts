// Stops asking a vendor that does not answer: after a row of failures every call fails at once for a while, then a single
// probe decides. People see an honest page at once instead of waiting for a timeout, and an ailing vendor is left alone (R8).

export interface Breaker {
  /** May this call go out? With `open`, not before so many seconds; an admitted call must report how it ended. */
  admit():
    | { readonly kind: 'go'; readonly probe: boolean }
    | { readonly kind: 'open'; readonly retryAfterSeconds: number };
  succeeded(): void;
  failed(): void;
  /** The admitted call was not made after all. */
  withdrawn(): void;
}

export interface BreakerOptions {
  readonly failuresToOpen?: number;
  readonly openMs?: number;
  readonly nowMs: () => number;
}

export function createBreaker({ failuresToOpen = 5, openMs = 10_000, nowMs }: BreakerOptions): Breaker {
  let failures = 0;
  let openUntilMs: number | undefined;
  let probing = false;

  return {
    admit() {
      if (openUntilMs === undefined) return { kind: 'go', probe: false };
      const waitMs = openUntilMs - nowMs();
      if (waitMs > 0) return { kind: 'open', retryAfterSeconds: Math.ceil(waitMs / 1000) };
      if (probing) return { kind: 'open', retryAfterSeconds: 1 };
      probing = true;
      return { kind: 'go', probe: true };
    },
    succeeded() {
      failures = 0;
      openUntilMs = undefined;
      probing = false;
    },
    failed() {
      failures++;
      if (probing || failures >= failuresToOpen) openUntilMs = nowMs() + openMs;
      probing = false;
    },
    withdrawn() {
      probing = false;
    },
  };
}
