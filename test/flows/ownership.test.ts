import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { removeAccount } from '../../src/admin/remove-account.ts';
import { demandReEnrolment } from '../../src/admin/set-standing.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { Browser, buttonsOf, DESKTOP_CHROME, fieldsOf, hiddenOf, PHONE_SAFARI, wordsOf } from '../support/browser.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  creates,
  giveUp,
  isAtClient,
  pressOn,
  returnUrl,
  showFace,
  until,
  visit,
  withoutSession,
} from '../support/story.ts';
import { exchange, startWorld, UNLIMITED, type World } from '../support/world.ts';

let world: World;
let alice: Browser;

beforeAll(async () => {
  world = await startWorld({
    policy: UNLIMITED,
  });
  alice = (await world.enrol('alice')).browser;
});
afterAll(() => world.close());

let people = 0;
/** Somebody enrolled, so that no test stands in another's way. */
async function somebody(): Promise<{ name: string; device: Browser }> {
  people += 1;
  const name = `person-${people}`;
  const { browser } = await world.enrol(name);
  return { name, device: withoutSession(browser) };
}

test('R6: an opening that died with its process holds up the next press for seconds, not for half a minute', async () => {
  const { name } = await somebody();
  const { store } = world.app.parts as { store: Pick<typeof world.app.parts.store, 'update'> };
  const { update } = store;
  // whoever is dead gives nothing back
  store.update = async (key, ...rest) => (key.startsWith('opening:') ? (false as never) : update(key, ...rest));
  world.sandbox.fault('create', { status: 402 });
  const browser = new Browser();
  const begun = await world.begin(browser, name);
  expect([begun.page.status, begun.sessionId]).toEqual([503, '']);
  const page = () => visit(world, begun, '');
  const tooSoon = await pressOn(world, browser, await page(), { name: 'begin', value: 'here' });
  expect(tooSoon.headers.get('location')).toBeNull();
  expect(wordsOf(tooSoon)).toContain('your sign-in is being started');
  world.clock.move(6);
  store.update = update;
  const led = await pressOn(world, browser, await page(), { name: 'begin', value: 'here' });
  expect(led.headers.get('location')).toContain(world.sandbox.url);
});

test('two openings of one attempt, as the process of the first stood still: one session, and the way back leads on', async () => {
  const { name } = await somebody();
  const { store, ledger, attempts } = world.app.parts as {
    store: Pick<typeof world.app.parts.store, 'update'>;
    ledger: { open: typeof world.app.parts.ledger.open };
    attempts: typeof world.app.parts.attempts;
  };
  const { update } = store;
  const { open } = ledger;
  const stoodStill = Promise.withResolvers<string>();
  const goesOn = Promise.withResolvers<void>();
  // its lease is not renewed
  store.update = async (key, ...rest) => (key.startsWith('opening:') ? (false as never) : update(key, ...rest));
  ledger.open = async (entry) => {
    ledger.open = open;
    stoodStill.resolve(entry.verificationId);
    await goesOn.promise;
    return open(entry);
  };
  const browser = new Browser();
  const first = world.begin(browser, name);
  const sessionId = await stoodStill.promise;
  world.clock.move(6);
  const begun = { browser, uid: (await attempts.ownerOf(sessionId)) ?? '', sessionId } as Awaited<typeof first>;
  const second = await pressOn(world, browser, await visit(world, begun, ''), { name: 'begin', value: 'here' });
  expect(second.headers.get('location')).toContain(world.sandbox.url);
  goesOn.resolve();
  const { request } = await first;
  store.update = update;
  const planned: string[] = [];
  for await (const page of world.app.parts.backend.bulk.jobs()) planned.push(...page.map(({ kind }) => kind));
  expect(planned).not.toContain('delete');
  expect(world.sandbox.session(sessionId).deleted).toBe(false);
  await showFace(world, begun);
  expect((await world.finish({ ...begun, request })).claims()?.sub).toBeDefined();
});

describe('one owner (invariant 2)', () => {
  test('T1: the account is claimed before the vendor is asked: the second browser hears 409 and the first goes on', async () => {
    const { name } = await somebody();
    const victim = await world.begin(new Browser(), name);
    const callback = world.sandbox.session(victim.sessionId).callback;
    const before = creates(world);
    const attacker = await world.begin(new Browser(), name);
    expect(attacker.page.status).toBe(409);
    const retryAfter = Number(attacker.page.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(180);
    expect(buttonsOf(attacker.page)).toContain('abort=yes');
    expect(creates(world)).toBe(before);
    expect(world.sandbox.session(victim.sessionId).callback).toBe(callback);

    await showFace(world, victim);
    expect((await world.finish(victim)).claims()?.sub).toBeDefined();
    const none = await visit(world, attacker, '/finish', attacker.browser);
    expect(isAtClient(world, none)).toBe(false);
    expect((await giveUp(world, attacker.browser, attacker.page)).get('error')).toBe('access_denied');
  });

  test('T1: an enrolment claims its identifier as a login claims its account', async () => {
    const first = await world.begin(new Browser(), 'new-name');
    const second = await world.begin(new Browser(), 'NEW-name');
    expect(second.page.status).toBe(409);
    await showFace(world, first);
    expect((await world.finish(first)).id_token).toBeDefined();
  });

  test('T1: an unknown device may be contested after 180 s; its session is deleted and another made', async () => {
    const { name } = await somebody();
    const first = await world.begin(new Browser(), name);
    // the clock itself goes on as well, on a busy machine by some seconds
    world.clock.move(170);
    expect((await world.begin(new Browser(), name)).page.status).toBe(409);
    world.clock.move(11);
    const second = await world.begin(new Browser(), name);
    expect(second.sessionId).not.toBe('');
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(world.sandbox.session(first.sessionId).deleted).toBe(true);
    // the hosted page of the loser, approved all the same: a delivery that was queued before the deletion
    await showFace(world, first);
    const page = await comeBack(world, first);
    expect(page.status).toBe(410);
    expect(wordsOf(page)).toContain('newer');
    expect((await giveUp(world, first.browser, page)).get('error')).toBe('access_denied');
    await showFace(world, second);
    expect((await world.finish(second)).id_token).toBeDefined();
  });

  test('T17: a known device pre-empts an unknown one at once, and is pre-empted by none', async () => {
    const { name, device } = await somebody();
    const attacker = await world.begin(new Browser(), name);
    expect(attacker.sessionId).not.toBe('');
    const owner = await world.begin(device, undefined);
    expect(owner.sessionId).not.toBe('');
    expect(world.sandbox.session(attacker.sessionId).deleted).toBe(true);
    world.clock.move(200);
    const again = await world.begin(new Browser(), name);
    expect(again.page.status).toBe(409);
    // the owner's attempt lapses in 400 s, not when the interaction does
    expect(Number(again.page.headers.get('retry-after'))).toBeLessThanOrEqual(400);
    await showFace(world, owner);
    expect((await world.finish(owner)).id_token).toBeDefined();
  });

  test('T17: within one browser the newest attempt wins, and the older tab says so', async () => {
    const { name } = await somebody();
    const browser = new Browser();
    const older = await world.begin(browser, name);
    const newer = await world.begin(browser, name);
    expect(newer.sessionId).not.toBe(older.sessionId);
    expect(world.sandbox.session(older.sessionId).deleted).toBe(true);
    expect((await visit(world, older, '/waiting')).status).toBe(410);
    await showFace(world, newer);
    expect((await world.finish(newer)).id_token).toBeDefined();
  });

  test('T1: a copied browser cookie is needed to pass for the same browser: a guessed or empty one is another browser', async () => {
    const { name } = await somebody();
    await world.begin(new Browser(), name);
    for (const value of ['', 'x', 'AAAAAAAAAAAAAAAAAAAAAA']) {
      const attacker = new Browser();
      attacker.setCookie({ name: 'selfie_browser', value, path: '/', host: new URL(world.issuer).host });
      expect((await world.begin(attacker, name)).page.status).toBe(409);
    }
  });

  test('T1: an id that had another owner is burnt: 409, and its verdict counts for neither', async () => {
    const { name } = await somebody();
    const first = await world.begin(new Browser(), name);
    world.clock.move(181);
    const disarm = world.sandbox.fault('delete', { status: 500, times: null });
    // the vendor did not delete, so its create hands the old session out again, with our new callback
    const second = await world.begin(new Browser(), name);
    expect(second.page.status).toBe(409);
    expect(world.sandbox.session(first.sessionId).deleted).toBe(false);
    disarm();
    world.sandbox.clearFaults();
    await showFace(world, first);
    await world.sandbox.idle();
    // the vendor sends the first browser to the second's address now: a stranger there
    expect((await comeBack(world, first)).status).toBe(403);
    expect((await visit(world, first, '/waiting')).status).toBe(410);
    const onward = await visit(world, second, '/finish');
    expect(isAtClient(world, onward)).toBe(false);
    // once it is gone the same page leads on
    const retried = await until('a new session', async () => {
      const page = await pressOn(world, second.browser, await visit(world, second, ''), {
        name: 'begin',
        value: 'here',
      });
      return page.headers.get('location')?.startsWith(world.sandbox.url) && page;
    });
    const session = world.sandbox.sessions().find(({ url }) => url === retried.headers.get('location'));
    expect(session?.id).not.toBe(first.sessionId);
    const again = { ...second, sessionId: session?.id ?? '' };
    await showFace(world, again);
    expect((await world.finish(again)).id_token).toBeDefined();
  });

  test('T12: given up, the session is deleted, a late approval has no effect, and a new start works at once', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    const waiting = await visit(world, begun, '/waiting');
    expect((await giveUp(world, begun.browser, waiting)).get('error')).toBe('access_denied');
    expect(world.sandbox.session(begun.sessionId).deleted).toBe(true);
    await showFace(world, begun);
    expect((await comeBack(world, begun)).status).toBe(410);
    expect((await visit(world, begun, '/waiting')).status).toBe(410);
    const again = await world.begin(begun.browser, name);
    expect(again.sessionId).not.toBe('');
    expect(again.sessionId).not.toBe(begun.sessionId);
    await showFace(world, again);
    expect((await world.finish(again)).id_token).toBeDefined();
  });

  test('T12: a lapsed attempt says 410 with a way on, its session is deleted, and an approval then opens nothing', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    world.clock.move(601);
    expect((await visit(world, begun, '/waiting')).status).toBe(410);
    await until('the deletion', () => world.sandbox.session(begun.sessionId).deleted);
    await showFace(world, begun);
    await world.sandbox.idle();
    const page = await visit(world, begun, '/finish');
    expect(page.status).toBe(410);
    expect((await giveUp(world, begun.browser, page)).get('error')).toBe('access_denied');
  });

  describe('R6: what an end that was interrupted has left behind', () => {
    afterEach(() => {
      jest.restoreAllMocks();
    });

    /** Given up, and the storage is away once the attempt is over, before anything is cleaned up. */
    async function giveUpInVain() {
      const { name } = await somebody();
      const begun = await world.begin(new Browser(), name);
      const waiting = await visit(world, begun, '/waiting');
      jest.spyOn(world.app.parts.attempts, 'letGo').mockRejectedValueOnce(new StorageUnavailable('away'));
      expect((await begun.browser.press(waiting, 'abort')).status).toBe(503);
      expect(world.sandbox.session(begun.sessionId).deleted).toBe(false);
      return { name, begun, waiting };
    }

    async function expectFreeFor(name: string): Promise<void> {
      expect((await world.begin(new Browser(), name)).sessionId).not.toBe('');
    }

    test('is cleaned up when it is given up again', async () => {
      const { name, begun, waiting } = await giveUpInVain();
      expect((await giveUp(world, begun.browser, waiting)).get('error')).toBe('access_denied');
      expect(world.sandbox.session(begun.sessionId).deleted).toBe(true);
      await expectFreeFor(name);
    });

    test('is cleaned up when it would have lapsed, though nobody comes back', async () => {
      const { name, begun } = await giveUpInVain();
      world.clock.move(601);
      await until('the deletion', () => world.sandbox.session(begun.sessionId).deleted);
      await expectFreeFor(name);
    });
  });

  test('T14: a face that is to be proven anew by a document ends no login that was begun before', async () => {
    const { name } = await somebody();
    const { accounts, attempts, clock, journal } = world.app.parts;
    const begun = await world.begin(new Browser(), name);
    await demandReEnrolment({ accounts, journal, clock }, String((await accounts.findByIdentifier(name))?.id));
    await showFace(world, begun);
    const page = await comeBack(world, begun);
    expect([page.status, isAtClient(world, page)]).toEqual([410, false]);
    expect((await attempts.find(begun.uid))?.endReason).toBe('refused');
  });

  test('T18: a login that goes on after its account was deleted sends nothing more of its person to the vendor', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    const page = await awaitPage(world, begun, 'another try', (each) => buttonsOf(each).includes('begin=here'));
    const { parts, revoker } = world.app;
    const id = String((await parts.accounts.findByIdentifier(name))?.id);
    await removeAccount({ ...parts, jobs: parts.backend.jobs, revoker }, id, 'person');
    const before = creates(world);
    const pressed = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
    expect([pressed.status, pressed.headers.get('location')]).toEqual([410, null]);
    expect(creates(world)).toBe(before);
  });

  test('T8: a login that could not be noted with what it rests on leaves no session, and no code', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    const { store } = world.app.parts;
    const { set } = store;
    jest
      .spyOn(store, 'set')
      .mockImplementation((key, ...rest) =>
        key.startsWith('allowed:') ? Promise.reject(new StorageUnavailable('away')) : set(key, ...rest),
      );
    const page = await comeBack(world, begun);
    expect([page.status, page.headers.get('location')]).toEqual([503, null]);
    expect(begun.browser.cookies().map((cookie) => cookie.name)).not.toContain('_session');
    jest.restoreAllMocks();
    const request = await world.authorize({ prompt: 'none' });
    const silent = await begun.browser.get(request.url, (url) => url.startsWith(world.redirectUri));
    expect(answerOf(world, silent).get('error')).toBe('login_required');
  });

  test('R6: an attempt whose end could not be planned is pressed on with, and lapses like any other', async () => {
    const { name } = await somebody();
    const { jobs } = world.app.parts.backend;
    const { schedule } = jobs;
    jobs.schedule = (job) => {
      if (job.kind !== 'lapse') return schedule(job);
      jobs.schedule = schedule;
      return Promise.reject(new StorageUnavailable('away'));
    };
    const browser = new Browser();
    const first = await browser.get((await world.authorize()).url);
    const begin = () =>
      pressOn(world, browser, first, { name: 'begin', value: 'here' }, { identifier: name, biometric_consent: 'yes' });
    expect((await begin()).status).toBe(503);
    const location = (await begin()).headers.get('location');
    const session = world.sandbox.sessions().find(({ url }) => url === location);
    world.clock.move(601);
    await until('the deletion', () => world.sandbox.session(String(session?.id)).deleted);
  });
});

describe('only the browser that began can finish (invariant 1)', () => {
  test('T3: a copied uid, session id or address leads nowhere in another browser, and the first one still finishes', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    const other = new Browser();
    for (const path of [
      '',
      '/waiting',
      '/events',
      '/finish',
      `/return/${begun.sessionId}`,
      '/return/AAAAAAAAAAAAAAAAAAAAAA',
    ]) {
      const page = await visit(world, begun, path, other);
      expect([path, page.status]).toEqual([path, 403]);
      expect(page.text).not.toMatch(/data-number|name="number"/);
      expect(page.text).not.toContain(name);
    }
    for (const path of ['/begin', '/confirm', '/abort', '/consent', '/deny']) {
      const page = await other.request(`${world.issuer}/interaction/${begun.uid}${path}`, {
        form: { number: '000000' },
      });
      expect([path, page.status]).toEqual([path, 403]);
    }
    const resume = await other.get(`${world.issuer}/auth/${begun.uid}`);
    expect(resume.status).toBeGreaterThanOrEqual(400);
    expect((await world.finish(begun)).id_token).toBeDefined();
  });

  test('T3: the interaction cookie of one login does not open another', async () => {
    const one = await world.begin(new Browser(), (await somebody()).name);
    const thief = await world.begin(new Browser(), (await somebody()).name);
    await showFace(world, one);
    const cookie = thief.browser
      .cookies()
      .find((each) => each.name.includes('interaction') && !each.name.endsWith('.sig'));
    const signature = thief.browser.cookies().find((each) => each.name === `${cookie?.name}.sig`);
    for (const each of [cookie, signature]) {
      if (each) thief.browser.setCookie({ ...each, path: `/interaction/${one.uid}` });
    }
    expect((await visit(world, one, '/finish', thief.browser)).status).toBe(403);
    if (cookie) thief.browser.setCookie({ ...cookie, value: one.uid, path: `/interaction/${one.uid}` });
    expect((await visit(world, one, '/finish', thief.browser)).status).toBe(403);
    expect((await world.finish(one)).id_token).toBeDefined();
  });

  test('T3: the cookies of a login are HttpOnly and bound to its path', async () => {
    const { url } = await world.authorize();
    const response = await new Browser().request(url);
    const lines = response.headers.getSetCookie();
    const uid = /\/interaction\/([^/?]+)/.exec(response.headers.get('location') ?? '')?.[1];
    const ofInteraction = lines.filter((line) => line.startsWith('_interaction='));
    const ofResume = lines.filter((line) => line.startsWith('_interaction_resume='));
    expect(ofInteraction).toHaveLength(1);
    expect(ofInteraction[0]).toContain(`path=/interaction/${uid}`);
    expect(ofResume[0]).toContain(`path=/auth/${uid}`);
    for (const line of lines) expect(line.toLowerCase()).toContain('httponly');
  });

  test('T4: what the browser says at the callback is never a verdict', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await world.sandbox.open(begun.sessionId, { userAgent: begun.browser.userAgent });
    const at = new URL(String(world.sandbox.session(begun.sessionId).callback));
    for (const status of ['Approved', 'approved', 'Declined', 'In Review', '']) {
      at.search = new URLSearchParams({ verificationSessionId: begun.sessionId, status }).toString();
      const page = await begun.browser.get(at);
      expect([page.status, page.url]).toEqual([200, `${world.issuer}/interaction/${begun.uid}/waiting`]);
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    }
    // a second question mark, another session named, a path of its own: all the same
    await begun.browser.get(
      `${at.origin}${at.pathname}?x=1?verificationSessionId=${alice.userAgent.length}&status=Declined`,
    );
    await world.sandbox.settle(begun.sessionId, 'approve');
    expect((await world.finish(begun)).id_token).toBeDefined();
  });

  test('T13: a used verdict gives one code: finishing again, and again at once, gives no other', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    await awaitPage(world, begun, 'the end', (page) => isAtClient(world, page) || page.status !== 200);
    const again = await visit(world, begun, '/finish');
    expect(again.status).toBe(410);
    expect((await begun.browser.get(`${world.issuer}/auth/${begun.uid}`)).status).toBe(400);
  });

  test('T13: ten finishes at the same moment give exactly one code', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    await begun.browser.request(returnUrl(world, begun));
    const verified = async () =>
      (await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/waiting`)).status === 303;
    await until('the verdict', verified);
    const pages = await Promise.all(Array.from({ length: 10 }, () => visit(world, begun, '/finish')));
    const codes = pages.filter((page) => isAtClient(world, page)).map((page) => answerOf(world, page).get('code'));
    expect(codes.filter((code) => code !== null)).toHaveLength(1);
    expect(pages.filter((page) => page.status >= 500)).toEqual([]);
    const tokens = await exchange(
      await world.client(),
      begun.request,
      String(pages.find((page) => isAtClient(world, page))?.headers.get('location')),
    );
    expect(tokens.id_token).toBeDefined();
  });

  test('T13: ten ways back to the client at the same moment give exactly one code', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    await until('the finish', async () => {
      const page = await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/finish`);
      return page.headers.get('location')?.includes('/auth/');
    });
    const resumed = await Promise.all(
      Array.from({ length: 10 }, () => begun.browser.request(`${world.issuer}/auth/${begun.uid}`)),
    );
    const codes = resumed.filter((page) => isAtClient(world, page)).map((page) => answerOf(world, page).get('code'));
    expect(codes.filter((code) => code !== null)).toHaveLength(1);
    expect(resumed.filter((page) => page.status >= 500)).toEqual([]);
  });

  test.each([{ prompt: 'login' }, { max_age: '0' }])(
    'T13: %j takes a new selfie each time, with its own time',
    async (asked) => {
      const { name, device } = await somebody();
      const signedIn = new Browser();
      for (const cookie of device.cookies()) signedIn.setCookie(cookie);
      const once = await world.begin(signedIn, name, asked);
      await showFace(world, once);
      const first = (await world.finish(once)).claims();
      world.clock.move(30);
      const twice = await world.begin(signedIn, undefined, asked);
      expect(twice.sessionId).not.toBe('');
      expect(twice.sessionId).not.toBe(once.sessionId);
      const startedAt = world.clock.now();
      await showFace(world, twice);
      const second = (await world.finish(twice)).claims();
      expect(second?.sub).toBe(first?.sub);
      expect(Number(second?.auth_time)).toBeGreaterThanOrEqual(startedAt - 1);
      expect(Number(second?.auth_time)).toBeLessThanOrEqual(world.clock.now());
    },
  );
});

describe('who is claimed is fixed before the selfie (invariant 6)', () => {
  test('T11: what is typed or posted later changes nothing', async () => {
    const { name } = await somebody();
    const other = await somebody();
    const begun = await world.begin(new Browser(), name);
    const waiting = await visit(world, begun, '/waiting');
    const before = creates(world);
    const page = await begun.browser.press(
      waiting,
      { name: 'begin', value: 'here' },
      {
        identifier: other.name,
        login_hint: other.name,
        accountId: 'x',
        switch_account: '',
      },
    );
    expect(page.status).toBeLessThan(400);
    expect(creates(world)).toBe(before);
    await showFace(world, begun);
    const tokens = await world.finish(begun);
    const info = await (
      await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    ).json();
    expect(info).toMatchObject({ preferred_username: name });
  });

  test('T21: parameters added to the pages of a login change neither client, nor person, nor strength', async () => {
    const { name } = await somebody();
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    const extra =
      '?client_id=other&redirect_uri=https://evil.example/cb&acr_values=urn:selfie-oidc:acr:selfie-device&login_hint=alice&scope=email&uid=x';
    const page = await until('the verdict', async () => {
      const current = await visit(world, begun, `/finish${extra}`);
      return isAtClient(world, current) && current;
    });
    const tokens = await exchange(await world.client(), begun.request, String(page.headers.get('location')));
    expect(tokens.claims()).toMatchObject({ acr: 'urn:selfie-oidc:acr:selfie' });
  });

  test.each(['аlice', 'ali\u200bce', 'alice\ufe0f', 'alice smith', ''])(
    'T11: the look-alike %j is refused before anything is opened',
    async (name) => {
      const before = creates(world);
      const { page } = await world.begin(new Browser(), name);
      expect(page.status).toBe(422);
      expect(fieldsOf(page)).toContain('identifier');
      expect(creates(world)).toBe(before);
    },
  );

  test.each(['ALICE', 'ａｌｉｃｅ', ' alice '])('T11: %j is alice, and no second account', async (spelling) => {
    const begun = await world.begin(new Browser(), spelling);
    expect(world.sandbox.session(begun.sessionId).kind).toBe('passive');
    await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
  });

  test('T11: two tabs of one browser for two people end as two people, each by their own face', async () => {
    const [one, two] = [await somebody(), await somebody()];
    const browser = new Browser();
    const first = await world.begin(browser, one.name);
    const second = await world.begin(browser, two.name, { prompt: 'login' });
    await showFace(world, second);
    const secondSub = (await world.finish(second)).claims()?.sub;
    await showFace(world, first);
    // the session made in the other tab answers the first request, or its own face does: never the other's name by this face
    const page = await comeBack(world, first);
    const tokens = await exchange(await world.client(), first.request, String(page.headers.get('location')));
    const info = (await (
      await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    ).json()) as { sub: string; preferred_username: string };
    expect(info.preferred_username).toBe(info.sub === secondSub ? two.name : one.name);
  });
});

describe('races', () => {
  /** The vendor's answer to the next create is held back until it is let through. */
  function holdCreate(): () => void {
    const { vendor } = world.app.parts as {
      vendor: { openVerification: typeof world.app.parts.vendor.openVerification };
    };
    const { openVerification } = vendor;
    const held = Promise.withResolvers<void>();
    vendor.openVerification = async (...asked) => {
      vendor.openVerification = openVerification;
      const opened = await openVerification(...asked);
      await held.promise;
      return opened;
    };
    return held.resolve;
  }

  /** The button is pressed, the vendor has made a session for it, and its answer is held back until it is let through. */
  async function pressAndHold(browser: Browser, name: string) {
    const first = await browser.get((await world.authorize()).url);
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    world.sandbox.clearCalls();
    const letThrough = holdCreate();
    const begin = { name: 'begin', value: 'here' };
    const pressing = browser.press(first, begin, { identifier: name, biometric_consent: 'yes' });
    await until('the create', () => world.sandbox.calls().some(({ call }) => call === 'create'));
    return { first, uid, pressing, letThrough };
  }

  test('T11, T17: a form that is sent slowly claims nobody else beside the one who was begun for', async () => {
    const [alice, bob] = [await somebody(), await somebody()];
    const browser = new Browser();
    const first = await browser.get((await world.authorize()).url);
    const begin = { name: 'begin', value: 'here' };
    const pressed = await browser.request(`${first.url}/begin`, {
      form: { ...hiddenOf(first), begin: 'here', identifier: bob.name, biometric_consent: 'yes', pad: 'x'.repeat(400) },
      midway: async () => {
        await browser.press(first, begin, { identifier: alice.name, biometric_consent: 'yes' });
      },
    });
    expect(pressed.status).toBe(303);
    const other = new Browser();
    const page = await other.get((await world.authorize()).url);
    expect((await other.press(page, begin, { identifier: bob.name, biometric_consent: 'yes' })).status).toBe(303);
  });

  test('T1: a double press of the button opens one session', async () => {
    const { name } = await somebody();
    const browser = new Browser();
    const request = await world.authorize();
    const first = await browser.get(request.url);
    const before = creates(world);
    const letThrough = holdCreate();
    let answered = 0;
    const pressing = Array.from({ length: 5 }, () =>
      browser
        .press(first, { name: 'begin', value: 'here' }, { identifier: name, biometric_consent: 'yes' })
        .finally(() => (answered += 1)),
    );
    await until('all but the first to be answered', () => answered === 4);
    letThrough();
    const pressed = await Promise.all(pressing);
    expect(creates(world)).toBe(before + 1);
    expect(pressed.map((page) => page.status)).toEqual([303, 303, 303, 303, 303]);
    expect(pressed.filter((page) => page.headers.get('location')?.startsWith(world.sandbox.url))).toHaveLength(1);
  });

  test('T1: fifty starts at once for one account own one session', async () => {
    const { name } = await somebody();
    const known = new Set(world.sandbox.sessions().map(({ id }) => id));
    const all = await Promise.all(Array.from({ length: 50 }, () => world.begin(new Browser(), name)));
    expect(all.filter(({ page }) => page.status === 303)).toHaveLength(1);
    expect(all.filter(({ page }) => page.status === 409)).toHaveLength(49);
    expect(world.sandbox.sessions().filter(({ id }) => !known.has(id))).toHaveLength(1);
  });

  test('T12: given up while the vendor is still asked: nothing stays open', async () => {
    const { name } = await somebody();
    const browser = new Browser();
    const { first, uid, pressing, letThrough } = await pressAndHold(browser, name);
    const given = await pressOn(world, browser, first, 'abort');
    expect(answerOf(world, given).get('error')).toBe('access_denied');
    letThrough();
    const begun = await pressing;
    expect(begun.status).toBeGreaterThanOrEqual(400);
    const session = world.sandbox.sessions().at(-1);
    await until('the deletion', () => world.sandbox.session(String(session?.id)).deleted);
    expect((await browser.get(`${world.issuer}/interaction/${uid}/finish`)).status).toBe(410);
    // and the account is free
    const next = await world.begin(new Browser(), name);
    expect(next.page.status).toBe(303);
  });

  test('T1: pre-empted while the vendor is still asked: two browsers never share a session, and the known device gets in', async () => {
    const { name, device } = await somebody();
    const attacker = new Browser();
    const { uid, pressing, letThrough } = await pressAndHold(attacker, name);
    let owner = await world.begin(device, undefined);
    letThrough();
    const lost = await pressing;
    expect(lost.headers.get('location') ?? '').not.toContain(world.sandbox.url);
    expect((await attacker.get(`${world.issuer}/interaction/${uid}/finish`)).status).toBe(410);
    // whichever answer of the vendor came first: the owner has a session, or a button that makes one
    owner = await until('a session of the owner alone', async () => {
      const session = world.sandbox.sessions().find(({ id }) => id === owner.sessionId);
      const page = await visit(world, owner, '/waiting');
      if (session && !session.deleted && page.text.includes('id="live"')) return owner;
      const next = await pressOn(world, device, page, { name: 'begin', value: 'here' });
      const opened = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
      if (opened) owner = { ...owner, sessionId: opened.id };
      return undefined;
    });
    await showFace(world, owner);
    expect((await world.finish(owner)).id_token).toBeDefined();
  });

  test('T17: of two tabs the newer one goes on, although the vendor is still asked for the older', async () => {
    const { name } = await somebody();
    const browser = new Browser();
    const { uid, pressing, letThrough } = await pressAndHold(browser, name);
    const handedOut = world.sandbox.sessions().at(-1);
    const beginning = world.begin(browser, name);
    await until('the end of the older', async () => (await world.app.parts.attempts.find(uid))?.state === 'ended');
    letThrough();
    expect((await pressing).status).toBe(410);
    const newer = await beginning;
    expect(newer.page.status).toBe(303);
    expect(newer.sessionId).not.toBe(handedOut?.id);
    expect(world.sandbox.session(String(handedOut?.id)).deleted).toBe(true);
    await showFace(world, newer);
    expect((await world.finish(newer)).id_token).toBeDefined();
  });

  test('T17: a tab that a newer one has overtaken while the vendor was asked for it asks for no further session', async () => {
    const { name } = await somebody();
    const browser = new Browser();
    const { store } = world.app.parts as { store: { get(key: string): Promise<unknown> } };
    const { get } = store;
    const begin = async () => {
      const first = await browser.get((await world.authorize()).url);
      return browser.press(first, { name: 'begin', value: 'here' }, { identifier: name, biometric_consent: 'yes' });
    };
    const before = creates(world);
    const letThrough = holdCreate();
    // as where the wait for an older one has been too long
    store.get = async (key) => (key.startsWith('opening:') ? undefined : get(key));
    const older = begin();
    await until('the first create', () => creates(world) === before + 1);
    const letSecondThrough = holdCreate();
    const second = begin();
    await until('the second create', () => creates(world) === before + 2);
    const newest = await begin();
    store.get = get;
    expect(creates(world)).toBe(before + 3);
    letSecondThrough();
    letThrough();
    expect([(await older).status, (await second).status, newest.status]).toEqual([410, 410, 303]);
    expect(creates(world)).toBe(before + 3);
  });

  test('T12: a newer tab that is given up while it waits for the older one opens nothing', async () => {
    const { name } = await somebody();
    const browser = new Browser();
    const fields = { identifier: name, biometric_consent: 'yes' };
    const first = await browser.get((await world.authorize()).url);
    const second = await browser.get((await world.authorize()).url);
    const [olderUid = '', newerUid = ''] = [first, second].map(({ url }) => /\/interaction\/([^/?]+)/.exec(url)?.[1]);
    const before = creates(world);
    const letThrough = holdCreate();
    const older = browser.press(first, { name: 'begin', value: 'here' }, fields);
    await until('the create', () => creates(world) === before + 1);
    const newer = browser.press(second, { name: 'begin', value: 'here' }, fields);
    await until('the end of the older', async () => (await world.app.parts.attempts.find(olderUid))?.state === 'ended');
    const given = await pressOn(world, browser, second, 'abort');
    expect(answerOf(world, given).get('error')).toBe('access_denied');
    letThrough();
    expect((await older).status).toBe(410);
    expect((await newer).headers.get('location') ?? '').not.toContain(world.sandbox.url);
    expect((await world.app.parts.attempts.find(newerUid))?.state).not.toBe('open');
    expect(creates(world)).toBe(before + 1);
    const handedOut = String(world.sandbox.sessions().at(-1)?.id);
    await until('the deletion', () => world.sandbox.session(handedOut).deleted);
    // and the account is free
    expect((await world.begin(new Browser(), name)).page.status).toBe(303);
  });

  test('T1: an approval that arrives while its attempt is pre-empted lets nobody in by it', async () => {
    const { name, device } = await somebody();
    const attacker = await world.begin(new Browser(), name);
    await world.sandbox.open(attacker.sessionId, { userAgent: PHONE_SAFARI });
    const [owner] = await Promise.all([
      world.begin(device, undefined),
      world.sandbox.settle(attacker.sessionId, 'approve', { capture: null }),
    ]);
    await world.sandbox.idle();
    expect(isAtClient(world, await visit(world, attacker, '/finish'))).toBe(false);
    expect((await visit(world, attacker, '/waiting')).status).toBe(410);
    await showFace(world, owner);
    expect((await world.finish(owner)).id_token).toBeDefined();
  });

  test('T15: two enrolments at once: one wins the name, the other gets no account', async () => {
    const [one, two] = await Promise.all([
      world.begin(new Browser(), 'contested'),
      world.begin(new Browser({ userAgent: DESKTOP_CHROME }), 'Contested'),
    ]);
    expect([one.page.status, two.page.status].sort()).toEqual([303, 409]);
    const winner = one.page.status === 303 ? one : two;
    const loser = winner === one ? two : one;
    // contested later, both with an accepted face: the name goes to one of them
    world.clock.move(181);
    const later = await world.begin(loser.browser, 'contested');
    await showFace(world, winner);
    await showFace(world, later);
    expect((await comeBack(world, winner)).status).toBe(410);
    expect((await world.finish(later)).id_token).toBeDefined();
  });
});
