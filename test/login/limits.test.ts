// What is counted before the vendor is asked, where a window of it ends in between (T17).

import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { type Allowed, createLimiter, type Limiter } from '../../src/login/limits.ts';
import type { JourneyRules } from '../../src/login/rules.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { movableClock } from '../contract/store.ts';

const HOUR = 3600;
const MANY = 1_000_000;
const rules: Pick<JourneyRules, 'limits' | 'costs'> = {
  limits: {
    sessionsPerAccountPerHour: 3,
    unknownDevicesPerAccountPerHour: MANY,
    sessionsPerAddressPerHour: MANY,
    sessionsPerClientPerHour: MANY,
    sessionsPerDay: MANY,
    otherWaysPerAddressPerHour: MANY,
    otherWaysPerAccountPerHour: MANY,
  },
  costs: { perVerification: 0, perEnrolment: 0 },
};
let clock: ReturnType<typeof movableClock>;
let limiter: Limiter;

beforeEach(async () => {
  clock = movableClock();
  const { store } = await openBackend('memory:', { clock });
  limiter = createLimiter({ store, clock, rules, sealer: createSealer([new Uint8Array(randomBytes(32))]) });
});

const spend = () =>
  limiter.spend({ person: 'alice', knownDevice: true, address: '192.0.2.1', clientId: 'app', price: 0 });

const kindsOf = (all: readonly Allowed[]) => all.map(({ kind }) => kind);

test('what is given back makes room within its hour, and none in the next', async () => {
  const first = [await spend(), await spend(), await spend()];
  expect(kindsOf(first)).toEqual(['allowed', 'allowed', 'allowed']);
  expect((await spend()).kind).toBe('limited');
  if (first[0]?.kind === 'allowed') await first[0].refund();
  expect((await spend()).kind).toBe('allowed');
  clock.advance(HOUR);
  const next = [await spend()];
  for (const each of first) if (each.kind === 'allowed') await each.refund();
  next.push(await spend(), await spend(), await spend());
  expect(kindsOf(next)).toEqual(['allowed', 'allowed', 'allowed', 'limited']);
});
