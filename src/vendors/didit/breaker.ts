// Stops asking a vendor that does not answer: after a row of failures every call fails at once for a while, then a single
// probe decides. People see an honest page at once instead of waiting for a timeout, and an ailing vendor is left alone (R8).
// Failures are counted by each process for itself; that it is open is known to all, and there is one probe among all.

import type { Logger, Store } from '../../login/ports.ts';
import type { SharedNotes } from '../shared-notes.ts';

export type Admission =
  | { readonly kind: 'go'; readonly probe: boolean }
  | { readonly kind: 'open'; readonly retryAfterSeconds: number };

export interface Breaker {
  /**
   * May this call go out? With `open`, not before so many seconds; an admitted call must report how it ended. Asks nobody, but
   * where a probe is due.
   */
  admit(): Promise<Admission>;
  succeeded(): void;
  failed(): void;
  /** The admitted call was not made after all. */
  withdrawn(): void;
}

export interface BreakerOptions {
  /** of the call; processes share what they know of one by it */
  readonly name: string;
  readonly failuresToOpen?: number;
  readonly openMs?: number;
  readonly nowMs: () => number;
  readonly notes: SharedNotes;
  readonly store: Pick<Store, 'putIfAbsent' | 'delete'>;
  readonly log?: Logger | undefined;
}

/** Longer than a probe takes: of one that died with its process nobody hears. */
const PROBE_SECONDS = 12;
/** When nobody probes for so long there were no calls, and a new row of failures may decide. */
const REMEMBERED_MS = 600_000;

export function createBreaker(options: BreakerOptions): Breaker {
  const { name, failuresToOpen = 5, openMs = 10_000, nowMs, notes, store, log } = options;
  const note = `open:${name}`;
  const probeKey = `vendor-probe:didit:${name}`;
  let failures = 0;
  let wasOpen = false;
  let isProbing = false;

  async function takeProbe(): Promise<boolean> {
    try {
      return await store.putIfAbsent(probeKey, true, PROBE_SECONDS);
    } catch {
      // then each process has its own: better than none
      return true;
    }
  }

  /** @param told what others are to know first: were the probe free before, they would probe on what they knew */
  async function freeProbe(told?: Promise<void>): Promise<void> {
    isProbing = false;
    try {
      await told;
      await store.delete(probeKey);
    } catch (error) {
      log?.debug({ err: error, call: name }, 'the turn to probe ends by itself');
    }
  }

  /** How long until a probe may go; undefined: it is closed. */
  function waitMs(): number | undefined {
    const open = notes.find(note);
    return open && open.sinceMs + open.value - nowMs();
  }

  return {
    async admit() {
      const remainingMs = waitMs();
      if (remainingMs === undefined) {
        // closed by the success of another process, which ends the row here too
        if (wasOpen) failures = 0;
        wasOpen = false;
        return { kind: 'go', probe: false };
      }
      wasOpen = true;
      if (remainingMs > 0) return { kind: 'open', retryAfterSeconds: Math.ceil(remainingMs / 1000) };
      if (isProbing) return { kind: 'open', retryAfterSeconds: 1 };
      isProbing = true;
      if (await takeProbe()) return { kind: 'go', probe: true };
      isProbing = false;
      return { kind: 'open', retryAfterSeconds: 1 };
    },
    succeeded() {
      failures = 0;
      wasOpen = false;
      const told = waitMs() === undefined ? undefined : notes.remove(note);
      if (isProbing) void freeProbe(told);
    },
    failed() {
      failures++;
      const isOpen = (waitMs() ?? 0) > 0;
      const opens = isProbing || (failures >= failuresToOpen && !isOpen);
      wasOpen ||= opens;
      const told = opens ? notes.put(note, { lastsMs: REMEMBERED_MS, value: openMs }) : undefined;
      if (isProbing) void freeProbe(told);
    },
    withdrawn() {
      if (isProbing) void freeProbe();
    },
  };
}
