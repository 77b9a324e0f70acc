// Lives of accounts: a face that changed, a face that only waits, a reviewer's word, and what a verdict that turns takes along. As its
// person meets it, and as somebody who wants to become that person.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { demandReEnrolment } from '../../src/admin/set-standing.ts';
import type { Account } from '../../src/core/account.ts';
import { refsOf } from '../../src/login/faces.ts';
import { openVerificationSecrets } from '../../src/login/secrets.ts';
import { here, placeOf } from '../cli/support.ts';
import { Browser, buttonsOf, type Page, PHONE_SAFARI, wordsOf } from '../support/browser.ts';
import { linkIn, type Mailbox, startMailbox } from '../support/mailbox.ts';
import { startPeer } from '../support/oidc-world.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  deliver,
  FAR,
  giveUp,
  isAtClient,
  pressOn,
  showFace,
  until,
  visit,
  withoutSession,
} from '../support/story.ts';
import {
  ADAPTIVE,
  type Begun,
  CLIENT_SECRET,
  exchange,
  startWorld,
  type Tokens,
  UNLIMITED,
  type World,
  type WorldOptions,
} from '../support/world.ts';

const HOUR = 3600;
const OFFLINE = { scope: 'openid profile offline_access', prompt: 'login consent' };
const ANOTHER = { firstName: 'Zacharias', lastName: 'Quint', dateOfBirth: '1971-03-09' };
const OTHER_PAPER = { documentNumber: 'OTHER-PAPER-1' };

const CLIENT = {
  client_id: 'app',
  client_name: 'Example App',
  client_secret: CLIENT_SECRET,
  redirect_uris: ['http://127.0.0.1:9/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  first_party: true,
};

type Person = NonNullable<NonNullable<Parameters<World['sandbox']['settle']>[2]>['person']>;

interface Somebody {
  readonly name: string;
  readonly address: string;
  readonly id: string;
  /** known, and without a session */
  readonly device: Browser;
  /** the hash of the face that was pinned at the enrolment */
  readonly face: string;
}

let people = 0;

/** Enrolled, with a confirmed address to which notices go. */
async function somebody(world: World): Promise<Somebody> {
  people += 1;
  const name = `person-${people}`;
  const address = `${name}@example.org`;
  const { browser, tokens } = await world.enrol(name);
  const id = String(tokens.claims()?.sub);
  const account = await world.app.parts.accounts.change(id, (current) => ({
    ...current,
    email: { address, verifiedAt: world.clock.now() },
  }));
  return { name, address, id, device: withoutSession(browser), face: faceOf(account) };
}

function faceOf(account: Account | undefined): string {
  return account?.portrait.kind === 'local' ? account.portrait.sha256 : 'none here';
}

async function load(world: World, { id }: Pick<Somebody, 'id'>): Promise<Account> {
  const account = await world.app.parts.accounts.find(id);
  if (!account) throw new Error('there is no such account');
  return account;
}

/** Until the new face counts, to the hour. */
async function hoursLeft(world: World, who: Somebody): Promise<number> {
  return Math.round(((await load(world, who)).pending?.dueAt ?? 0) / HOUR - world.clock.now() / HOUR);
}

/** Pictures of faces in the store that no account has a use for: nobody could have them deleted. */
async function strays(world: World): Promise<string[]> {
  const { accounts, store } = world.app.parts;
  const all = await Promise.all((await accounts.list()).map((id) => accounts.find(id)));
  const used = all.flatMap((account) => (account ? refsOf(account) : [])).map((ref) => `portrait:${ref}`);
  return (await store.keys('portrait:')).filter((key) => !used.includes(key));
}

async function begin(world: World, browser: Browser, name?: string, params: Record<string, string> = {}) {
  const begun = await world.begin(browser, name, params);
  if (begun.sessionId === '') throw new Error(`no session: ${begun.page.status} ${wordsOf(begun.page)}`);
  return begun;
}

/** The session that a press of a button has led to. */
function followedBy(world: World, begun: Begun, page: Page): Begun {
  const session = world.sandbox.sessions().find(({ url }) => url === page.headers.get('location'));
  if (!session) throw new Error(`not at the vendor: ${page.status} ${page.url} ${wordsOf(page)}`);
  return { ...begun, sessionId: session.id, hostedUrl: session.url, page };
}

const isDeclined = (page: Page) => /could not confirm/i.test(wordsOf(page));

/** The selfie is refused, and the person says that the face has changed: a document check is open. */
async function chooseNewFace(world: World, who: Somebody, browser: Browser): Promise<Begun> {
  const begun = await begin(world, browser, browser === who.device ? undefined : who.name);
  await showFace(world, begun, { scenario: 'decline_face_match_low_similarity' });
  const refused = await awaitPage(world, begun, 'the refusal', isDeclined);
  const next = await pressOn(world, browser, refused, { name: 'begin', value: 're-enrol' });
  const checking = followedBy(world, begun, next);
  expect(world.sandbox.session(checking.sessionId).kind).toBe('enrol');
  return checking;
}

/** From a device that nobody knows: the document is accepted, and the new face waits. */
async function leaveWaiting(world: World, who: Somebody): Promise<{ begun: Begun; page: Page }> {
  const begun = await chooseNewFace(world, who, new Browser());
  await showFace(world, begun);
  return { begun, page: await comeBack(world, begun) };
}

const selfieOf = (world: World, begun: Begun) => String(world.sandbox.session(begun.sessionId).pictures.selfie);

/** The face that the vendor was told to compare with. */
const comparedWith = (world: World, begun: Begun) => world.sandbox.session(begun.sessionId).portrait?.sha256;

async function signIn(world: World, browser: Browser, name?: string, params: Record<string, string> = {}) {
  const begun = await begin(world, browser, name, params);
  await showFace(world, begun);
  return { begun, tokens: await world.finish(begun) };
}

/** Makes the worker look at what has become due, as any delivery does. */
async function nudge(world: World): Promise<void> {
  const [session] = world.sandbox.sessions();
  if (session) await deliver(world, session.id);
}

async function move(world: World, seconds: number): Promise<void> {
  world.clock.move(seconds);
  await nudge(world);
}

/** In the middle of something else, the waiting time is over, and another process does what is due then. */
async function endWaiting(world: World, { id }: Somebody): Promise<void> {
  const { bulk } = world.app.parts.backend;
  world.clock.move(73 * HOUR);
  world.app.poke();
  await until('the end of the waiting', async () => {
    for await (const page of bulk.jobs()) if (page.some((job) => job.kind === 'renewal' && job.id === id)) return false;
    return true;
  });
}

async function journalOf(world: World): Promise<{ event: string; reasons: string }[]> {
  const lines = [];
  for await (const { event, reasons } of world.app.parts.journal.entries())
    lines.push({ event, reasons: reasons.join(' ') });
  return lines;
}

async function countOf(world: World, event: string, has = ''): Promise<number> {
  return (await journalOf(world)).filter((line) => line.event === event && line.reasons.includes(has)).length;
}

async function expectCleanJournal(world: World): Promise<void> {
  expect(await world.app.parts.journal.verify()).toMatchObject({ ok: true });
  const text = JSON.stringify(await journalOf(world));
  for (const personal of ['person-', '@example.org', 'Zacharias', 'Quint', '127.0.0.1', 'OTHER-PAPER', '://'])
    expect(text).not.toContain(personal);
}

const userinfo = async (world: World, tokens: Pick<Tokens, 'access_token'>) =>
  (await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status;

function withMail(mailbox: Mailbox, options: WorldOptions = {}): WorldOptions {
  return {
    clients: [CLIENT],
    ...options,
    policy: { ...UNLIMITED, ...options.policy },
    config: { smtp: { url: mailbox.url, from: 'Login <login@example.org>' }, ...options.config },
  };
}

describe('a face that has changed', () => {
  let world: World;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    world = await startWorld(withMail(mailbox, { storage: 'sqlite' }));
  });
  afterAll(async () => {
    await world.close();
    await mailbox.close();
  });
  afterEach(() => {
    world.sandbox.clearFaults();
    world.sandbox.configure({ webhookMode: 'normal' });
  });

  describe('that was taken back', () => {
    const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
    let who: Somebody;
    let taken: Begun;
    let notice: URL;

    /** Somebody else, at a device that is known, has brought a face of their own. */
    beforeEach(async () => {
      who = await somebody(world);
      taken = await chooseNewFace(world, who, who.device);
      await showFace(world, taken);
      await world.finish(taken);
      notice = linkIn(await mailbox.waitFor(who.address));
      world.clock.move(30);
    });

    /** The person proves the account anew, by a document. */
    async function recover(): Promise<void> {
      world.clock.move(60);
      const own = await begin(world, new Browser(), who.name);
      expect(world.sandbox.session(own.sessionId).kind).toBe('enrol');
      await showFace(world, own);
      // the document counts, whether or not a selfie is asked for after it
      await comeBack(world, own);
      expect(await load(world, who)).toMatchObject({ standing: 'good', enrolledBy: { verificationId: own.sessionId } });
      world.clock.move(60);
    }

    /** With the face that was brought: accepted, and kept back before the finish. */
    async function holdSelfie(): Promise<Begun> {
      const held = await begin(world, new Browser(), who.name, { acr_values: ACTIVE });
      expect(comparedWith(world, held)).toBe(selfieOf(world, taken));
      await showFace(world, held);
      await until('the verdict', async () => (await world.app.parts.attempts.find(held.uid))?.state === 'settled');
      return held;
    }

    test('T14: a selfie that was compared with it signs in nobody once another face is in its place', async () => {
      const held = await holdSelfie();
      await denyBy(notice);
      await recover();
      expect(isAtClient(world, await comeBack(world, held))).toBe(false);
      expect((await world.app.parts.attempts.find(held.uid))?.state).toBe('ended');
    });

    test.each([
      ['denied', () => denyBy(notice)],
      ['asked for anew by the operator', () => demandReEnrolment({ ...world.app.parts, clock: world.clock }, who.id)],
    ])('T14: %s: nor where it was finished before, and followed only after', async (_how, takeBack) => {
      const held = await holdSelfie();
      const finished = await held.browser.request(`${world.issuer}/interaction/${held.uid}/finish`);
      // whoever comes back by the hosted page first is led there as well
      expect(finished.headers.get('location')).toBeTruthy();
      const resume = new URL(finished.headers.get('location') ?? '', world.issuer);
      const left = /\/auth\//.test(resume.pathname) ? resume.href : '';
      expect(left).not.toBe('');
      await takeBack();
      await recover();
      const page = await held.browser.get(left, (to) => to.startsWith(world.redirectUri));
      if (!isAtClient(world, page)) return;
      const answer = await world
        .client()
        .then((client) => exchange(client, held.request, page.headers.get('location') ?? ''))
        .catch((error: { error?: string }) => error.error);
      expect(answer).toBe('invalid_grant');
    });

    test.each(['denied', 'refused late'])(
      'T8, T14: %s, it takes back what later sign-ins by it were given',
      async (how) => {
        const device = new Browser();
        const { tokens } = await signIn(world, device, who.name, OFFLINE);
        world.clock.move(60);
        if (how === 'denied') await denyBy(notice);
        else {
          await world.sandbox.review(taken.sessionId, 'Declined');
          await until('the withdrawal', async () => (await load(world, who)).standing === 'withdrawn');
        }
        await recover();
        expect(await userinfo(world, tokens)).toBe(401);
        const refreshed = await oidc
          .refreshTokenGrant(await world.client(), String(tokens.refresh_token))
          .catch((error: { error?: string }) => error.error);
        expect(refreshed).toBe('invalid_grant');
        const silent = await world.authorize({ prompt: 'none' });
        const page = await device.get(silent.url, (to) => to.startsWith(world.redirectUri));
        expect(answerOf(world, page).get('error')).toBe('login_required');
        const devices = await world.app.parts.devices.list(who.id);
        expect(devices.flatMap(({ selfie }) => selfie?.faces ?? [])).not.toContain(taken.sessionId);
      },
    );

    test('T14: a document that was accepted before brings no face after, neither at once nor later', async () => {
      const copy = withoutSession(taken.browser);
      const second = await chooseNewFace(world, { ...who, device: copy }, copy);
      await showFace(world, second);
      await until('the verdict', async () => (await world.app.parts.attempts.find(second.uid))?.state === 'settled');
      await denyBy(notice);
      expect(isAtClient(world, await comeBack(world, second))).toBe(false);
      expect(await load(world, who)).toMatchObject({ standing: 'must-re-enrol' });
      expect((await load(world, who)).pending).toBeUndefined();
      expect(await strays(world)).toEqual([]);
    });
  });

  test('T14: a face that waits counts no more when the operator asks for a document', async () => {
    const who = await somebody(world);
    await leaveWaiting(world, who);
    const { accounts, journal } = world.app.parts;
    await demandReEnrolment({ accounts, journal, clock: world.clock }, who.id);
    await endWaiting(world, who);
    expect(await load(world, who)).toMatchObject({ standing: 'must-re-enrol' });
    expect(faceOf(await load(world, who))).toBe(who.face);
    expect((await load(world, who)).pending).toBeUndefined();
    expect(await strays(world)).toEqual([]);
  });

  describe('from a known device', () => {
    test('T14: counts at once when the document is the same person’s: the old face goes, the person is told', async () => {
      const who = await somebody(world);
      const begun = await chooseNewFace(world, who, who.device);
      expect(world.sandbox.session(begun.sessionId).portrait).toBeNull();
      // kept until the new one is accepted
      expect(faceOf(await load(world, who))).toBe(who.face);
      await showFace(world, begun);
      const tokens = await world.finish(begun);
      expect(tokens.claims()?.sub).toBe(who.id);
      const account = await load(world, who);
      expect(faceOf(account)).toBe(selfieOf(world, begun));
      expect(account).toMatchObject({
        standing: 'good',
        enrolledBy: { verificationId: begun.sessionId, purpose: 're-enrol' },
      });
      expect(await strays(world)).toEqual([]);
      const mail = await mailbox.waitFor(who.address);
      expect(mail.subject).toMatch(/picture|face/i);
      const later = await begin(world, who.device, undefined, { prompt: 'login' });
      expect(comparedWith(world, later)).toBe(selfieOf(world, begun));
      await giveUp(world, later.browser, await visit(world, later, '/waiting'));
      expect(await countOf(world, 'account.re-enrolled', who.id)).toBe(1);
    });

    test('T14: somebody else’s document changes nothing, and does not sign in', async () => {
      const who = await somebody(world);
      const begun = await chooseNewFace(world, who, who.device);
      await showFace(world, begun, { settle: { person: { ...ANOTHER, ...OTHER_PAPER } } });
      const page = await awaitPage(world, begun, 'the refusal', isDeclined);
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
      expect(wordsOf(page)).not.toMatch(/identity|document differs/i);
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('access_denied');
      expect(faceOf(await load(world, who))).toBe(who.face);
      expect(await strays(world)).toEqual([]);
      expect(await countOf(world, 'verification.refused', begun.sessionId)).toBe(1);
      expect((await journalOf(world)).at(-1)?.reasons).not.toContain('Quint');
      const own = await signIn(world, who.device);
      expect(comparedWith(world, own.begun)).toBe(who.face);
    });

    test('the person can say “this was not me” afterwards: the next sign-in is a document check again', async () => {
      const who = await somebody(world);
      const begun = await chooseNewFace(world, who, who.device);
      await showFace(world, begun);
      const tokens = await world.finish(begun);
      await denyBy(linkIn(await mailbox.waitFor(who.address)));
      expect((await load(world, who)).standing).toBe('must-re-enrol');
      expect(await userinfo(world, tokens)).toBe(401);
      const next = await begin(world, new Browser(), who.name);
      expect(world.sandbox.session(next.sessionId).kind).toBe('enrol');
    });

    test('R6: a crash before the new face is in place keeps the old one, and the next finish makes it good', async () => {
      const who = await somebody(world);
      const { accounts } = world.app.parts;
      const begun = await chooseNewFace(world, who, who.device);
      await showFace(world, begun);
      const { pinPortrait } = accounts;
      accounts.pinPortrait = () => {
        accounts.pinPortrait = pinPortrait;
        return Promise.reject(new Error('killed'));
      };
      expect((await comeBack(world, begun)).status).toBe(500);
      expect(faceOf(await load(world, who))).toBe(who.face);
      expect((await world.finish(begun)).claims()?.sub).toBe(who.id);
      expect(faceOf(await load(world, who))).toBe(selfieOf(world, begun));
      expect(await strays(world)).toEqual([]);
    });

    test('R6, T8: refused after a crash that had put it in place, it does not stay', async () => {
      const who = await somebody(world);
      const { journal } = world.app.parts;
      const begun = await chooseNewFace(world, who, who.device);
      await showFace(world, begun);
      const { record } = journal;
      journal.record = async (entry) => {
        if (entry.event !== 'account.re-enrolled') return record(entry);
        journal.record = record;
        throw new Error('killed');
      };
      expect((await comeBack(world, begun)).status).toBe(500);
      expect(faceOf(await load(world, who))).not.toBe(who.face);
      await world.sandbox.settle(begun.sessionId, 'decline_document_expired');
      await until('the withdrawal', async () => (await load(world, who)).standing === 'withdrawn');
    });

    test('T14: takes along a face that was waiting, picture and all', async () => {
      const who = await somebody(world);
      await leaveWaiting(world, who);
      const begun = await chooseNewFace(world, who, who.device);
      await showFace(world, begun);
      await world.finish(begun);
      expect((await load(world, who)).pending).toBeUndefined();
      expect(await strays(world)).toEqual([]);
    });
  });

  describe('from a device that nobody knows', () => {
    test('T14: waits: the page says so, the client hears a refusal, the old face signs in, the person is told', async () => {
      const who = await somebody(world);
      const { begun, page } = await leaveWaiting(world, who);
      expect(page.status).toBe(410);
      expect(wordsOf(page)).toMatch(/waiting/i);
      expect(isAtClient(world, page)).toBe(false);
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('access_denied');
      const account = await load(world, who);
      expect(await hoursLeft(world, who)).toBe(72);
      expect(faceOf(account)).toBe(who.face);
      // the device that asked for it has become nothing
      expect(begun.browser.cookie('selfie_device')).toBeUndefined();
      expect((await mailbox.waitFor(who.address)).subject).toMatch(/waiting|new picture/i);
      const old = await signIn(world, who.device);
      expect(comparedWith(world, old.begun)).toBe(who.face);
      expect(old.tokens.claims()?.sub).toBe(who.id);
    });

    test('T14: counts when the time is over, not a second before, also when the provider was down meanwhile', async () => {
      const who = await somebody(world);
      const { begun } = await leaveWaiting(world, who);
      await move(world, 72 * HOUR - 60);
      // work that is handed out too early is put off
      await world.app.parts.backend.jobs.hasten('renewal', Date.now());
      await nudge(world);
      const early = await signIn(world, new Browser(), who.name);
      expect(comparedWith(world, early.begun)).toBe(who.face);
      world.clock.move(61);
      await world.restart();
      await nudge(world);
      await until('the new face in place', async () => (await load(world, who)).pending === undefined);
      expect(faceOf(await load(world, who))).toBe(selfieOf(world, begun));
      const after = await signIn(world, new Browser(), who.name);
      expect(comparedWith(world, after.begun)).toBe(selfieOf(world, begun));
      expect(await strays(world)).toEqual([]);
      expect(await countOf(world, 'account.re-enrolled', who.id)).toBe(1);
    });

    test('T14: denied by the link, it never counts, and its picture is gone', async () => {
      const who = await somebody(world);
      await leaveWaiting(world, who);
      const link = linkIn(await mailbox.waitFor(who.address));
      // mail is scanned by machines: looking changes nothing
      await new Browser().get(link);
      expect((await load(world, who)).pending).toBeDefined();
      await denyBy(link);
      expect((await load(world, who)).pending).toBeUndefined();
      expect(await strays(world)).toEqual([]);
      await move(world, 80 * HOUR);
      const after = await signIn(world, new Browser(), who.name);
      expect(comparedWith(world, after.begun)).toBe(who.face);
      expect((await new Browser().get(link)).status).toBe(410);
    });

    test('T14: denied in the moment in which its time is over, it does not come to count', async () => {
      const who = await somebody(world);
      await leaveWaiting(world, who);
      const link = linkIn(await mailbox.waitFor(who.address));
      const { store } = world.app.parts;
      const { set } = store;
      store.set = async (key, ...rest) => {
        if (key.startsWith('revoked:login:')) {
          store.set = set;
          await endWaiting(world, who);
        }
        return set(key, ...rest);
      };
      await denyBy(link);
      expect(store.set).toBe(set);
      expect(faceOf(await load(world, who))).toBe(who.face);
      expect(await strays(world)).toEqual([]);
    });

    test('T14: a second one takes the first one’s place, and its time begins anew', async () => {
      const who = await somebody(world);
      await leaveWaiting(world, who);
      await move(world, 71 * HOUR);
      const second = await leaveWaiting(world, who);
      await move(world, 2 * HOUR);
      const between = await signIn(world, new Browser(), who.name);
      expect(comparedWith(world, between.begun)).toBe(who.face);
      await move(world, 70 * HOUR);
      await until('the new face in place', async () => (await load(world, who)).pending === undefined);
      expect(faceOf(await load(world, who))).toBe(selfieOf(world, second.begun));
      expect(await strays(world)).toEqual([]);
    });

    test('T8, T14: a late Declined of its document drops it, and the old face stays', async () => {
      const who = await somebody(world);
      const { begun } = await leaveWaiting(world, who);
      world.clock.move(10);
      await world.sandbox.review(begun.sessionId, 'Declined');
      const account = await until('the drop and the review', async () => {
        const current = await load(world, who);
        return current.pending === undefined && current.review !== undefined && current;
      });
      expect([faceOf(account), account.standing]).toEqual([who.face, 'good']);
      expect(account.review?.reasons).toEqual(['late-refusal']);
      await until('its picture to be gone', async () => (await strays(world)).length === 0);
      await move(world, 80 * HOUR);
      const after = await signIn(world, new Browser(), who.name);
      expect(comparedWith(world, after.begun)).toBe(who.face);
    });

    test('T8, T14: a late Declined after it has counted: the account must be proven anew', async () => {
      const who = await somebody(world);
      const { begun } = await leaveWaiting(world, who);
      await move(world, 73 * HOUR);
      await until('the new face in place', async () => (await load(world, who)).pending === undefined);
      const { tokens } = await signIn(world, new Browser(), who.name, OFFLINE);
      world.clock.move(10);
      await world.sandbox.review(begun.sessionId, 'Declined');
      await until('the withdrawal', async () => (await load(world, who)).standing === 'withdrawn');
      await expect(oidc.refreshTokenGrant(await world.client(), String(tokens.refresh_token))).rejects.toMatchObject({
        error: 'invalid_grant',
      });
    });

    test('T8, T14: a late Declined in the moment in which its time is over: it does not come to count', async () => {
      const who = await somebody(world);
      const { begun } = await leaveWaiting(world, who);
      const { accounts } = world.app.parts;
      const { change } = accounts;
      accounts.change = async (...step) => {
        accounts.change = change;
        const changed = await change(...step);
        await endWaiting(world, who);
        return changed;
      };
      world.clock.move(10);
      await world.sandbox.review(begun.sessionId, 'Declined');
      await until('the refusal', async () => (await load(world, who)).review !== undefined);
      expect(faceOf(await load(world, who))).toBe(who.face);
    });

    test('T8: a Declined in the moment in which it is put to wait leaves nothing waiting', async () => {
      const who = await somebody(world);
      const { accounts, attempts } = world.app.parts;
      const begun = await chooseNewFace(world, who, new Browser());
      await showFace(world, begun);
      await until('the verdict', async () => (await attempts.find(begun.uid))?.state === 'settled');
      const { pinPortrait } = accounts;
      accounts.pinPortrait = async (ref) => {
        accounts.pinPortrait = pinPortrait;
        world.clock.move(2);
        await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
        await until('the end', async () => (await attempts.find(begun.uid))?.state === 'ended');
        await pinPortrait(ref);
      };
      expect((await comeBack(world, begun)).status).toBe(410);
      expect((await load(world, who)).pending).toBeUndefined();
      expect(await strays(world)).toEqual([]);
    });

    test('R6, T14: a crash before its person could be told: it does not come to count in silence', async () => {
      const who = await somebody(world);
      const { jobs } = world.app.parts.backend;
      const begun = await chooseNewFace(world, who, new Browser());
      await showFace(world, begun);
      const { schedule } = jobs;
      jobs.schedule = (job) => (job.kind === 'mail' ? Promise.reject(new Error('killed')) : schedule(job));
      expect((await comeBack(world, begun)).status).toBe(500);
      jobs.schedule = schedule;
      expect(mailbox.mails.filter(({ to }) => to === who.address)).toEqual([]);
      await move(world, 300);
      // the same browser asks again
      expect((await comeBack(world, begun)).status).toBe(410);
      await mailbox.waitFor(who.address);
      expect(await hoursLeft(world, who)).toBe(72);

      const unlucky = await somebody(world);
      const lost = await chooseNewFace(world, unlucky, new Browser());
      await showFace(world, lost);
      jobs.schedule = (job) => (job.kind === 'mail' ? Promise.reject(new Error('killed')) : schedule(job));
      await comeBack(world, lost);
      jobs.schedule = schedule;
      await move(world, 80 * HOUR);
      const after = await signIn(world, new Browser(), unlucky.name);
      expect(comparedWith(world, after.begun)).toBe(unlucky.face);
    });

    test('R6: a crash before the old picture is deleted: it is deleted afterwards', async () => {
      const who = await somebody(world);
      await leaveWaiting(world, who);
      const { accounts } = world.app.parts;
      const { dropPortrait } = accounts;
      accounts.dropPortrait = () => {
        accounts.dropPortrait = dropPortrait;
        return Promise.reject(new Error('killed'));
      };
      await move(world, 73 * HOUR);
      await until('the new face in place', async () => (await load(world, who)).pending === undefined);
      // the job is handed out again when its lease is over
      await move(world, 60);
      await until('the old picture to be gone', async () => (await strays(world)).length === 0);
      expect((await load(world, who)).unusedFaces).toBeUndefined();
    });

    test('T14: to deny the face that is in place takes that one back, not only another that waits', async () => {
      const who = await somebody(world);
      const taken = await chooseNewFace(world, who, who.device);
      await showFace(world, taken);
      await world.finish(taken);
      const link = linkIn(await mailbox.waitFor(who.address));
      await leaveWaiting(world, who);
      await denyBy(link);
      const account = await load(world, who);
      expect([account.standing, account.pending]).toEqual(['must-re-enrol', undefined]);
    });

    test('T14: two finishes at once put one face to wait, and tell once', async () => {
      const who = await somebody(world);
      const begun = await chooseNewFace(world, who, new Browser());
      await showFace(world, begun);
      await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
      const at = `${world.issuer}/interaction/${begun.uid}/finish`;
      const pages = await Promise.all(Array.from({ length: 5 }, () => begun.browser.request(at)));
      expect(pages.map(({ status }) => status)).toEqual(pages.map(() => 410));
      expect((await load(world, who)).pending?.verificationId).toBe(begun.sessionId);
      expect(await countOf(world, 're-enrolment.waits', who.id)).toBe(1);
    });

    test.each(['came to the lock late', 'held the lock for longer than it may'])(
      'T14: a finish beside one that is through already leaves waiting what waits: it %s',
      async (how) => {
        const who = await somebody(world);
        const { accounts, attempts, store } = world.app.parts;
        const begun = await chooseNewFace(world, who, new Browser());
        await showFace(world, begun);
        await until('the verdict', async () => (await attempts.find(begun.uid))?.state === 'settled');
        const at = `${world.issuer}/interaction/${begun.uid}/finish`;
        const lock = `let-wait:${begun.uid}`;
        const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const { putIfAbsent } = store;
        const { pinPortrait } = accounts;
        if (how === 'came to the lock late') {
          store.putIfAbsent = async (key, ...rest) => {
            if (key !== lock) return putIfAbsent(key, ...rest);
            store.putIfAbsent = putIfAbsent;
            reached.resolve();
            await gate.promise;
            return putIfAbsent(key, ...rest);
          };
        } else {
          accounts.pinPortrait = async (ref) => {
            accounts.pinPortrait = pinPortrait;
            // as when its time is over
            await store.delete(lock);
            reached.resolve();
            await gate.promise;
            await pinPortrait(ref);
          };
        }
        const slow = begun.browser.request(at);
        await reached.promise;
        const quick = await begun.browser.request(at);
        gate.resolve();
        expect([quick.status, (await slow).status]).toEqual([410, 410]);
        const account = await load(world, who);
        expect([account.pending?.verificationId, account.standing]).toEqual([begun.sessionId, 'good']);
      },
    );

    test('In Review holds it, and it goes on to wait when the reviewer approves', async () => {
      const who = await somebody(world);
      const begun = await chooseNewFace(world, who, new Browser());
      await showFace(world, begun, { scenario: 'in_review' });
      const held = await awaitPage(world, begun, 'the hold', (page) => /data-state="in-review"/.test(page.text));
      expect(isAtClient(world, held)).toBe(false);
      expect((await load(world, who)).pending).toBeUndefined();
      world.clock.move(300);
      await world.sandbox.review(begun.sessionId, 'Approved');
      const page = await comeBack(world, begun);
      expect(page.status).toBe(410);
      expect((await load(world, who)).pending?.verificationId).toBe(begun.sessionId);
    });
  });

  describe('that the vendor asks for', () => {
    test('Kyc Expired at a login: a document check at once, from any device, of the same person only', async () => {
      const who = await somebody(world);
      const begun = await begin(world, new Browser(), who.name);
      await showFace(world, begun, { scenario: 'kyc_expired' });
      const page = await awaitPage(world, begun, 'the word', (seen) => /out of date/i.test(wordsOf(seen)));
      const next = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
      const wrong = followedBy(world, begun, next);
      expect(world.sandbox.session(wrong.sessionId).kind).toBe('enrol');
      await showFace(world, wrong, { settle: { person: { ...ANOTHER, ...OTHER_PAPER } } });
      const refused = await awaitPage(world, wrong, 'the refusal', isDeclined);
      const again = await pressOn(world, begun.browser, refused, { name: 'begin', value: 'here' });
      const right = followedBy(world, begun, again);
      await showFace(world, right);
      expect((await world.finish(right)).claims()?.sub).toBe(who.id);
      expect(await load(world, who)).toMatchObject({ standing: 'good' });
      expect((await load(world, who)).pending).toBeUndefined();
      expect(faceOf(await load(world, who))).toBe(selfieOf(world, right));
    });

    test('Kyc Expired after the enrolment: the account must be proven anew, and is, from an unknown device', async () => {
      const { name, id } = await somebody(world);
      const enrolment = world.sandbox
        .sessions()
        .findLast((session) => session.kind === 'enrol' && session.status === 'Approved');
      world.clock.move(5);
      await world.sandbox.settle(String(enrolment?.id), 'kyc_expired');
      await until('the demand', async () => (await load(world, { id })).standing === 'must-re-enrol');
      const { begun, tokens } = await signIn(world, new Browser(), name);
      expect(world.sandbox.session(begun.sessionId).kind).toBe('enrol');
      expect(tokens.claims()?.sub).toBe(id);
      expect((await load(world, { id })).standing).toBe('good');
    });
  });

  describe('by a reviewer’s word', () => {
    /** A selfie that the machine was not sure of. */
    async function borderline(who: Somebody, browser: Browser = who.device, how: Parameters<typeof showFace>[2] = {}) {
      const begun = await begin(world, browser, browser === who.device ? undefined : who.name);
      await showFace(world, begun, { scenario: 'review_face_match_borderline', ...how });
      await awaitPage(world, begun, 'the hold', (page) => /data-state="in-review"/.test(page.text));
      world.clock.move(120);
      return begun;
    }

    /** The reviewer is content with every check, as the vendor then tells it. */
    const approve = (begun: Begun) => world.sandbox.settle(begun.sessionId, 'approve');

    test('T14: the reviewed selfie is compared with from now on, and the person is told', async () => {
      const who = await somebody(world);
      const old = refsOf(await load(world, who));
      const begun = await borderline(who);
      await approve(begun);
      const tokens = await world.finish(begun);
      expect(tokens.claims()?.sub).toBe(who.id);
      expect(faceOf(await load(world, who))).toBe(selfieOf(world, begun));
      for (const ref of old) expect(await strays(world)).not.toContain(`portrait:${ref}`);
      expect((await mailbox.waitFor(who.address)).subject).toMatch(/picture|face/i);
      const later = await signIn(world, new Browser(), who.name);
      expect(comparedWith(world, later.begun)).toBe(selfieOf(world, begun));
      expect(await countOf(world, 'face.replaced', who.id)).toBe(1);
    });

    test('T9, T14: a verdict that a reviewer lifted over a face match in review proves no face, and pins none', async () => {
      const who = await somebody(world);
      const begun = await borderline(who);
      await world.sandbox.review(begun.sessionId, 'Approved');
      await awaitPage(world, begun, 'the refusal', isDeclined);
      expect(faceOf(await load(world, who))).toBe(who.face);
      expect(await countOf(world, 'face.replaced', who.id)).toBe(0);
    });

    test('T2, T14: the selfie of a device elsewhere pins nothing before the number is typed', async () => {
      const who = await somebody(world);
      const begun = await borderline(who, new Browser(), {
        address: '203.0.113.77',
        by: new Browser({ userAgent: 'x' }),
      });
      await approve(begun);
      const page = await comeBackNowhere(begun);
      expect(isAtClient(world, page)).toBe(false);
      expect(faceOf(await load(world, who))).toBe(who.face);
      await giveUp(world, begun.browser, page);
      expect(faceOf(await load(world, who))).toBe(who.face);
      expect(mailbox.mails.filter(({ to }) => to === who.address)).toEqual([]);
    });

    test('T12: approved after the sign-in was given up, or later than it lives, has no effect', async () => {
      const who = await somebody(world);
      const given = await borderline(who);
      await giveUp(world, given.browser, await visit(world, given, '/waiting'));
      await approve(given);
      const late = await borderline(who);
      await move(world, 1300);
      await until('the end', async () => (await visit(world, late, '/waiting')).status === 410);
      await approve(late);
      await world.sandbox.idle();
      expect(isAtClient(world, await visit(world, late, '/finish'))).toBe(false);
      expect(faceOf(await load(world, who))).toBe(who.face);
      expect(await countOf(world, 'face.replaced', who.id)).toBe(0);
    });

    test('T8, T14: turned afterwards, the face that it brought does not stay', async () => {
      const who = await somebody(world);
      const begun = await borderline(who);
      await approve(begun);
      const tokens = await world.finish(begun);
      // long after: what a session could be is over, but the face is still compared with
      await move(world, 46 * 24 * HOUR);
      const later = await signIn(world, new Browser(), who.name, OFFLINE);
      expect(comparedWith(world, later.begun)).toBe(selfieOf(world, begun));
      await world.sandbox.review(begun.sessionId, 'Declined');
      await until('the withdrawal', async () => (await load(world, who)).standing !== 'good');
      expect(await userinfo(world, tokens)).toBe(401);
      await expect(
        oidc.refreshTokenGrant(await world.client(), String(later.tokens.refresh_token)),
      ).rejects.toMatchObject({ error: 'invalid_grant' });
      const next = await begin(world, new Browser(), who.name);
      expect(world.sandbox.session(next.sessionId).kind).toBe('enrol');
    });

    test('T8, T14: turned in the moment in which it is pinned, it is no face to sign in with', async () => {
      const who = await somebody(world);
      const { accounts } = world.app.parts;
      const begun = await borderline(who);
      await approve(begun);
      await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
      const { pinPortrait } = accounts;
      const { change } = accounts;
      accounts.pinPortrait = async (ref) => {
        accounts.pinPortrait = pinPortrait;
        world.clock.move(2);
        // what the refusal does to the account comes before the face is in its place, the rest of it after
        let isPinned = () => {};
        const pinned = new Promise<void>((resolve) => {
          isPinned = resolve;
        });
        const changes = new Promise<void>((resolve) => {
          let count = 0;
          accounts.change = async (id, step) => {
            count += 1;
            if (count === 1) return change(id, step);
            accounts.change = change;
            resolve();
            await pinned;
            return change(id, step);
          };
        });
        await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
        await changes;
        setTimeout(isPinned, 50);
        await pinPortrait(ref);
      };
      await comeBack(world, begun);
      await until('the withdrawal', async () => (await load(world, who)).standing === 'withdrawn');
    });

    test('T14: five finishes at once pin it once, and tell once', async () => {
      const who = await somebody(world);
      const begun = await borderline(who);
      await approve(begun);
      await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
      const at = `${world.issuer}/interaction/${begun.uid}/finish`;
      await Promise.all(Array.from({ length: 5 }, () => begun.browser.request(at)));
      expect(await countOf(world, 'face.replaced', who.id)).toBe(1);
    });

    async function comeBackNowhere(begun: Begun): Promise<Page> {
      return until('the verdict', async () => {
        const page = await visit(world, begun, '/waiting');
        return !/data-state="in-review"/.test(page.text) && page;
      });
    }
  });

  test('T14, T18: no face is left behind by all this', async () => {
    // one that came to nothing lives for two hours
    world.clock.move(3 * HOUR);
    expect(await strays(world)).toEqual([]);
  });

  test('T18: the journal of all this is whole, and names nobody', () => expectCleanJournal(world));

  async function denyBy(link: URL): Promise<void> {
    const browser = new Browser();
    const page = await browser.get(link);
    const [button = ''] = buttonsOf(page);
    const [name = '', value = ''] = button.split('=');
    expect((await browser.press(page, { name, value })).status).toBe(200);
  }
});

describe('which document is one of the same person', () => {
  const SAME = {};
  const RENAMED = { lastName: 'Newname' };
  const REISSUED = { documentNumber: 'REISSUED-7' };
  const NATURALISED = { nationality: 'ISL' };
  type Policy = NonNullable<NonNullable<WorldOptions['policy']>['reEnrolment']>;
  const TABLE: readonly [Policy, readonly [string, Person, boolean][]][] = [
    [
      { match: 'either', sameNationality: false },
      [
        ['the same', SAME, true],
        ['another name', RENAMED, true],
        ['another document', REISSUED, true],
        ['both', { ...RENAMED, ...REISSUED }, false],
      ],
    ],
    [
      { match: 'document', sameNationality: false },
      [
        ['another name', RENAMED, true],
        ['another document', REISSUED, false],
      ],
    ],
    [
      { match: 'person', sameNationality: false },
      [
        ['another document', REISSUED, true],
        ['another name', RENAMED, false],
      ],
    ],
    [
      { match: 'both', sameNationality: false },
      [
        ['the same', SAME, true],
        ['another document', REISSUED, false],
        ['another name', RENAMED, false],
      ],
    ],
    [
      { match: 'either', sameNationality: true },
      [
        ['the same', SAME, true],
        ['another nationality', NATURALISED, false],
        ['another document', REISSUED, true],
      ],
    ],
  ];

  test.each(TABLE)('T14: by policy %j', async (reEnrolment, cases) => {
    const world = await startWorld({ clients: [CLIENT], policy: { ...UNLIMITED, reEnrolment } });
    try {
      for (const [what, person, isSame] of cases) {
        const who = await somebody(world);
        const begun = await chooseNewFace(world, who, who.device);
        await showFace(world, begun, { settle: { person } });
        if (isSame) expect([what, (await world.finish(begun)).claims()?.sub]).toEqual([what, who.id]);
        else await awaitPage(world, begun, `the refusal of ${what}`, isDeclined);
        expect([what, faceOf(await load(world, who)) === who.face]).toEqual([what, !isSame]);
      }
    } finally {
      await world.close();
    }
  });
});

describe('where the face is kept at the vendor', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ clients: [CLIENT], policy: { ...UNLIMITED, portrait: 'vendor' } });
  });
  afterAll(() => world.close());

  test('none is ever kept here: not at enrolment, not by a new document, not by a reviewer', async () => {
    const who = await somebody(world);
    expect(who.face).toBe('none here');
    const begun = await chooseNewFace(world, who, who.device);
    await showFace(world, begun);
    expect((await world.finish(begun)).claims()?.sub).toBe(who.id);
    const held = await begin(world, who.device, undefined, { prompt: 'login' });
    await showFace(world, held, { scenario: 'review_face_match_borderline' });
    await awaitPage(world, held, 'the hold', (page) => /data-state="in-review"/.test(page.text));
    await world.sandbox.settle(held.sessionId, 'approve');
    await world.finish(held);
    expect(await world.app.parts.store.keys('portrait:')).toEqual([]);
    expect(world.sandbox.session(held.sessionId)).toMatchObject({ portrait: null, hasReference: true });
  });

  test('T14: one that waits does so here as well', async () => {
    const who = await somebody(world);
    const { page } = await leaveWaiting(world, who);
    expect(page.status).toBe(410);
    expect((await load(world, who)).pending).toBeDefined();
    await move(world, 73 * HOUR);
    await until('its end', async () => (await load(world, who)).pending === undefined);
    expect(await world.app.parts.store.keys('portrait:')).toEqual([]);
  });
});

describe('a verdict that turns', () => {
  let world: World;
  let peer: Awaited<ReturnType<typeof startPeer>>;
  let answers: number[] = [];
  beforeAll(async () => {
    peer = await startPeer((_request, response) => void response.writeHead(answers.shift() ?? 204).end());
    world = await startWorld({
      storage: 'sqlite',
      clients: [
        CLIENT,
        {
          ...CLIENT,
          client_id: 'told',
          backchannel_logout_uri: `${peer.url}/logout`,
          backchannel_logout_session_required: true,
        },
      ],
      policy: UNLIMITED,
      config: { outgoingAllow: ['127.0.0.1'] },
    });
  });
  afterAll(async () => {
    await world.close();
    await peer.close();
  });
  afterEach(() => {
    answers = [];
    peer.requests.length = 0;
  });

  async function signedInAtTold(): Promise<{ who: Somebody; begun: Begun; tokens: Tokens }> {
    const who = await somebody(world);
    const begun = await world.begin(new Browser(), who.name, OFFLINE, 'told');
    await showFace(world, begun);
    const tokens = await world.finish(begun);
    world.clock.move(5);
    return { who, begun, tokens };
  }

  const revoked = (begun: Begun) =>
    until('the revocation', async () => (await countOf(world, 'login.revoked', begun.sessionId)) > 0);

  test('T8: ends session, grants and tokens, tells the client, forgets the device, puts the account under review', async () => {
    const { who, begun, tokens } = await signedInAtTold();
    await world.sandbox.review(begun.sessionId, 'Declined');
    await revoked(begun);
    await until('the telling', () => peer.requests.length === 1);
    const told = decodeJwt(String(new URLSearchParams(peer.requests[0]?.body).get('logout_token')));
    expect(told).toMatchObject({ aud: 'told', sub: who.id, sid: tokens.claims()?.sid });
    expect(await userinfo(world, tokens)).toBe(401);
    await expect(
      oidc.refreshTokenGrant(await world.client('told'), String(tokens.refresh_token)),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
    const silent = await begun.browser.get((await world.authorize({ prompt: 'none' })).url, (to) =>
      to.startsWith(world.redirectUri),
    );
    expect(answerOf(world, silent).get('error')).toBe('login_required');
    expect(await load(world, who)).toMatchObject({ standing: 'good', review: { reasons: ['late-refusal'] } });
    const devices = await world.app.parts.devices.list(who.id);
    // the enrolment's own device is known by a selfie of its own
    expect(devices).toHaveLength(1);
    await until('the line', async () => (await countOf(world, 'logout.delivered', 'client=told tries=1')) > 0);
  });

  test('T8: a second Declined changes nothing, and tells nobody again', async () => {
    const { begun } = await signedInAtTold();
    await world.sandbox.review(begun.sessionId, 'Declined');
    await revoked(begun);
    await until('the telling', () => peer.requests.length === 1);
    world.clock.move(5);
    await world.sandbox.review(begun.sessionId, 'Approved');
    world.clock.move(5);
    await world.sandbox.review(begun.sessionId, 'Declined');
    await world.sandbox.idle();
    await nudge(world);
    await world.enrol(`between-${people}`);
    expect(await countOf(world, 'login.revoked', begun.sessionId)).toBe(1);
    expect(peer.requests).toHaveLength(1);
  });

  test('R12: a client that fails is told again, and each try is a line of the delivery log', async () => {
    answers = [500, 503];
    const { begun } = await signedInAtTold();
    const before = { retried: await countOf(world, 'logout.retried'), done: await countOf(world, 'logout.delivered') };
    await world.sandbox.review(begun.sessionId, 'Declined');
    await until('the first try', async () => (await countOf(world, 'logout.retried')) === before.retried + 1);
    await move(world, 6);
    await until('the second', async () => (await countOf(world, 'logout.retried')) === before.retried + 2);
    await world.restart();
    await move(world, 31);
    await until('the third', async () => (await countOf(world, 'logout.delivered')) === before.done + 1);
    expect(peer.requests).toHaveLength(3);
    const log = (await journalOf(world)).filter(({ event }) => event.startsWith('logout.')).slice(-3);
    expect(log.map(({ event }) => event)).toEqual(['logout.retried', 'logout.retried', 'logout.delivered']);
    expect(log.map(({ reasons }) => /client=told tries=(\d)/.exec(reasons)?.[1])).toEqual(['1', '2', '3']);
  });

  test('R12: one that never answers is given up after some hours, and the log says so', async () => {
    answers = Array.from({ length: 20 }, () => 500);
    const { begun } = await signedInAtTold();
    const retried = await countOf(world, 'logout.retried');
    await world.sandbox.review(begun.sessionId, 'Declined');
    for (let tries = 1; tries <= 7; tries += 1) {
      await until(`try ${tries}`, async () => (await countOf(world, 'logout.retried')) === retried + tries);
      await move(world, 12 * HOUR + 1);
    }
    await until('the end', async () => (await countOf(world, 'logout.undelivered', 'client=told tries=8')) === 1);
    expect(peer.requests).toHaveLength(8);
    await move(world, 24 * HOUR);
    await world.enrol(`after-${people}`);
    expect(peer.requests).toHaveLength(8);
  });

  test('R12: where the entry names no address for a while, as another process has not read it yet, it is told later', async () => {
    answers = [500];
    const { begun } = await signedInAtTold();
    const retried = await countOf(world, 'logout.retried');
    await world.sandbox.review(begun.sessionId, 'Declined');
    await until('the first try', async () => (await countOf(world, 'logout.retried')) === retried + 1);
    const delivered = await countOf(world, 'logout.delivered');
    const { clients } = world.config;
    await world.restart({ clients: [CLIENT, { ...CLIENT, client_id: 'told' }] as never });
    await move(world, 6);
    await until('it to be put off', async () => {
      for await (const jobs of world.app.parts.backend.bulk.jobs())
        if (jobs.some(({ payloadText }) => payloadText.includes('"unknown":1'))) return true;
      return false;
    });
    await world.restart({ clients });
    await move(world, 60);
    await until('the line', async () => (await countOf(world, 'logout.delivered')) === delivered + 1);
  });

  test('R12: where the entry names no address any more, nobody is told, and the log says that', async () => {
    answers = [500];
    const { begun } = await signedInAtTold();
    const before = await countOf(world, 'logout.undelivered', 'no-address');
    const retried = await countOf(world, 'logout.retried');
    await world.sandbox.review(begun.sessionId, 'Declined');
    await until('the first try', async () => (await countOf(world, 'logout.retried')) === retried + 1);
    const { clients } = world.config;
    await world.restart({ clients: [CLIENT, { ...CLIENT, client_id: 'told' }] as never });
    await until('the line', async () => {
      await move(world, 12 * HOUR + 1);
      return (await countOf(world, 'logout.undelivered', 'no-address')) === before + 1;
    });
    await world.restart({ clients });
  });

  test('R12: the command line prints the delivery log, and nothing else, when asked for it', async () => {
    const place = await placeOf(world);
    const log = (await journalOf(world)).filter(({ event }) => event.startsWith('logout.'));
    const printed = (await here(['journal', '--json', '--event', 'logout.*'], place)).json();
    expect(printed.map(({ event }) => event)).toEqual(log.map(({ event }) => event));
    const given = (await here(['journal', '--json', '--event', 'logout.undelivered'], place)).json();
    expect(new Set(given.map(({ event }) => event))).toEqual(new Set(['logout.undelivered']));
    expect(await here(['journal', '--event', 'logout'], place)).toMatchObject({ code: 0, out: 'no events\n' });
    for (const wrong of ['', '*', 'Logout.*', 'logout.*.x', '.*'])
      expect([wrong, (await here(['journal', '--event', wrong], place)).code]).toEqual([wrong, 2]);
  });

  test('T18: the journal of all this is whole, and names nobody', () => expectCleanJournal(world));
});

describe('a client with a policy of its own', () => {
  const GENERAL = {
    rules: ADAPTIVE.rules.filter(({ asks }) => asks !== 'skip'),
    otherWays: [],
    crossDevice: 'confirm' as const,
    verdict: { refuseWarnings: [] },
  };
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      clients: ['app', 'careful', 'here-only'].map((id) => ({ ...CLIENT, client_id: id })),
      policy: {
        ...UNLIMITED,
        clients: {
          careful: {
            ...GENERAL,
            verdict: { refuseWarnings: ['LOW_FACE_QUALITY'], minFaceScore: 80, minLivenessScore: 70 },
          },
          'here-only': { ...GENERAL, crossDevice: 'off' },
        },
      },
    });
  });
  afterAll(() => world.close());

  type Settle = NonNullable<NonNullable<Parameters<typeof showFace>[2]>['settle']>;
  const LOW_QUALITY: Settle = {
    mutate: (decision: Record<string, unknown>) => ({
      ...decision,
      liveness_checks: (decision.liveness_checks as object[]).map((check) => ({
        ...check,
        warnings: [{ feature: 'LIVENESS', risk: 'LOW_FACE_QUALITY', log_type: 'information' }],
      })),
    }),
  };
  const NO_SCORE: Settle = {
    mutate: (decision: Record<string, unknown>) => ({
      ...decision,
      face_matches: (decision.face_matches as object[]).map((match) => ({ ...match, score: null })),
    }),
  };

  test.each<[string, Settle, string]>([
    ['a warning', LOW_QUALITY, 'warning-refused'],
    ['a low score of the face', { scores: { faceMatch: 79.9 } }, 'face-match-score'],
    ['a low score of liveness', { scores: { liveness: 69 } }, 'liveness-score'],
    ['no score at all', NO_SCORE, 'face-match-score'],
  ])('T28: %s is refused for that client, and for no other', async (_what, settle, check) => {
    const who = await somebody(world);
    const careful = await world.begin(new Browser(), who.name, {}, 'careful');
    await showFace(world, careful, { settle });
    const page = await awaitPage(world, careful, 'the refusal', isDeclined);
    expect(wordsOf(page)).not.toMatch(/score|warning|quality/i);
    expect(isAtClient(world, await visit(world, careful, '/finish'))).toBe(false);
    expect(await countOf(world, 'verification.refused', check)).toBeGreaterThan(0);
    await giveUp(world, careful.browser, page);
    const usual = await world.begin(new Browser(), who.name);
    await showFace(world, usual, { settle });
    expect((await world.finish(usual)).claims()?.sub).toBe(who.id);
  });

  test('what is good enough for it passes, to the very score', async () => {
    const who = await somebody(world);
    const begun = await world.begin(new Browser(), who.name, {}, 'careful');
    await showFace(world, begun, { settle: { scores: { faceMatch: 80, liveness: 70 } } });
    expect((await world.finish(begun)).claims()?.sub).toBe(who.id);
  });

  test('T28: an enrolment through that client is held to the same', async () => {
    const begun = await world.begin(new Browser(), 'careful-newcomer', {}, 'careful');
    await showFace(world, begun, { settle: LOW_QUALITY });
    await awaitPage(world, begun, 'the refusal', isDeclined);
    expect(await world.app.parts.accounts.findByIdentifier('careful-newcomer')).toBeUndefined();
  });

  test('T2: where captures elsewhere are off, no phone is offered, and none is got by asking; elsewhere it is', async () => {
    const who = await somebody(world);
    const usual = await new Browser().get((await world.authorize()).url);
    expect(buttonsOf(usual)).toContain('begin=phone');
    const browser = new Browser();
    const first = await browser.get((await world.authorize({}, 'here-only')).url);
    expect(buttonsOf(first)).not.toContain('begin=phone');
    const fields = { identifier: who.name, biometric_consent: 'yes', begin: 'phone' };
    const pressed = await browser.press(first, { name: 'begin', value: 'here' }, fields);
    expect(pressed.headers.get('location')).toContain(world.sandbox.url);
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    expect((await world.app.parts.attempts.find(uid))?.verifications[0]?.phoneToken).toBeUndefined();
  });

  test.each([
    ['here-only', false],
    ['app', true],
  ])('T2: at %s the number of a capture elsewhere finishes: %s', async (clientId, isLetIn) => {
    const who = await somebody(world);
    const begun = await world.begin(new Browser(), who.name, {}, clientId);
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    await showFace(world, begun, { by: phone, address: FAR });
    const { attempts, sealer } = world.app.parts;
    const attempt = await until('the verdict', async () => {
      const found = await attempts.find(begun.uid);
      return found?.state === 'settled' && found;
    });
    const number = String(openVerificationSecrets(sealer, attempt)?.number);
    const shown = await phone.get(String(world.sandbox.session(begun.sessionId).returnUrl));
    expect([shown.status, shown.text.includes(number)]).toEqual([403, isLetIn]);
    const waiting = await visit(world, begun, '/waiting');
    expect(waiting.text.includes('name="number"')).toBe(isLetIn);
    const csrf = /name="csrf" value="([^"]+)"/.exec(waiting.text)?.[1] ?? '';
    const typed = await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/confirm`, {
      form: { csrf, number },
    });
    const end = await begun.browser.follow(typed, (to) => to.startsWith(world.redirectUri));
    expect(isAtClient(world, end)).toBe(isLetIn);
    if (isLetIn) return;
    const told = await visit(world, begun, '/finish');
    expect([isAtClient(world, told), wordsOf(told)]).toEqual([
      false,
      expect.stringContaining('must happen on the same device'),
    ]);
  });

  test('T18: the journal of all this is whole, and names nobody', () => expectCleanJournal(world));
});
