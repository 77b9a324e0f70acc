import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as oidc from 'openid-client';
import { Browser, buttonsOf, wordsOf } from '../support/browser.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  creates,
  deliver,
  giveUp,
  isAtClient,
  openStream,
  pressOn,
  showFace,
  until,
  visit,
  withoutSession,
} from '../support/story.ts';
import {
  type Begun,
  CLIENT_SECRET,
  exchange,
  startWorld,
  type Tokens,
  UNLIMITED,
  type World,
} from '../support/world.ts';

const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';

let world: World;
let people = 0;

beforeAll(async () => {
  const client = {
    client_name: 'Example App',
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1:9/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  };
  world = await startWorld({
    clients: [
      { ...client, client_id: 'app' },
      { ...client, client_id: 'strict', minimum_acr: ACTIVE },
      { ...client, client_id: 'private', subject_type: 'pairwise' },
    ],
    policy: UNLIMITED,
  });
});
afterAll(() => world.close());
afterEach(() => {
  world.sandbox.clearFaults();
  world.sandbox.configure({ webhookMode: 'normal' });
});

async function somebody(): Promise<{ name: string; device: Browser; tokens: Tokens }> {
  people += 1;
  const name = `somebody-${people}`;
  const { browser, tokens } = await world.enrol(name);
  return { name, device: withoutSession(browser), tokens };
}

async function loginOf(name: string, params: Record<string, string> = {}, clientId = 'app'): Promise<Begun> {
  const begun = await world.begin(new Browser(), name, params, clientId);
  if (begun.sessionId === '') throw new Error(`no session: ${begun.page.status} ${wordsOf(begun.page)}`);
  return begun;
}

const isRefusal = (words: string) => /could not confirm/i.test(words);

describe('an approval that must not be believed', () => {
  const FLAWED = [
    ['T9', 'approve_without_face_match'],
    ['T9', 'approve_empty_face_match'],
    ['T9', 'approve_face_match_declined'],
    ['T9', 'approve_face_match_in_review'],
    ['T9', 'approve_face_match_not_finished'],
    ['T28', 'approve_without_liveness'],
    ['T28', 'approve_liveness_declined'],
    ['T28', 'approve_liveness_in_review'],
    ['T28', 'approve_face_in_blocklist'],
    ['T10', 'approve_other_vendor_data'],
    ['T10', 'approve_without_vendor_data'],
    ['T10', 'approve_other_workflow'],
    ['T29', 'approve_other_environment'],
  ] as const;

  test.each(FLAWED)(
    '%s: %s is as a decline: another try, no code, and the journal names the check',
    async (_threat, scenario) => {
      const { name } = await somebody();
      const begun = await loginOf(name);
      await showFace(world, begun, { scenario });
      await awaitPage(world, begun, 'the refusal', (page) => isRefusal(wordsOf(page)));
      const page = await visit(world, begun, '/finish');
      expect(isAtClient(world, page)).toBe(false);
      expect(buttonsOf(page)).toEqual(expect.arrayContaining(['begin=here', 'abort=yes']));
      // nobody is told which check it was
      expect(wordsOf(page)).not.toMatch(/blocklist|liveness|workflow|environment|match entry/i);
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('access_denied');
    },
  );

  test.each(['approve_other_session', 'translated_status', 'unknown_status', 'in_progress'])(
    'T10: %s is a hold, never a success',
    async (scenario) => {
      const { name } = await somebody();
      const begun = await loginOf(name);
      await showFace(world, begun, { scenario });
      await world.sandbox.idle();
      const page = await comeBackOnce(begun);
      expect(page.status).toBe(200);
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
      expect(buttonsOf(page)).toContain('abort=yes');
      await giveUp(world, begun.browser, page);
    },
  );

  test.each(['approve_without_document', 'approve_document_declined', 'approve_without_face_match'])(
    'T15: %s enrols nobody',
    async (scenario) => {
      people += 1;
      const begun = await loginOf(`newcomer-${people}`);
      await showFace(world, begun, { scenario });
      await awaitPage(world, begun, 'the refusal', (page) => isRefusal(wordsOf(page)));
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
      await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
      // nothing was made: the name is still new
      const again = await world.begin(new Browser(), `newcomer-${people}`);
      expect(world.sandbox.session(again.sessionId).kind).toBe('enrol');
      // a name of the vendor's own for every enrolment, never the account's or the identifier
      expect(world.sandbox.session(again.sessionId).vendorData).not.toBe(
        world.sandbox.session(begun.sessionId).vendorData,
      );
    },
  );

  test('T10: the verdict of one session says nothing about another, even for the same person', async () => {
    const { name, device } = await somebody();
    const passive = await world.begin(device, undefined);
    const active = await loginOf(name, { acr_values: ACTIVE });
    expect(active.sessionId).not.toBe(passive.sessionId);
    await showFace(world, passive);
    await world.sandbox.idle();
    expect(isAtClient(world, await visit(world, active, '/finish'))).toBe(false);
    await giveUp(world, active.browser, await visit(world, active, '/waiting'));
    expect((await world.finish(passive)).claims()).toMatchObject({ acr: 'urn:selfie-oidc:acr:selfie' });
  });

  test('T16: a passive approval never passes as an active one; an active one says so', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name, { acr_values: ACTIVE });
    await showFace(world, begun, { scenario: 'approve_passive' });
    const refused = await awaitPage(world, begun, 'the refusal', (page) => isRefusal(wordsOf(page)));
    const next = await pressOn(world, begun.browser, refused, { name: 'begin', value: 'here' });
    const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second);
    expect((await world.finish(second)).claims()).toMatchObject({ acr: ACTIVE, amr: ['face'] });
  });

  test('T16: an essential acr that cannot be had fails instead of being lowered', async () => {
    const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:mace:gold'] } } });
    const page = await new Browser().get((await world.authorize({ claims })).url, (to) =>
      to.startsWith(world.redirectUri),
    );
    expect(answerOf(world, page).get('error')).toBe('unmet_authentication_requirements');
  });

  test('T21: a client’s minimum_acr is not lowered by a URL, and a newcomer owes an active selfie after the enrolment', async () => {
    people += 1;
    const begun = await world.begin(
      new Browser(),
      `strict-${people}`,
      { acr_values: 'urn:selfie-oidc:acr:selfie' },
      'strict',
    );
    expect(world.sandbox.session(begun.sessionId).kind).toBe('enrol');
    await showFace(world, begun);
    const owed = await until('the second step', async () => {
      const page = await comeBackOnce(begun);
      return buttonsOf(page).includes('begin=here') && page.url.endsWith(begun.uid) && page;
    });
    const next = await pressOn(world, begun.browser, owed, { name: 'begin', value: 'here' });
    const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
    expect(session?.kind).toBe('active');
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second);
    expect((await world.finish(second)).claims()).toMatchObject({ acr: ACTIVE });
  });

  test('T8: an enrolment that is declined while the stronger selfie is still owed leaves no account to sign in with', async () => {
    people += 1;
    const name = `strict-${people}`;
    const begun = await world.begin(new Browser(), name, {}, 'strict');
    await showFace(world, begun);
    await until('the second step', async () => {
      const page = await comeBackOnce(begun);
      return page.url.endsWith(begun.uid) && buttonsOf(page).includes('begin=here');
    });
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await until('the end', async () => (await visit(world, begun, '')).status === 410);
    // whoever tries now must show a document again
    const later = await until('a document check', async () => {
      const next = await world.begin(new Browser(), name);
      if (next.sessionId !== '' && world.sandbox.session(next.sessionId).kind === 'enrol') return next;
      await giveUp(world, next.browser, await visit(world, next, ''));
      return undefined;
    });
    expect(world.sandbox.session(later.sessionId).kind).toBe('enrol');
  });

  test('T14: the face that is sent along is the one pinned at the enrolment, until a document renews it', async () => {
    const { name } = await somebody();
    const one = await loginOf(name);
    const pinned = world.sandbox.session(one.sessionId).portrait?.sha256;
    expect(pinned).toBeDefined();
    await showFace(world, one);
    await world.finish(one);
    const two = await loginOf(name);
    expect(world.sandbox.session(two.sessionId).portrait?.sha256).toBe(pinned);
    // the login's own selfie never becomes the reference
    expect(world.sandbox.session(two.sessionId).portrait?.sha256).not.toBe(
      world.sandbox.session(one.sessionId).pictures.selfie,
    );
    await giveUp(world, two.browser, await visit(world, two, '/waiting'));
  });

  test('T14: an expired identity check is renewed by a document of the same person only', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun, { scenario: 'kyc_expired' });
    const page = await awaitPage(world, begun, 'the word on the document', (seen) => /out of date/.test(wordsOf(seen)));
    const next = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
    const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
    expect(session?.kind).toBe('enrol');
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second, { settle: { person: 'somebody else entirely' } });
    await awaitPage(world, second, 'the refusal', (seen) => isRefusal(wordsOf(seen)));
    const third = await pressOn(world, begun.browser, await visit(world, second, '/waiting'), {
      name: 'begin',
      value: 'here',
    });
    const last = world.sandbox.sessions().find(({ url }) => url === third.headers.get('location'));
    const again = { ...begun, sessionId: String(last?.id) };
    await showFace(world, again);
    expect((await world.finish(again)).id_token).toBeDefined();
  });
});

describe('a hint of one person and a selfie of another', () => {
  test('T11: id_token_hint fixes the person: nobody else can be typed, and the other’s session does not answer', async () => {
    const [one, two] = [await somebody(), await somebody()];
    const hint = { id_token_hint: String(one.tokens.id_token) };
    const begun = await world.begin(new Browser(), two.name, hint);
    // the page shows the one who was asked for; whatever is posted, it is that one's face
    expect(world.sandbox.session(begun.sessionId).vendorData).not.toBeNull();
    await showFace(world, begun);
    const tokens = await world.finish(begun);
    expect(tokens.claims()?.sub).toBe(one.tokens.claims()?.sub);

    const signedIn = await world.begin(two.device, undefined, { prompt: 'login' });
    await showFace(world, signedIn);
    await world.finish(signedIn);
    const silent = await two.device.get((await world.authorize({ ...hint, prompt: 'none' })).url, (to) =>
      to.startsWith(world.redirectUri),
    );
    expect(answerOf(world, silent).get('error')).toBe('login_required');
    const asked = await two.device.get((await world.authorize(hint)).url, (to) => to.startsWith(world.redirectUri));
    expect(isAtClient(world, asked)).toBe(false);
    expect(wordsOf(asked)).toContain(one.name);
  });

  test('T11: a sub in the claims parameter counts as well, and a newcomer is never the one', async () => {
    const { tokens } = await somebody();
    const claims = JSON.stringify({ id_token: { sub: { value: tokens.claims()?.sub } } });
    const first = await new Browser().get((await world.authorize({ claims })).url);
    expect(first.text).not.toMatch(/<input[^>]+name="identifier"/);
    const nobody = JSON.stringify({ id_token: { sub: { value: 'nobody-of-that-name' } } });
    const page = await new Browser().get((await world.authorize({ claims: nobody })).url, (to) =>
      to.startsWith(world.redirectUri),
    );
    expect(answerOf(world, page).get('error')).toBe('login_required');
  });

  test('T11: where the page cannot know whom a pairwise hint means, only the right one may be typed', async () => {
    const { name } = await somebody();
    const other = await somebody();
    const begun = await loginOf(name, {}, 'private');
    await showFace(world, begun);
    const hint = { id_token_hint: String((await world.finish(begun)).id_token) };
    const before = creates(world);
    for (const wrong of [other.name, 'nobody-yet']) {
      expect((await world.begin(new Browser(), wrong, hint, 'private')).page.status).toBe(422);
    }
    expect(creates(world)).toBe(before);
    const right = await loginOf(name, hint, 'private');
    await showFace(world, right);
    expect((await world.finish(right)).id_token).toBeDefined();
  });

  test('T11: login_hint only fills the field in', async () => {
    const [one, two] = [await somebody(), await somebody()];
    const begun = await world.begin(new Browser(), two.name, { login_hint: one.name });
    await showFace(world, begun);
    expect((await world.finish(begun)).claims()?.sub).toBe(two.tokens.claims()?.sub);
  });
});

describe('every row of the outcome table (design section 4)', () => {
  test.each([
    ['decline_liveness_attack', /could not confirm/],
    ['decline_face_match_low_similarity', /could not confirm/],
    ['not_finished', /not finished/],
    ['abandon', /not finished/],
    ['expire', /expired/],
  ])('%s: another try within the same attempt, or access_denied', async (scenario, words) => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun, { scenario });
    // an end without a decision is told by a thin delivery or found by a look
    const page = await awaitPage(world, begun, 'the page', (seen) => words.test(wordsOf(seen)));
    expect(fieldNames(page.text)).not.toContain('identifier');
    const next = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
    const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
    expect(session?.vendorData).toBe(world.sandbox.session(begun.sessionId).vendorData);
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second);
    expect((await world.finish(second)).id_token).toBeDefined();
  });

  test('tries are bounded: after the third nothing is opened any more', async () => {
    const { name } = await somebody();
    let begun = await loginOf(name);
    for (const left of [2, 1, 0]) {
      await showFace(world, begun, { scenario: 'decline_liveness_attack' });
      const page = await awaitPage(world, begun, 'the refusal', (seen) => isRefusal(wordsOf(seen)));
      expect(buttonsOf(page).includes('begin=here')).toBe(left > 0);
      if (left === 0) {
        const before = creates(world);
        const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
        await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/begin`, {
          form: { csrf, begin: 'here' },
        });
        expect(creates(world)).toBe(before);
        expect((await giveUp(world, begun.browser, page)).get('error')).toBe('access_denied');
      } else {
        const next = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
        const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
        begun = { ...begun, sessionId: String(session?.id) };
      }
    }
  });

  test('a newcomer keeps one name at the vendor across tries', async () => {
    people += 1;
    const begun = await loginOf(`newcomer-${people}`);
    await showFace(world, begun, { scenario: 'decline_document_expired' });
    const page = await awaitPage(world, begun, 'the refusal', (seen) => isRefusal(wordsOf(seen)));
    const next = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
    const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
    expect(session?.vendorData).toBe(world.sandbox.session(begun.sessionId).vendorData);
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second);
    const sub = (await world.finish(second)).claims()?.sub;
    expect(sub).not.toBe(session?.vendorData);
  });

  test('Resubmitted: back to the same hosted page, with the step named, and no new session', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun, { scenario: 'resubmit' });
    const page = await awaitPage(world, begun, 'the step', (seen) => /data-state="resubmitted"/.test(seen.text));
    expect(wordsOf(page)).toMatch(/liveness|selfie/i);
    const before = world.sandbox.sessions().length;
    const back = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
    expect(back.headers.get('location')).toBe(world.sandbox.session(begun.sessionId).url);
    expect(world.sandbox.sessions().length).toBe(before);
    await showFace(world, begun);
    expect((await world.finish(begun)).id_token).toBeDefined();
  });

  test('T12: Resubmitted, and the vendor hands out new sessions each time: one is gone on with, the others are deleted', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun, { scenario: 'resubmit' });
    const page = await awaitPage(world, begun, 'the step', (seen) => /data-state="resubmitted"/.test(seen.text));
    const before = world.sandbox.sessions().length;
    world.sandbox.configure({ reuseUnfinished: false });
    const back = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
    world.sandbox.configure({ reuseUnfinished: true });
    const isOfOthers = () => {
      const opened = [world.sandbox.session(begun.sessionId), ...world.sandbox.sessions().slice(before)];
      return opened.filter(({ url, deleted }) => !deleted && url !== back.headers.get('location'));
    };
    await until('the others are deleted', () => isOfOthers().length === 0);
    const [goneOnWith] = world.sandbox
      .sessions()
      .slice(before)
      .filter(({ deleted }) => !deleted);
    const next = { ...begun, sessionId: String(goneOnWith?.id) };
    await showFace(world, next);
    expect((await world.finish(next)).id_token).toBeDefined();
  });

  test('In Review holds, and goes on when it turns Approved in time, beyond the life of other attempts', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun, { scenario: 'in_review' });
    const held = await awaitPage(world, begun, 'the word that a person looks', (seen) =>
      /data-state="in-review"/.test(seen.text),
    );
    expect(isAtClient(world, held)).toBe(false);
    world.clock.move(900);
    expect((await visit(world, begun, '/waiting')).status).toBe(200);
    await world.sandbox.settle(begun.sessionId, 'approve');
    expect((await world.finish(begun)).id_token).toBeDefined();
  });

  test.each(['in_review', 'awaiting_user'])(
    '%s: when time runs out the client hears temporarily_unavailable, however often it was looked at',
    async (scenario) => {
      const { name } = await somebody();
      const begun = await loginOf(name);
      await showFace(world, begun, { scenario });
      await awaitPage(world, begun, 'the hold', (seen) => /data-state="in-review"/.test(seen.text));
      await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
      world.sandbox.clearCalls();
      const looks = () => world.sandbox.calls().filter(({ call }) => call === 'decision').length;
      for (const passed of [590, 300]) {
        const before = looks();
        world.clock.move(passed);
        await until('a look', () => looks() > before);
      }
      expect((await visit(world, begun, '/waiting')).status).toBe(200);
      world.clock.move(320);
      const page = await until('the end', async () => {
        const seen = await visit(world, begun, '/waiting');
        return seen.status === 410 && seen;
      });
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('temporarily_unavailable');
      // approved after all: it revives nothing
      await world.sandbox.settle(begun.sessionId, 'approve');
      await world.sandbox.idle();
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    },
  );

  test('the vendor is down: an honest page, and temporarily_unavailable on giving up', async () => {
    const { name } = await somebody();
    world.sandbox.fault('create', { status: 503, times: 3 });
    const begun = await world.begin(new Browser(), name);
    expect(begun.page.status).toBe(503);
    expect(Number(begun.page.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(begun.page.text).not.toMatch(/didit_api|x-api-key|<h1>503/i);
    expect((await giveUp(world, begun.browser, begun.page)).get('error')).toBe('temporarily_unavailable');
  });

  describe('the vendor is down when the face was shown', () => {
    // whatever the vendor asked for is over
    afterEach(() => world.clock.move(60));

    /** Back from the vendor, which fails from then on, as often as it is looked at. */
    async function shown(fault: Parameters<World['sandbox']['fault']>[1], times: number): Promise<Begun> {
      const { name } = await somebody();
      const begun = await loginOf(name);
      await showFace(world, begun, { settle: { webhook: false } });
      world.sandbox.fault('decision', { ...fault, times: null });
      await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
      for (let time = 1; time <= times; time += 1) {
        world.clock.move(time === 1 ? 1 : 20);
        await until('a look', async () => {
          const attempt = await world.app.parts.attempts.find(begun.uid);
          return (attempt?.verifications.at(-1)?.unansweredLooks?.count ?? 0) >= time;
        });
      }
      return begun;
    }
    const saysSo = (begun: Begun) =>
      awaitPage(world, begun, 'the word', ({ text }) => /data-state="unanswered"/.test(text));

    test.each([
      ['403', { status: 403 }, 2],
      ['a connection that breaks off', { reset: true }, 2],
      ['429', { status: 429, retryAfterSeconds: 60 }, 1],
    ])('%s: the page says so, and giving up is temporarily_unavailable', async (_how, fault, times) => {
      const begun = await shown(fault, times);
      // the next look may be a minute away
      if (times === 1) world.clock.move(20);
      const page = await saysSo(begun);
      expect(wordsOf(page)).toMatch(/does not answer us.*not lost/);
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('temporarily_unavailable');
    });

    test('the open page is woken, and goes on with the vendor’s next word', async () => {
      const begun = await shown({ status: 429, retryAfterSeconds: 15 }, 1);
      expect((await visit(world, begun, '/waiting')).text).toContain('data-state="settling"');
      const stream = await openStream(world, begun);
      await stream.until('"waiting"');
      world.clock.move(15);
      await stream.until('"changed"');
      await saysSo(begun);
      await deliver(world, begun.sessionId, { status: 'In Progress', decision: false });
      expect((await visit(world, begun, '/waiting')).text).toContain('data-state="settling"');
      await deliver(world, begun.sessionId);
      expect((await world.finish(begun)).id_token).toBeDefined();
    });

    test('so is what the client hears when time runs out', async () => {
      const begun = await shown({ status: 403 }, 2);
      world.clock.move(700);
      const page = await visit(world, begun, '/waiting');
      expect(page.status).toBe(410);
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('temporarily_unavailable');
    });
  });

  test('T17: an answer to a create that is lost costs no second session', async () => {
    const { name } = await somebody();
    const before = world.sandbox.sessions().length;
    world.sandbox.fault('create', { lost: true });
    const begun = await world.begin(new Browser(), name);
    expect(begun.page.status).toBe(303);
    expect(world.sandbox.sessions().length).toBe(before + 1);
    await showFace(world, begun);
    expect((await world.finish(begun)).id_token).toBeDefined();
  });
});

describe('a late Declined takes back what its approval allowed (T8, invariant 5)', () => {
  const offline = { scope: 'openid profile offline_access', prompt: 'consent' };

  async function signedIn(): Promise<{ begun: Begun; tokens: Tokens; name: string }> {
    const { name } = await somebody();
    const begun = await loginOf(name, offline);
    await showFace(world, begun);
    return { begun, tokens: await world.finish(begun), name };
  }

  const userinfo = async (tokens: Tokens) =>
    (await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status;
  const isActive = async (token: string) => (await oidc.tokenIntrospection(await world.client(), token)).active;
  const silently = async (browser: Browser) => {
    const page = await browser.get((await world.authorize({ prompt: 'none' })).url, (to) =>
      to.startsWith(world.redirectUri),
    );
    return answerOf(world, page);
  };

  async function expectRevoked(begun: Begun, tokens: Tokens): Promise<void> {
    await until('the revocation', async () => (await userinfo(tokens)) === 401);
    expect(await isActive(tokens.access_token)).toBe(false);
    expect(await isActive(String(tokens.refresh_token))).toBe(false);
    await expect(oidc.refreshTokenGrant(await world.client(), String(tokens.refresh_token))).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    expect((await silently(begun.browser)).get('error')).toBe('login_required');
  }

  test('T8: userinfo, refresh, introspection and session end', async () => {
    const { begun, tokens } = await signedIn();
    expect(await userinfo(tokens)).toBe(200);
    expect(await isActive(String(tokens.refresh_token))).toBe(true);
    expect((await silently(begun.browser)).get('code')).not.toBeNull();
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await expectRevoked(begun, tokens);
  });

  test('T8: also what was refreshed and what a later request of the same session was given', async () => {
    const { begun, tokens } = await signedIn();
    const refreshed = await oidc.refreshTokenGrant(await world.client(), String(tokens.refresh_token));
    const request = await world.authorize();
    const page = await begun.browser.get(request.url, (to) => to.startsWith(world.redirectUri));
    const later = await exchange(await world.client(), request, String(page.headers.get('location')));
    await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack');
    await until('the revocation', async () => (await userinfo(later)) === 401);
    expect(await isActive(refreshed.access_token)).toBe(false);
    expect(await isActive(String(refreshed.refresh_token))).toBe(false);
  });

  test('T8: a code that was not yet redeemed is dead as well', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun);
    const page = await comeBack(world, begun);
    expect(answerOf(world, page).get('code')).not.toBeNull();
    await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack');
    await until('the revocation', async () => (await silently(begun.browser)).get('error') === 'login_required');
    await expect(
      exchange(await world.client(), begun.request, String(page.headers.get('location'))),
    ).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  test('T8: a refusal between the finish and the code: whoever holds the redirect back gains nothing', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun);
    const { browser } = begun;
    const finished = await until('the finish', async () => {
      const page = await browser.request(`${world.issuer}/interaction/${begun.uid}/finish`);
      return page.headers.get('location')?.includes(`/auth/${begun.uid}`) && page;
    });
    await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack');
    await until('the refusal being worked on', () =>
      world.log.some((line) => line.includes('a late refusal') && line.includes(begun.sessionId)),
    );
    const page = await browser.follow(finished, (to) => to.startsWith(world.redirectUri));
    const location = page.headers.get('location') ?? '';
    if (location.startsWith(world.redirectUri) && new URL(location).searchParams.has('code')) {
      await expect(exchange(await world.client(), begun.request, location)).rejects.toMatchObject({
        error: 'invalid_grant',
      });
    }
    expect((await silently(browser)).get('error')).toBe('login_required');
  });

  test('T8: a refusal that comes too late to be believed by itself has the decision looked at', async () => {
    const { begun, tokens } = await signedIn();
    const [delivery] = await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack', { webhook: 'stale' });
    expect(delivery?.status).toBe(401);
    await expectRevoked(begun, tokens);
  });

  test('T8: a refusal that the vendor’s clock puts before the approval counts, when the decision says so too', async () => {
    const { begun, tokens } = await signedIn();
    const [delivery] = await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack', {
      webhook: { ageSeconds: 120 },
    });
    expect(delivery?.status).toBe(202);
    await expectRevoked(begun, tokens);
  });

  test('T8: an older refusal that was overtaken by the approval takes nothing back', async () => {
    const { begun, tokens } = await signedIn();
    expect(await deliver(world, begun.sessionId, { status: 'Declined', ageSeconds: 60 })).toEqual([202]);
    await until('the look', () =>
      world.sandbox.calls().some(({ call, path }) => call === 'decision' && path.includes(begun.sessionId)),
    );
    expect(await userinfo(tokens)).toBe(200);
  });

  test('T8: a refusal on the last day of the last refresh token of the session still ends it', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun);
    await world.finish(begun);
    // a session lives 14 days, if it is used each day
    for (let day = 0; day < 13; day += 1) {
      world.clock.move(23 * 3600);
      expect((await silently(begun.browser)).get('code')).not.toBeNull();
    }
    const request = await world.authorize(offline);
    const page = await begun.browser.get(request.url, (to) => to.startsWith(world.redirectUri));
    const given = await exchange(await world.client(), request, String(page.headers.get('location')));
    // a refresh token 30
    world.clock.move(29 * 86_400);
    const tokens = await oidc.refreshTokenGrant(await world.client(), String(given.refresh_token));
    expect(await userinfo(tokens as Tokens)).toBe(200);
    await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack');
    await until('the revocation', async () => (await userinfo(tokens as Tokens)) === 401);
    expect(await isActive(String(tokens.refresh_token))).toBe(false);
  });

  test('T8: a thin Declined is enough', async () => {
    const { begun, tokens } = await signedIn();
    await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack', { webhook: 'without_decision' });
    await expectRevoked(begun, tokens);
  });

  test.each([
    ['approve_face_match_declined', 'face-match-not-approved'],
    ['approve_without_liveness', 'liveness-missing'],
  ])('T8, T9: so does an approval by which the login would not have been one: %s', async (scenario, check) => {
    const { begun, tokens } = await signedIn();
    await world.sandbox.settle(begun.sessionId, scenario);
    await expectRevoked(begun, tokens);
    const lines: (readonly string[])[] = [];
    for await (const { attempt, event, reasons } of world.app.parts.journal.entries())
      if (attempt === begun.uid && event === 'login.revoked') lines.push(reasons);
    expect(lines).toEqual([expect.arrayContaining([check])]);
  });

  test('T8: an approval that is told again, by every check as good as before, takes nothing back', async () => {
    const { begun, tokens } = await signedIn();
    for (const webhook of ['normal', 'without_decision'] as const)
      await world.sandbox.settle(begun.sessionId, 'approve', { webhook });
    await world.sandbox.idle();
    expect(await userinfo(tokens)).toBe(200);
  });

  test('T12: an approval after the refusal revives nothing', async () => {
    const { begun, tokens } = await signedIn();
    await world.sandbox.settle(begun.sessionId, 'decline_liveness_attack');
    await until('the revocation', async () => (await userinfo(tokens)) === 401);
    await world.sandbox.settle(begun.sessionId, 'approve');
    await world.sandbox.idle();
    expect(await userinfo(tokens)).toBe(401);
    expect((await silently(begun.browser)).get('error')).toBe('login_required');
  });

  test('T8: Declined after Approved, before the browser is back: no login', async () => {
    const { name } = await somebody();
    const begun = await loginOf(name);
    await showFace(world, begun);
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await until('the end', async () => (await visit(world, begun, '/waiting')).status === 410);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    expect((await giveUp(world, begun.browser, await visit(world, begun, '/waiting'))).get('error')).toBe(
      'access_denied',
    );
  });

  test('T8: a declined enrolment leaves an account that must show its document again', async () => {
    people += 1;
    const name = `flipped-${people}`;
    const begun = await loginOf(name);
    await showFace(world, begun);
    const tokens = await world.finish(begun);
    await world.sandbox.settle(begun.sessionId, 'decline_document_expired');
    await until('the revocation', async () => (await userinfo(tokens)) === 401);
    const again = await world.begin(new Browser(), name);
    expect(world.sandbox.session(again.sessionId).kind).toBe('enrol');
  });

  test('other people’s logins stay', async () => {
    const [one, two] = [await signedIn(), await signedIn()];
    await world.sandbox.settle(one.begun.sessionId, 'decline_liveness_attack');
    await until('the revocation', async () => (await userinfo(one.tokens)) === 401);
    expect(await userinfo(two.tokens)).toBe(200);
  });
});

/** The vendor's redirect, without waiting for an end. */
async function comeBackOnce(begun: Begun) {
  return begun.browser.get(
    String(world.sandbox.session(begun.sessionId).callback),
    (location) => location.startsWith(world.redirectUri) || location.startsWith(world.sandbox.url),
  );
}

function fieldNames(text: string): string[] {
  return [...text.matchAll(/<input[^>]+name="([^"]+)"/g)].map((match) => String(match[1]));
}
