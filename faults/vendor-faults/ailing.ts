// R8: the vendor fails in every documented way, at the create and at the decision. Whoever meets it gets a page to try again with, in
// time, and is let in as soon as it is well; an attempt never has more than one session there.

import { setTimeout as delay } from 'node:timers/promises';
import {
  begin,
  comeBack,
  leadsToVendor,
  login,
  newPerson,
  newRequest,
  openFirstPage,
  type Person,
  passVendorQuietly,
  pressBegin,
  redeem,
  uidOf,
  waitWithPage,
} from '../../bench/login-flow.ts';
import { type Answer, send } from '../../bench/web-client.ts';
import type { FaultSpec } from '../../src/sandbox/faults.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import { openRoom } from '../rooms.ts';
import { attemptOf } from '../vendor.ts';

const FAULTS: readonly { readonly name: string; readonly spec: FaultSpec }[] = [
  { name: '500', spec: { status: 500, times: null } },
  { name: '429', spec: { status: 429, retryAfterSeconds: 1, times: null } },
  { name: 'hang', spec: { hang: true, times: null } },
  { name: 'malformed', spec: { malformed: true, times: null } },
  { name: 'reset', spec: { reset: true, times: null } },
  { name: 'answer lost', spec: { lost: true, times: null } },
];
/** A create with its retries has 12 s; a person sees the page then at the latest. */
const PAGE_WITHIN_MS = 13_000;
/** A breaker that is open stays so for three seconds; a 429 says how long it lasts. */
const WELL_WITHIN_MS = 8_000;
const AGAIN_MS = 500;
/** Looks at a decision come at 1, 2, 3, 5 and 8 s; one more after the vendor is well. */
const IN_WITHIN_MS = 13_000;
/** As many requests go to a vendor that fails before the breaker opens. */
const MOST_CALLS = 9;

async function known({ places }: Ground): Promise<Person> {
  const person = newPerson();
  await login(person, places);
  person.browser.forget((name) => name.startsWith('_'));
  return person;
}

/** The create fails for a while. */
async function playCreate(ground: Ground, failures: Failures, name: string, spec: FaultSpec): Promise<void> {
  const { places, vendor } = ground;
  const person = await known(ground);
  const request = newRequest(places.issuer);
  const page = await openFirstPage(person, request);
  await vendor.fault('create', spec);
  const startedMs = performance.now();
  const ill = await pressBegin(person, page);
  const tookMs = performance.now() - startedMs;
  const what = `${name}: ${ill.status} after ${Math.round(tookMs)} ms`;
  failures.expect(tookMs < PAGE_WITHIN_MS, 'a page in time', what);
  failures.expect(
    ill.status === 503 && Number(ill.retryAfter) >= 1,
    'it says that the vendor is down, and until when',
    what,
  );
  failures.expect(ill.text.includes('/begin"'), 'it offers to try again', what);
  await vendor.clearFaults();
  const well = await untilAtVendor(ground, person, ill.status === 503 ? ill : page);
  if (!leadsToVendor(well, places)) return failures.expect(false, 'well again soon', `${name}: ${well.status}`);
  const { location } = await person.browser.form(well.location, { outcome: 'approve', webhook: 'normal' });
  const end = await waitWithPage(person, await comeBack(person, String(location)));
  await redeem(person, places.issuer, request, end);
  const sessions = (await vendor.sessions()).filter((session) => attemptOf(session) === uidOf(page));
  failures.expect(sessions.length === 1, 'one session for the attempt', `${name}: ${sessions.length}`);
}

async function untilAtVendor({ places }: Ground, person: Person, page: Answer): Promise<Answer> {
  const giveUpAtMs = performance.now() + WELL_WITHIN_MS;
  for (let asked = { ...page, status: 200 }; ; ) {
    const answer = await pressBegin(person, asked);
    if (leadsToVendor(answer, places) || performance.now() > giveUpAtMs) return answer;
    await delay(AGAIN_MS);
    const location = answer.location ?? `${places.issuer}/interaction/${uidOf(page)}`;
    asked = answer.status === 503 ? { ...answer, status: 200 } : await person.browser.request(location);
  }
}

/** The webhook is lost, and the decision cannot be read for a while. */
async function playDecision(ground: Ground, failures: Failures, name: string, spec: FaultSpec): Promise<void> {
  const { places, vendor } = ground;
  const person = await known(ground);
  const begun = await begin(person, places);
  const returnUrl = await passVendorQuietly(person, begun);
  await vendor.fault('decision', { ...spec, times: 2 });
  const page = await comeBack(person, returnUrl);
  failures.expect(page.status === 200, 'the waiting page stands', `${name}: ${page.status}`);
  const startedMs = performance.now();
  const end = await waitWithPage(person, page);
  const tookMs = performance.now() - startedMs;
  await redeem(person, places.issuer, begun.request, end);
  await vendor.clearFaults();
  failures.expect(tookMs < IN_WITHIN_MS, 'in by the next look', `${name}: ${Math.round(tookMs)} ms`);
}

/** Everybody presses at once: an ailing vendor is left alone, and nobody waits for it. */
async function playBreaker(ground: Ground, failures: Failures): Promise<void> {
  const { places, vendor } = ground;
  await vendor.fault('create', { status: 500, times: null });
  const press = async () => {
    const person = newPerson();
    const page = await openFirstPage(person, newRequest(places.issuer));
    const startedMs = performance.now();
    const { status } = await pressBegin(person, page);
    return { status, tookMs: performance.now() - startedMs };
  };
  for (let row = 0; row < MOST_CALLS / 3; row += 1) await press();
  await send(`${places.standIn}/_control/calls`, {
    method: 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const crowd = await Promise.all(Array.from({ length: 10 }, press));
  const calls = JSON.parse((await send(`${places.standIn}/_control/calls`)).text) as readonly unknown[];
  failures.expect(
    crowd.every(({ status }) => status === 503),
    'all hear that the vendor is down',
  );
  failures.expect(calls.length <= 1, 'an ailing vendor is left alone', `${calls.length} calls`);
  const slowestMs = Math.max(...crowd.map(({ tookMs }) => tookMs));
  failures.expect(slowestMs < 2_000, 'and nobody waits for it', `${Math.round(slowestMs)} ms`);
  await vendor.clearFaults();
}

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const faults = context.isTiny ? FAULTS.slice(0, 1) : FAULTS;
  const room = await openRoom(context.engine);
  try {
    const ground = await openGround({ storageUrl: room.url });
    const whole = async (name: string, play: () => Promise<void>) => {
      // each begins with a vendor that is well and a breaker that is shut
      await ground.vendor.clearFaults();
      await ground.standIn.configure({ autoOutcome: 'approve', webhookMode: 'normal' });
      await play().catch((error: Error) => failures.expect(false, 'a login goes on', `${name}: ${error.message}`));
    };
    try {
      for (const { name, spec } of faults) {
        await whole(`create, ${name}`, async () => {
          await playCreate(ground, failures, `create, ${name}`, spec);
        });
        if (spec.lost !== true) {
          await whole(`decision, ${name}`, () => playDecision(ground, failures, `decision, ${name}`, spec));
        }
      }
      if (!context.isTiny) await whole('breaker', () => playBreaker(ground, failures));
      const checked = `create and decision: ${faults.map(({ name }) => name).join(', ')}; breaker; one session an attempt`;
      return { rounds: 2 * faults.length, checked, failures: failures.all() };
    } finally {
      await ground.end();
    }
  } finally {
    await room.remove();
  }
}

export const AILING_VENDOR: Check = { fault: 'R8', name: 'vendor in trouble', engines: ['sqlite'], run };
