// A Didit vendor for tests: time moves only when told, chance is fixed, counts are kept in a map.

import type { OutgoingPolicy } from '../../src/core/outgoing.ts';
import { createOutgoingPolicy } from '../../src/core/outgoing.ts';
import type { IdentityVendor, Meter, Store } from '../../src/login/ports.ts';
import { openMemory } from '../../src/storage/memory.ts';
import type { Timing } from '../../src/vendors/didit/limits.ts';
import { createDiditVendor, type DiditOptions } from '../../src/vendors/didit/vendor.ts';
import { createSharedNotes, type SharedNotes } from '../../src/vendors/shared-notes.ts';
import { NOW, SECRET } from './deliveries.ts';

export interface FakeTiming extends Timing {
  readonly slept: readonly number[];
  advance(ms: number): void;
}

/** Sleeping takes no time and moves the clock. */
export function fakeTiming(random = 0.5): FakeTiming {
  let nowMs = NOW * 1000;
  const slept: number[] = [];
  return {
    slept,
    nowMs: () => nowMs,
    async sleep(ms) {
      slept.push(ms);
      nowMs += ms;
    },
    random: () => random,
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** A store and a bus of their own, and what lies in them: given to two vendors they are two processes. */
export function fakeShared(timing: Timing): Pick<DiditOptions, 'store' | 'bus'> {
  const { store, bus } = openMemory({ clock: { now: () => Math.floor(timing.nowMs() / 1000) } });
  return { store, bus };
}

export function fakeNotes(timing: Timing): SharedNotes {
  return createSharedNotes({ name: 'test', nowMs: timing.nowMs, ...fakeShared(timing) });
}

/** Shared by those it is given to, as the store is by processes. */
export function fakeCounters(): Pick<Store, 'increment'> & { readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  return {
    counts,
    async increment(key, _windowSeconds, by = 1) {
      const count = (counts.get(key) ?? 0) + by;
      counts.set(key, count);
      return count;
    },
  };
}

export function fakeMeter(): Meter & { readonly counted: string[] } {
  const counted: string[] = [];
  return {
    counted,
    count: (name, labels) => void counted.push(`${name} ${labels?.call} ${labels?.result}`),
    add: () => {},
    observe: () => {},
  };
}

export const WORKFLOWS = { enrol: 'wf-enrol', passive: 'wf-passive', active: 'wf-active' } as const;
export const API_KEY = 'key-that-must-stay-here';

export interface TestVendor {
  readonly vendor: IdentityVendor;
  readonly timing: FakeTiming;
  readonly meter: ReturnType<typeof fakeMeter>;
  /** everything that was logged, as one text */
  logged(): string;
}

export function diditAt(baseUrl: string, changes: Partial<DiditOptions> = {}): TestVendor {
  const timing = (changes.timing as FakeTiming | undefined) ?? fakeTiming();
  const meter = fakeMeter();
  const lines: string[] = [];
  const write = (fields: object, message: string) => void lines.push(JSON.stringify({ fields, message }));
  const outgoingPolicy: OutgoingPolicy = createOutgoingPolicy([]);
  const vendor = createDiditVendor({
    apiKey: API_KEY,
    webhookSecrets: [SECRET],
    baseUrl,
    environment: 'live',
    workflows: WORKFLOWS,
    limits: { createsPerMinute: 600, decisionsPerMinute: 100 },
    outgoingPolicy,
    clock: { now: () => Math.floor(timing.nowMs() / 1000) },
    meter,
    log: { debug: write, info: write, warn: write, error: write },
    timing,
    ...fakeShared(timing),
    timeoutMs: 2000,
    ...changes,
  });
  return { vendor, timing, meter, logged: () => lines.join('\n') };
}
