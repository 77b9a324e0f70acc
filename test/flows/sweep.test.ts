// The hourly sweep: verdicts that turned at the vendor without a word to us are found in its list (T8, R9), within one sweep, whatever
// happens to the vendor or to us meanwhile.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type App, createApp } from '../../src/app.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { Browser } from '../support/browser.ts';
import { awaitPage, comeBack, deliver, giveUp, pressOn, showFace, until, visit } from '../support/story.ts';
import { type Begun, startWorld, type Tokens, UNLIMITED, type World } from '../support/world.ts';

const HOUR = 3600;

let world: World;
let people = 0;

beforeAll(async () => {
  world = await startWorld({ storage: 'sqlite', policy: UNLIMITED });
});
afterAll(() => world.close());
beforeEach(() => {
  world.sandbox.clearCalls();
});
afterEach(() => {
  world.sandbox.clearFaults();
});

interface Login {
  readonly name: string;
  readonly id: string;
  readonly enrolment: Begun;
  readonly login: Begun;
  readonly tokens: Tokens;
}

/** Enrolled, and signed in by a selfie in another browser. */
async function signedIn(): Promise<Login> {
  people += 1;
  const name = `swept-${people}`;
  const enrolment = await world.begin(new Browser(), name);
  await showFace(world, enrolment);
  const id = String((await world.finish(enrolment)).claims()?.sub);
  const login = await world.begin(new Browser(), name);
  await showFace(world, login);
  const tokens = await world.finish(login);
  world.clock.move(5);
  return { name, id, enrolment, login, tokens };
}

const lists = () => world.sandbox.calls().filter(({ call }) => call === 'list');
const looks = () => world.sandbox.calls().filter(({ call }) => call === 'decision');

/** Makes the worker look at what is due, as any delivery does. */
async function nudge(): Promise<void> {
  const [session] = world.sandbox.sessions();
  if (session) await deliver(world, session.id);
}

/** Resolves when a sweep of one of these processes has ended, as it then plans the next. */
function untilPlanned(...apps: readonly App[]): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    for (const { parts } of apps) {
      const { jobs } = parts.backend;
      const { schedule } = jobs;
      jobs.schedule = async (job) => {
        await schedule(job).catch(reject);
        if (job.kind !== 'sweep') return;
        jobs.schedule = schedule;
        resolve();
      };
    }
  });
}

/** The hour is over: one sweep, and what it wants looked at is looked at. */
async function sweep(): Promise<void> {
  const planned = untilPlanned(world.app);
  await world.app.parts.backend.jobs.hasten('sweep', Date.now());
  await nudge();
  await planned;
  await nudge();
}

const userinfo = async ({ access_token }: Tokens) =>
  (await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${access_token}` } })).status;

const standingOf = async (id: string) => (await world.app.parts.accounts.find(id))?.standing;

async function journalOf(event: string): Promise<string[]> {
  const found: string[] = [];
  for await (const line of world.app.parts.journal.entries())
    if (line.event === event) found.push(line.reasons.join(' '));
  return found;
}

const revoked = (login: Begun) =>
  until('the revocation', async () =>
    (await journalOf('login.revoked')).some((line) => line.includes(login.sessionId)),
  );

describe('a webhook that was lost', () => {
  test('T8, R9: a login that was refused afterwards is taken back within one sweep', async () => {
    const one = await signedIn();
    const other = await signedIn();
    await world.sandbox.review(one.login.sessionId, 'Declined', 'lost');
    expect(await userinfo(one.tokens)).toBe(200);
    await sweep();
    await revoked(one.login);
    expect(await userinfo(one.tokens)).toBe(401);
    expect(await userinfo(other.tokens)).toBe(200);
    expect((await world.app.parts.accounts.find(one.id))?.review?.reasons).toEqual(['late-refusal']);
    expect((await journalOf('sweep.found')).at(-1)).toBe('count=1');
  });

  test('T8: once: the next sweep finds nothing to do about it', async () => {
    const { login } = await signedIn();
    await world.sandbox.review(login.sessionId, 'Declined', 'lost');
    await sweep();
    await revoked(login);
    world.sandbox.clearCalls();
    const found = await journalOf('sweep.found');
    await sweep();
    expect(looks()).toEqual([]);
    expect(await journalOf('sweep.found')).toEqual(found);
    expect((await journalOf('login.revoked')).filter((line) => line.includes(login.sessionId))).toHaveLength(1);
  });

  test('T8: of an enrolment: nothing that stands on it is good any more', async () => {
    const { enrolment, id, tokens } = await signedIn();
    await world.sandbox.review(enrolment.sessionId, 'Declined', 'lost');
    await sweep();
    await until('the withdrawal', async () => (await standingOf(id)) === 'withdrawn');
    expect(await userinfo(tokens)).toBe(401);
  });

  test('Kyc Expired of an enrolment: the document is asked for again, once, and nobody is signed out', async () => {
    const { enrolment, id, name, tokens } = await signedIn();
    await world.sandbox.settle(enrolment.sessionId, 'kyc_expired', { webhook: 'lost' });
    await sweep();
    await until('the demand', async () => (await standingOf(id)) === 'must-re-enrol');
    expect(await userinfo(tokens)).toBe(200);
    const again = await world.begin(new Browser(), name);
    expect(world.sandbox.session(again.sessionId).kind).toBe('enrol');
    await showFace(world, again);
    await world.finish(again);
    expect(await standingOf(id)).toBe('good');
    world.sandbox.clearCalls();
    await sweep();
    // the old document is still expired, and no longer what the account stands on
    expect(looks()).toEqual([]);
    expect(await standingOf(id)).toBe('good');
  });

  test('T8, T14: of a new face that waits: it never counts', async () => {
    const { id, name } = await signedIn();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun, { scenario: 'decline_face_match_low_similarity' });
    const refused = await awaitPage(world, begun, 'the refusal', (page) => page.text.includes('value="re-enrol"'));
    const next = await pressOn(world, begun.browser, refused, { name: 'begin', value: 're-enrol' });
    const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
    const checking = { ...begun, sessionId: String(session?.id) };
    await showFace(world, checking);
    expect((await comeBack(world, checking)).status).toBe(410);
    const pending = async () => (await world.app.parts.accounts.find(id))?.pending?.verificationId;
    expect(await pending()).toBe(checking.sessionId);
    world.clock.move(5);
    await world.sandbox.review(checking.sessionId, 'Declined', 'lost');
    await sweep();
    await until('the drop', async () => (await pending()) === undefined);
  });
});

describe('what is none of its business', () => {
  test('refusals that never allowed anything, and sessions that are not ours, cost no look', async () => {
    const { name } = await signedIn();
    const refused = await world.begin(new Browser(), name);
    await showFace(world, refused, { scenario: 'decline_liveness_attack' });
    const page = await awaitPage(world, refused, 'the refusal', (seen) => /could not confirm/i.test(seen.text));
    await giveUp(world, refused.browser, page);
    const given = await world.begin(new Browser(), name);
    await showFace(world, given, { scenario: 'in_review' });
    await giveUp(world, given.browser, await visit(world, given, '/waiting'));
    // made by another program under the same key
    const foreign = await fetch(`${world.sandbox.url}/v3/session/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'world-api-key' },
      body: JSON.stringify({ workflow_id: world.config.didit.workflows.enrol, vendor_data: 'somebody-else' }),
    });
    const { session_id: id } = (await foreign.json()) as { session_id: string };
    await world.sandbox.settle(id, 'decline_liveness_attack', { webhook: 'lost' });
    const found = await journalOf('sweep.found');
    world.sandbox.clearCalls();
    await sweep();
    expect(lists().map(({ query }) => query.status)).toEqual(['Declined', 'Kyc Expired']);
    expect(looks()).toEqual([]);
    expect(await journalOf('sweep.found')).toEqual(found);
  });

  test('T12: what turned Approved is not even asked for', async () => {
    await sweep();
    expect(lists().some(({ query }) => String(query.status).includes('Approved'))).toBe(false);
  });
});

describe('whatever happens meanwhile', () => {
  test('R8: a list without an end is read so far and no farther', async () => {
    const body = {
      count: 1_000_000,
      next: 'https://verification.didit.me/v3/sessions/?offset=100',
      results: Array.from({ length: 100 }, (_, at) => ({
        session_id: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
        status: 'Declined',
      })),
    };
    world.sandbox.fault('list', { body, times: null });
    await sweep();
    expect(lists().length).toBeGreaterThan(10);
    expect(lists().length).toBeLessThanOrEqual(40);
    expect(looks()).toEqual([]);
  });

  test.each([
    ['503', { status: 503 }],
    ['429', { status: 429, retryAfterSeconds: 60 }],
    ['403', { status: 403 }],
    ['a broken answer', { malformed: true }],
  ])('R8: a vendor that answers %s is asked again an hour later, and nothing is forgotten', async (_name, fault) => {
    const { login, tokens } = await signedIn();
    await world.sandbox.review(login.sessionId, 'Declined', 'lost');
    world.sandbox.fault('list', { ...fault, times: null });
    await sweep();
    expect(await userinfo(tokens)).toBe(200);
    world.sandbox.clearFaults();
    const planned = untilPlanned(world.app);
    world.clock.move(HOUR + 1);
    await nudge();
    await planned;
    await nudge();
    await revoked(login);
  });

  test('R8: a vendor that names the session and then cannot tell of it is asked again soon', async () => {
    const { login } = await signedIn();
    await world.sandbox.review(login.sessionId, 'Declined', 'lost');
    world.sandbox.fault('decision', { status: 503, times: 3 });
    await sweep();
    for (let asked = 1; asked <= 4; asked += 1) {
      await until(`look ${asked}`, async () => {
        if (looks().length >= asked) return true;
        world.clock.move(61);
        await nudge();
        return false;
      });
    }
    await revoked(login);
    // without another sweep
    expect(lists()).toHaveLength(2);
  });

  test('R6, R9: what turned while the provider was down is found soon after it is up', async () => {
    const { login, tokens } = await signedIn();
    await world.sandbox.review(login.sessionId, 'Declined', 'lost');
    await world.restart();
    expect(await userinfo(tokens)).toBe(200);
    const planned = untilPlanned(world.app);
    world.clock.move(61);
    await nudge();
    await planned;
    await nudge();
    await revoked(login);
  });

  test('R6, R9: a provider that is started anew every half minute comes to it all the same', async () => {
    const { login } = await signedIn();
    await world.sandbox.review(login.sessionId, 'Declined', 'lost');
    world.clock.move(120);
    world.sandbox.clearCalls();
    for (let start = 0; start < 3; start += 1) {
      await world.restart();
      world.clock.move(30.5);
    }
    await nudge();
    await until('it has been looked for', () => lists().length > 0);
    await nudge();
    await revoked(login);
  });

  test('R6: a crash in the middle of taking back is made good by the next sweep', async () => {
    const { login, tokens } = await signedIn();
    const { journal } = world.app.parts;
    const { record } = journal;
    journal.record = (entry) => (entry.event === 'login.revoked' ? Promise.reject(new Error('killed')) : record(entry));
    await world.sandbox.review(login.sessionId, 'Declined', 'lost');
    await sweep();
    await until('the taking back', async () => (await userinfo(tokens)) === 401);
    journal.record = record;
    await sweep();
    await revoked(login);
  });

  test('two processes on one storage sweep once an hour between them', async () => {
    const second: App = await createApp(world.config, {
      clock: world.clock,
      log: createLogger({ level: 'error', destination: { write: () => undefined } }),
    });
    const port = await second.listen(0, '127.0.0.1');
    const poke = async () => {
      const [session] = world.sandbox.sessions();
      await deliver(world, String(session?.id));
      world.sandbox.configure({ webhookUrl: `http://127.0.0.1:${port}/webhooks/didit` });
      await deliver(world, String(session?.id));
      world.sandbox.configure({ webhookUrl: `${world.issuer}/webhooks/didit` });
    };
    try {
      world.sandbox.clearCalls();
      for (const passed of [61, HOUR + 1, HOUR + 1, HOUR + 1]) {
        const planned = untilPlanned(world.app, second);
        world.clock.move(passed);
        await poke();
        await planned;
      }
      await poke();
      await world.sandbox.idle();
      expect(lists()).toHaveLength(8);
    } finally {
      await second.close();
    }
  });

  test('T18: the journal of all this is whole, and names nobody', async () => {
    expect(await world.app.parts.journal.verify()).toMatchObject({ ok: true });
    const lines: string[] = [];
    for await (const line of world.app.parts.journal.entries()) lines.push(JSON.stringify(line));
    for (const personal of ['swept-', '127.0.0.1', '://']) expect(lines.join('\n')).not.toContain(personal);
  });
});
