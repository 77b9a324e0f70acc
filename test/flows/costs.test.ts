// What logins cost: the ledger, the day's budget with its two edges, what skipping saves, and that command line, metrics and ledger tell
// one story (invariant 10, T17).

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LedgerLine } from '../../src/telemetry/ledger.ts';
import { here, type Place, placeOf } from '../cli/support.ts';
import { Browser, buttonsOf, type Page, wordsOf } from '../support/browser.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  creates,
  giveUp,
  pressOn,
  showFace,
  until,
  visit,
  withoutSession,
} from '../support/story.ts';
import { ADAPTIVE, type Begun, CLIENT_SECRET, startWorld, UNLIMITED, type World } from '../support/world.ts';

const DAY = 86_400;
const PRICES = { pricePerVerification: 0.1, pricePerEnrolment: 1.5 };

async function linesOf(world: World): Promise<LedgerLine[]> {
  const lines: LedgerLine[] = [];
  for await (const line of world.app.parts.ledger.entries()) lines.push(line);
  return lines;
}

async function eventsOf(world: World, event: string): Promise<string[]> {
  const found: string[] = [];
  for await (const line of world.app.parts.journal.entries())
    if (line.event === event) found.push(line.reasons.join(' '));
  return found;
}

async function seriesOf(world: World): Promise<(name: string) => number> {
  const text = await (await fetch(`${world.issuer}/metrics`)).text();
  return (name) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1) ?? 0,
    );
}

/** Money, to whole hundredths. */
const cents = (amount: number) => Math.round(amount * 100);

const isDeclined = (page: Page) => /could not confirm/i.test(wordsOf(page));

describe('the ledger', () => {
  let world: World;
  let place: Place;
  let people = 0;
  beforeAll(async () => {
    world = await startWorld({ storage: 'sqlite', policy: { ...UNLIMITED, risk: ADAPTIVE, costs: PRICES } });
    place = await placeOf(world);
  });
  afterAll(() => world.close());
  afterEach(() => {
    world.sandbox.clearFaults();
  });

  /** The lines that this has added. */
  async function added(work: () => Promise<unknown>): Promise<LedgerLine[]> {
    const before = (await linesOf(world)).length;
    world.clock.move(1);
    await work();
    return (await linesOf(world)).slice(before);
  }

  async function somebody(): Promise<{ name: string; device: Browser; id: string }> {
    people += 1;
    const name = `payer-${people}`;
    const { browser, tokens } = await world.enrol(name);
    return { name, device: withoutSession(browser), id: String(tokens.claims()?.sub) };
  }

  const login = (name: string) => world.begin(new Browser(), name, { prompt: 'login' });

  const LINE = { at: expect.any(Number), client: 'app', account: expect.stringMatching(/^[\w-]{43}$/) };

  test('an enrolment and a selfie are a line each, with the price of their kind', async () => {
    const { name, id } = await somebody();
    const own = (await linesOf(world)).at(-1);
    expect(own).toEqual({ ...LINE, reason: 'enrol', outcome: 'accepted', price: 1.5, billed: true });
    const [line, ...more] = await added(async () => {
      const begun = await login(name);
      await showFace(world, begun);
      await world.finish(begun);
    });
    expect(line).toEqual({ ...LINE, reason: 'login', outcome: 'accepted', price: 0.1, billed: true });
    expect(more).toEqual([]);
    // one person, one hash; nobody's id
    expect(line?.account).toBe(own?.account);
    expect(line?.account).not.toBe(id);
  });

  test('R6: a process that dies as the attempt learns of its session has written the line', async () => {
    const { name } = await somebody();
    const { attempts } = world.app.parts as { attempts: { change: typeof world.app.parts.attempts.change } };
    const { change } = attempts;
    const [line, ...more] = await added(async () => {
      attempts.change = async (...step) => {
        await change(...step);
        attempts.change = change;
        throw new Error('died here');
      };
      expect((await login(name)).page.status).toBe(500);
    });
    expect([line, more]).toEqual([{ ...LINE, reason: 'login', outcome: null, price: 0.1, billed: false }, []]);
  });

  test('each try of one login is a line; a document check in the place of a selfie has its own price', async () => {
    const { device } = await somebody();
    const lines = await added(async () => {
      const begun = await world.begin(device, undefined, { prompt: 'login' });
      await showFace(world, begun, { scenario: 'decline_liveness_attack' });
      const page = await awaitPage(world, begun, 'the refusal', isDeclined);
      world.clock.move(1);
      const next = await pressOn(world, device, page, { name: 'begin', value: 're-enrol' });
      const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
      const second = { ...begun, sessionId: String(session?.id) };
      await showFace(world, second);
      await world.finish(second);
    });
    expect(lines.map(({ reason, outcome, price, billed }) => [reason, outcome, price, billed])).toEqual([
      ['login', 'declined', 0.1, true],
      ['re-enrol', 'accepted', 1.5, true],
    ]);
  });

  test.each([
    ['approve_without_face_match', 'check-failed', true],
    ['abandon', 'abandoned', false],
    ['expire', 'expired', false],
    ['not_finished', 'not-finished', false],
  ])('%s is written as %s, billed: %s', async (scenario, outcome, billed) => {
    const { name } = await somebody();
    const [line] = await added(async () => {
      const begun = await login(name);
      await showFace(world, begun, { scenario });
      await until('the end', async () => (await linesOf(world)).at(-1)?.outcome !== null);
      await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
    });
    expect(line).toMatchObject({ outcome, billed });
  });

  test('given up before the camera is free', async () => {
    const { name } = await somebody();
    const [line] = await added(async () => {
      const begun = await login(name);
      expect((await linesOf(world)).at(-1)).toMatchObject({ outcome: null, billed: false });
      await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
    });
    expect(line).toMatchObject({ outcome: 'dropped', billed: false });
  });

  test('a review that took too long is billed all the same: its checks have run', async () => {
    const { name } = await somebody();
    const [line] = await added(async () => {
      const begun = await login(name);
      await showFace(world, begun, { scenario: 'in_review' });
      const held = await awaitPage(world, begun, 'the hold', (page) => /data-state="in-review"/.test(page.text));
      await giveUp(world, begun.browser, held);
    });
    expect(line).toMatchObject({ outcome: 'in-review', billed: true });
  });

  test('a selfie that was shown after the sign-in was given up is billed, and lets nobody in', async () => {
    const { name } = await somebody();
    const [line] = await added(async () => {
      const begun = await login(name);
      world.sandbox.fault('delete', { status: 503, times: null });
      await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
      await showFace(world, begun);
      await until('the bill', async () => (await linesOf(world)).at(-1)?.billed);
    });
    expect(line).toMatchObject({ outcome: 'approved', billed: true });
  });

  test('a verdict that turns is the last word, and stays billed once', async () => {
    const { name } = await somebody();
    const spent = (await seriesOf(world))('selfie_oidc_spent_total{reason="login"}');
    const [line] = await added(async () => {
      const begun = await login(name);
      await showFace(world, begun);
      await world.finish(begun);
      world.clock.move(5);
      await world.sandbox.review(begun.sessionId, 'Declined');
      await until('the last word', async () => (await linesOf(world)).at(-1)?.outcome === 'declined');
    });
    expect(line).toMatchObject({ outcome: 'declined', billed: true });
    expect(cents((await seriesOf(world))('selfie_oidc_spent_total{reason="login"}') - spent)).toBe(10);
  });

  test('what the vendor refused to open is no line', async () => {
    const { name } = await somebody();
    const lines = await added(async () => {
      world.sandbox.fault('create', { status: 400, variant: 'credits' });
      expect((await login(name)).page.status).toBe(503);
      world.sandbox.fault('create', { status: 403 });
      expect((await login(name)).page.status).toBe(503);
    });
    expect(lines).toEqual([]);
  });

  test('a known device pays nothing, and what that saved is counted once a login', async () => {
    const { device } = await somebody();
    const before = { ...(await world.app.parts.ledger.savings()), series: await seriesOf(world) };
    const lines = await added(async () => {
      const begun = await world.begin(device, undefined);
      const page = await device.follow(begun.page, (to) => to.startsWith(world.redirectUri));
      expect(answerOf(world, page).has('code')).toBe(true);
    });
    expect(lines).toEqual([]);
    const after = await world.app.parts.ledger.savings();
    expect(after.skipped - before.skipped).toBe(1);
    expect(cents(Number(after.saved) - Number(before.saved))).toBe(10);
    const saved = (await seriesOf(world))('selfie_oidc_saved_total') - before.series('selfie_oidc_saved_total');
    expect(cents(saved)).toBe(10);
  });

  test('the command line, the metrics and the lines agree', async () => {
    const lines = await linesOf(world);
    const printed = await here(['costs', '--json'], place);
    expect(printed.json()).toEqual(lines);
    const billed = lines.filter((line) => line.billed).reduce((sum, line) => sum + Number(line.price), 0);
    const summary = (await here(['costs', '--json', '--summary'], place)).json();
    const saved = summary.at(-1);
    const sums = summary.slice(0, -1);
    const add = (field: string) => sums.reduce((total, sum) => total + Number(sum[field]), 0);
    expect([add('opened'), cents(add('price'))]).toEqual([lines.length, cents(billed)]);
    expect(add('billed')).toBe(lines.filter((line) => line.billed).length);
    expect(add('free')).toBe(lines.filter((line) => !line.billed && line.outcome !== null).length);
    const kept = await world.app.parts.ledger.savings();
    expect([saved?.skipped, cents(Number(saved?.saved))]).toEqual([kept.skipped, cents(Number(kept.saved))]);
    expect((await here(['costs'], place)).out).toContain((Math.round(billed * 100) / 100).toFixed(2));
    const series = await seriesOf(world);
    for (const reason of ['login', 'enrol'])
      expect(series(`selfie_oidc_verifications_total{reason="${reason}",outcome="opened"}`)).toBeGreaterThan(0);
    const spent = ['login', 'enrol', 're-enrol'].map((reason) => series(`selfie_oidc_spent_total{reason="${reason}"}`));
    expect(cents(spent.reduce((sum, each) => sum + each, 0))).toBe(cents(billed));
  });

  test('T18: no line names anybody', async () => {
    const { out } = await here(['costs', '--json'], place);
    for (const personal of ['payer-', '127.0.0.1', '@']) expect(out).not.toContain(personal);
  });
});

describe('the soft edge of the day', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      policy: { ...UNLIMITED, costs: { ...PRICES, pricePerEnrolment: 1, dailySoft: 3, dailyHard: 100 } },
    });
    // a day is one of the calendar, in UTC: all that follows is to lie at the beginning of one
    world.clock.move(DAY - (world.clock.now() % DAY));
  });
  afterAll(() => world.close());

  const told = () => world.log.filter((line) => line.includes('soft edge')).length;

  test('tells the operator once a day, in log and journal, however many come at once, and stops nobody', async () => {
    for (let at = 0; at < 3; at += 1) await world.begin(new Browser(), `early-${at}`);
    expect([told(), await eventsOf(world, 'budget.soft-edge')]).toEqual([0, []]);
    const all = await Promise.all(Array.from({ length: 10 }, (_, at) => world.begin(new Browser(), `soft-${at}`)));
    expect(all.map(({ page }) => page.status)).toEqual(all.map(() => 303));
    expect(told()).toBe(1);
    expect(await eventsOf(world, 'budget.soft-edge')).toHaveLength(1);
    world.clock.move(DAY + 1);
    for (let at = 0; at < 3; at += 1) await world.begin(new Browser(), `next-${at}`);
    expect(told()).toBe(1);
    await world.begin(new Browser(), 'next-over');
    expect(told()).toBe(2);
    expect(await eventsOf(world, 'budget.soft-edge')).toHaveLength(2);
  });
});

describe('the hard edge of the day', () => {
  const client = {
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1:9/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  };
  let world: World;
  beforeAll(async () => {
    const general = {
      rules: ADAPTIVE.rules.filter(({ asks }) => asks !== 'skip'),
      crossDevice: 'confirm' as const,
      verdict: { refuseWarnings: [] },
    };
    world = await startWorld({
      storage: 'sqlite',
      clients: [
        { ...client, client_id: 'app', client_name: 'Example App' },
        { ...client, client_id: 'selfies', client_name: 'Selfies Only' },
      ],
      policy: {
        ...UNLIMITED,
        otherWays: ['recovery_code'],
        clients: { selfies: { ...general, otherWays: [] } },
        // two enrolments before the test, then ten more: not a hundredth is left over
        costs: { pricePerVerification: 0.1, pricePerEnrolment: 0.3, dailyHard: 3.6 },
      },
    });
    world.clock.move(DAY - (world.clock.now() % DAY));
  });
  afterAll(() => world.close());
  afterEach(() => {
    world.sandbox.clearFaults();
  });

  let alice: Browser;
  let aliceId = '';

  test('T17: of fifty starts at once as many are opened as the budget pays for, and not one more', async () => {
    const { browser, tokens } = await world.enrol('alice');
    alice = withoutSession(browser);
    aliceId = String(tokens.claims()?.sub);
    await world.enrol('bob');
    const before = creates(world);
    const all = await Promise.all(Array.from({ length: 50 }, (_, at) => world.begin(new Browser(), `many-${at}`)));
    expect(all.filter(({ page }) => page.status === 303)).toHaveLength(10);
    expect(all.filter(({ page }) => page.status === 429)).toHaveLength(40);
    expect(creates(world) - before).toBe(10);
    expect(await linesOf(world)).toHaveLength(12);
    // told once, not forty times
    expect((await eventsOf(world, 'login.limited')).filter((reasons) => reasons === 'budget')).toHaveLength(1);
    expect(world.log.filter((line) => line.includes("the day's budget is spent"))).toHaveLength(1);
  });

  test('T17: a page says so, with a time, and the other ways of the policy; the known device meets it too', async () => {
    const { page, browser } = await world.begin(alice, undefined);
    expect(page.status).toBe(429);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(buttonsOf(page)).toEqual(expect.arrayContaining(['begin=other', 'abort=yes']));
    expect(wordsOf(page)).not.toMatch(/budget|money|cost|price/i);
    const other = await world.begin(new Browser(), 'bob', {}, 'selfies');
    expect(buttonsOf(other.page)).not.toContain('begin=other');
    expect((await giveUp(world, other.browser, other.page)).get('error')).toBe('temporarily_unavailable');
    expect((await giveUp(world, browser, page)).get('error')).toBe('temporarily_unavailable');
  });

  test('T16: who takes another way gets in, and costs nothing', async () => {
    const code = 'a-code-of-support';
    const now = world.clock.now();
    await world.app.parts.recovery.create(code, {
      accountId: aliceId,
      createdAt: now,
      expiresAt: now + 600,
      reason: 'test',
      by: 'operator',
      needsApproval: false,
    });
    const before = creates(world);
    const { browser, page } = await world.begin(new Browser(), 'alice');
    const ways = await browser.follow(await browser.press(page, { name: 'begin', value: 'other' }));
    expect(buttonsOf(ways)).toContain('way=recovery_code');
    const done = await pressOn(world, browser, ways, { name: 'way', value: 'recovery_code' }, { code });
    expect(answerOf(world, done).get('code')).not.toBeNull();
    expect(creates(world)).toBe(before);
    expect(await linesOf(world)).toHaveLength(12);
  });

  test('R6: it survives a restart', async () => {
    await world.restart();
    expect((await world.begin(new Browser(), 'alice')).page.status).toBe(429);
    expect((await world.begin(new Browser(), 'newcomer')).page.status).toBe(429);
  });

  test('T17: the next day works again, and what the vendor refused to open is given back', async () => {
    world.clock.move(DAY + 1);
    for (let times = 0; times < 20; times += 1) {
      world.sandbox.fault('create', { status: 403 });
      const { page } = await world.begin(new Browser(), 'alice');
      expect(page.status).toBe(503);
    }
    // all of it is there: twelve enrolments of 0.3
    const all = await Promise.all(Array.from({ length: 20 }, (_, at) => world.begin(new Browser(), `tomorrow-${at}`)));
    expect(all.filter(({ page }) => page.status === 303)).toHaveLength(12);
  });

  test('T17: what is cheaper still fits into what is left; a lapse gives nothing back', async () => {
    world.clock.move(DAY + 1);
    // 3.6 is eleven enrolments and three selfies
    const opened: Begun[] = [];
    for (let at = 0; at < 11; at += 1) opened.push(await world.begin(new Browser(), `cheap-${at}`));
    expect(opened.map(({ page }) => page.status)).toEqual(opened.map(() => 303));
    const [first] = opened;
    if (first) await giveUp(world, first.browser, await visit(world, first, '/waiting'));
    const own = await world.begin(alice, undefined, { prompt: 'login' });
    expect(own.page.status).toBe(303);
    await showFace(world, own);
    expect((await comeBack(world, own)).headers.get('location')).toContain('code=');
    // what does not fit takes nothing away from what does
    for (let times = 0; times < 5; times += 1)
      expect((await world.begin(new Browser(), `too-dear-${times}`)).page.status).toBe(429);
    const again: number[] = [];
    for (let times = 0; times < 3; times += 1) {
      const begun = await world.begin(new Browser(), 'bob', { prompt: 'login' });
      again.push(begun.page.status);
      if (begun.page.status === 303) await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
    }
    expect(again).toEqual([303, 303, 429]);
  });

  test('T18: the journal of all this is whole, and names nobody', async () => {
    expect(await world.app.parts.journal.verify()).toMatchObject({ ok: true });
    const lines: string[] = [];
    for await (const line of world.app.parts.journal.entries()) lines.push(JSON.stringify(line));
    for (const personal of ['alice', 'many-', 'tomorrow', '127.0.0.1', 'a-code']) {
      expect(lines.join('\n')).not.toContain(personal);
    }
  });
});
