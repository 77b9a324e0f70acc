import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as oidc from 'openid-client';
import type { Account } from '../../src/core/account.ts';
import { createAccountStore } from '../../src/storage/accounts.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { Browser, wordsOf } from '../support/browser.ts';
import { answerOf, comeBack, creates, deliver, isAtClient, showFace, until, visit } from '../support/story.ts';
import { type Begun, CLIENT_SECRET, startWorld, type World } from '../support/world.ts';

const entry = {
  client_secret: CLIENT_SECRET,
  redirect_uris: ['http://127.0.0.1:9/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  first_party: true,
};

let world: World;

beforeAll(async () => {
  world = await startWorld({
    storage: 'sqlite',
    clients: [
      { client_id: 'app', ...entry },
      { client_id: 'strict', ...entry, minimum_acr: 'urn:selfie-oidc:acr:selfie-active' },
    ],
  });
});
afterAll(() => world.close());

const finishUrl = (begun: Begun) => `${world.issuer}/interaction/${begun.uid}/finish`;

async function settled(begun: Begun): Promise<void> {
  await showFace(world, begun);
  await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
}

/** The same browser again, with the cookies it has now. */
function copyOf(browser: Browser): Browser {
  const copy = new Browser({ userAgent: browser.userAgent });
  for (const cookie of browser.cookies()) copy.setCookie(cookie);
  return copy;
}

describe('finish', () => {
  test('T13: finishes beside the way back to the client do not bring the interaction back: one code', async () => {
    for (let round = 0; round < 3; round += 1) {
      const begun = await world.begin(new Browser(), `beside-${round}`);
      await settled(begun);
      await begun.browser.request(finishUrl(begun));
      const resume = `${world.issuer}/auth/${begun.uid}`;
      const jar = copyOf(begun.browser);
      const pages = await Promise.all(
        [finishUrl(begun), finishUrl(begun), finishUrl(begun), resume, finishUrl(begun), finishUrl(begun)].map((url) =>
          copyOf(jar).request(url),
        ),
      );
      const all = [...pages, await copyOf(jar).request(resume)];
      const codes = all.filter((page) => isAtClient(world, page)).map((page) => answerOf(world, page).get('code'));
      expect(codes.filter((code) => code !== null)).toHaveLength(1);
      expect(all.filter((page) => page.status >= 500)).toEqual([]);
    }
  });

  test.each([
    ['app', 'spent', '/auth/'],
    ['strict', 'open', '/interaction/'],
  ])('R6: a new person’s finish asked six times at once leads to the same place at %s', async (client, state, to) => {
    const begun = await world.begin(new Browser(), `doubled-at-${client}`, {}, client);
    await settled(begun);
    const pages = await Promise.all(Array.from({ length: 6 }, () => begun.browser.request(finishUrl(begun))));
    for (const page of pages) expect(page.headers.get('location')).toContain(to);
    expect((await world.app.parts.attempts.find(begun.uid))?.state).toBe(state);
    expect((await world.app.parts.accounts.findByIdentifier(`doubled-at-${client}`))?.standing).toBe('good');
  });

  test('R6: a crash between the account’s record and its identifier is made good by the next finish', async () => {
    const { accounts, store, sealer } = world.app.parts;
    const { create } = accounts;
    accounts.create = async (account: Account) => {
      accounts.create = create;
      const key = `account:${account.id}`;
      await store.set(key, sealer.seal(JSON.stringify(account), key), 1000);
      throw new Error('killed');
    };
    const begun = await world.begin(new Browser(), 'crashed');
    await showFace(world, begun);
    expect((await comeBack(world, begun)).status).toBe(500);
    const sub = (await world.finish(begun)).claims()?.sub;
    expect((await accounts.findByIdentifier('crashed'))?.id).toBe(sub);
  });

  describe('R6: a finish that died when its attempt was spent', () => {
    /** @returns how often each of these lines stands in the journal, and what the person's own page shows */
    async function traces(uid: string) {
      const { activity, attempts, journal } = world.app.parts;
      const lines: string[] = [];
      for await (const { attempt, event } of journal.entries()) if (attempt === uid) lines.push(event);
      const { accountId = '' } = (await attempts.find(uid)) ?? {};
      return {
        finished: lines.filter((event) => event === 'login.finished').length,
        isBound: lines.includes('login.bound'),
        signIns: (await activity.signIns(accountId)).filter((signIn) => signIn.uid === uid).length,
      };
    }
    const WHOLE = { finished: 1, isBound: true, signIns: 1 };

    async function expectDoneLater(name: string, left: object, whole: object = WHOLE): Promise<void> {
      const begun = await world.begin(new Browser(), name);
      await settled(begun);
      const finishedAt = world.clock.now();
      expect((await begun.browser.request(finishUrl(begun))).status).toBe(500);
      expect(answerOf(world, await visit(world, begun, '/finish')).get('code')).toBeTruthy();
      expect(await traces(begun.uid)).toMatchObject(left);
      const cancelled = jest.spyOn(world.app.parts.backend.jobs, 'cancel');
      world.clock.move(601);
      await until('the rest', () => cancelled.mock.calls.some(([kind, id]) => kind === 'lapse' && id === begun.uid));
      cancelled.mockRestore();
      expect(await traces(begun.uid)).toEqual(whole);
      const { accountId = '' } = (await world.app.parts.attempts.find(begun.uid)) ?? {};
      const [signIn] = await world.app.parts.activity.signIns(accountId);
      expect((signIn?.at ?? 0) - finishedAt).toBeLessThan(60);
    }

    test('lets its browser in, and is in journal and list all the same', async () => {
      await world.enrol('died');
      const { attempts } = world.app.parts;
      const { change } = attempts;
      attempts.change = async (uid, step) => {
        const result = await change(uid, step);
        if (result?.attempt.state !== 'spent') return result;
        attempts.change = change;
        throw new Error('killed');
      };
      await expectDoneLater('died', { finished: 0, signIns: 0 });
    });

    test('with its line written and no more is told twice rather than forgotten', async () => {
      await world.enrol('died-early');
      const { activity } = world.app.parts;
      jest.spyOn(activity, 'noteSignIn').mockImplementationOnce(async () => {
        throw new Error('killed');
      });
      await expectDoneLater('died-early', { finished: 1, signIns: 0 }, { ...WHOLE, finished: 2 });
    });

    test('with all of it done but the last step is told once', async () => {
      await world.enrol('died-last');
      const { jobs } = world.app.parts.backend;
      const { cancel } = jobs;
      jobs.cancel = async (kind, id) => {
        if (kind !== 'lapse') return cancel(kind, id);
        jobs.cancel = cancel;
        throw new Error('killed');
      };
      await expectDoneLater('died-last', WHOLE);
    });
  });

  test('T8: a verdict that turns while the account is made leaves none in good standing', async () => {
    const { accounts, attempts } = world.app.parts;
    const begun = await world.begin(new Browser(), 'turned');
    const { create } = accounts;
    accounts.create = async (account: Account) => {
      accounts.create = create;
      const made = await create(account);
      world.clock.move(2);
      await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
      await until('the end', async () => (await attempts.find(begun.uid))?.state === 'ended');
      return made;
    };
    await showFace(world, begun);
    expect((await comeBack(world, begun)).status).toBe(410);
    expect((await accounts.findByIdentifier('turned'))?.standing).toBe('withdrawn');
  });

  test('R6, T8: a refusal after a crash that left an account behind takes it back', async () => {
    const { accounts } = world.app.parts;
    const begun = await world.begin(new Browser(), 'left-behind');
    const { create } = accounts;
    accounts.create = async (account: Account) => {
      accounts.create = create;
      await create(account);
      throw new Error('killed');
    };
    await showFace(world, begun);
    expect((await comeBack(world, begun)).status).toBe(500);
    expect((await accounts.findByIdentifier('left-behind'))?.standing).toBe('good');
    await world.sandbox.settle(begun.sessionId, 'decline_document_expired');
    await until(
      'the withdrawal',
      async () => (await accounts.findByIdentifier('left-behind'))?.standing === 'withdrawn',
    );
  });

  test('R6, T8: refused while its account was made, and died before it could see: the sweep takes it back', async () => {
    const { accounts } = world.app.parts;
    const begun = await world.begin(new Browser(), 'refused-beside');
    const { create } = accounts;
    accounts.create = async (account: Account) => {
      accounts.create = create;
      world.clock.move(2);
      await world.sandbox.settle(begun.sessionId, 'decline_document_expired');
      await until('it is taken back', () =>
        world.log.some((line) => line.includes('took a login back') && line.includes(begun.sessionId)),
      );
      await create(account);
      throw new Error('killed');
    };
    await showFace(world, begun);
    expect((await comeBack(world, begun)).status).toBe(500);
    expect((await accounts.findByIdentifier('refused-beside'))?.standing).toBe('good');
    world.clock.move(3600);
    await until(
      'the withdrawal',
      async () => (await accounts.findByIdentifier('refused-beside'))?.standing === 'withdrawn',
    );
  });

  test('an identifier that was taken meanwhile leaves nothing that a refusal could take back', async () => {
    const { accounts, attempts, store } = world.app.parts;
    const begun = await world.begin(new Browser(), 'contested');
    const { create } = accounts;
    accounts.create = async () => {
      accounts.create = create;
      return false;
    };
    await settled(begun);
    await comeBack(world, begun);
    expect((await attempts.find(begun.uid))?.state).toBe('ended');
    expect(await store.get(`allowance:${begun.sessionId}`)).toBeUndefined();
  });
});

describe('late refusals', () => {
  test('T8: of the document check before a stronger selfie: what the two allowed together is taken back', async () => {
    const browser = new Browser();
    const params = { scope: 'openid offline_access', prompt: 'consent' };
    const begun = await world.begin(browser, 'stepped-up', params, 'strict');
    await showFace(world, begun);
    const owed = await comeBack(world, begun);
    const pressed = await browser.press(owed, { name: 'begin', value: 'here' });
    const second = world.sandbox.sessions().find(({ url }) => url === pressed.headers.get('location'));
    const active = { ...begun, sessionId: second?.id ?? '' };
    await showFace(world, active);
    const { refresh_token: token = '' } = await world.finish(active);
    const configuration = await world.client('strict');
    const { refresh_token: rotated = '' } = await oidc.refreshTokenGrant(configuration, token);
    world.clock.move(2);
    await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
    await until('the account to be asked again', async () => {
      const account = await world.app.parts.accounts.findByIdentifier('stepped-up');
      return account?.standing === 'withdrawn' && world.log.some((line) => line.includes('took a login back'));
    });
    await expect(oidc.refreshTokenGrant(configuration, rotated)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('T8: of a login: the device that it made known is unknown again', async () => {
    await world.enrol('lent');
    const begun = await world.begin(new Browser(), 'lent');
    await showFace(world, begun);
    await world.finish(begun);
    world.clock.move(2);
    await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
    const again = await until('the device to be forgotten', async () => {
      const next = await world.begin(begun.browser, 'lent', { prompt: 'login' });
      const attempt = await world.app.parts.attempts.find(next.uid);
      return attempt?.knownDevice === false && attempt;
    });
    expect(again.claimant.kind).toBe('account');
  });

  test('T8: in the moment in which a login makes its device known: it stays unknown', async () => {
    const { tokens } = await world.enrol('lent-for-a-moment');
    const { devices } = world.app.parts;
    const { remember } = devices;
    const begun = await world.begin(new Browser(), 'lent-for-a-moment');
    await settled(begun);
    devices.remember = async (...visit) => {
      devices.remember = remember;
      world.clock.move(2);
      await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
      await until('it is taken back', () =>
        world.log.some((line) => line.includes('took a login back') && line.includes(begun.sessionId)),
      );
      return remember(...visit);
    };
    await comeBack(world, begun);
    expect(devices.remember).toBe(remember);
    // that of the enrolment alone
    expect(await devices.list(String(tokens.claims()?.sub))).toHaveLength(1);
    expect(begun.browser.cookie('selfie_device')).toBeUndefined();
  });

  test('T8: of an enrolment: tokens of later logins with that face are refused as well', async () => {
    const enrolled = await world.begin(new Browser(), 'impostor');
    await showFace(world, enrolled);
    await world.finish(enrolled);
    const later = await world.begin(enrolled.browser, undefined, {
      scope: 'openid offline_access',
      prompt: 'login consent',
    });
    await showFace(world, later);
    const { refresh_token: token = '' } = await world.finish(later);
    world.clock.move(2);
    await deliver(world, enrolled.sessionId, { status: 'Declined', timestamp: world.clock.now() });
    await until('the account to be withdrawn', async () => {
      return (await world.app.parts.accounts.findByIdentifier('impostor'))?.standing === 'withdrawn';
    });
    await expect(oidc.refreshTokenGrant(await world.client(), token)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('two clocks', () => {
  test.each([-200, -17, 17, 200])(
    'R10: a webhook dated %i s from now settles a login, which is dated by neither future nor past',
    async (offset) => {
      const begun = await world.begin(new Browser(), `clock-${offset}`);
      const startedAt = world.clock.now();
      await showFace(world, begun, { settle: { webhook: { timestamp: startedAt + offset } } });
      const claims = (await world.finish(begun)).claims();
      expect(claims?.auth_time).toBeGreaterThanOrEqual(startedAt - 1);
      expect(claims?.auth_time).toBeLessThanOrEqual(world.clock.now());
    },
  );

  test('T13: an old webhook alone proves nothing: the decision is read', async () => {
    const begun = await world.begin(new Browser(), 'old-news');
    await world.sandbox.settle(begun.sessionId, 'in_review', { webhook: false });
    await deliver(world, begun.sessionId, {
      status: 'Approved',
      timestamp: world.clock.now() - 200,
      body: { status: 'Approved', 'decision.status': 'Approved' },
    });
    await until('the review to be seen', async () => {
      const attempt = await world.app.parts.attempts.find(begun.uid);
      return attempt?.verifications[0]?.status === 'in-review';
    });
  });
});

describe('odd ids', () => {
  test.each(['x'.repeat(500), '%00', 'a%00b', 'a%2Fb', '%E0%A4%A'])(
    'no page of %s, and no fault of ours',
    async (id) => {
      const browser = new Browser();
      for (const rest of ['', '/waiting', '/events', '/finish', '/return/t', '/phone/t', `/return/${id}`]) {
        expect((await browser.request(`${world.issuer}/interaction/${id}${rest}`)).status).toBe(403);
      }
      for (const rest of ['/begin', '/confirm', '/abort', '/deny', '/phone/t']) {
        const form = { token: 'x'.repeat(500) };
        expect((await browser.request(`${world.issuer}/interaction/${id}${rest}`, { form })).status).toBe(403);
      }
    },
  );
});

describe('what costs nothing', () => {
  test('T17: refused sign-ins do not fill the journal, and the blocked do not use up the vendor’s budget', async () => {
    const small = await startWorld({ policy: { limits: { sessionsPerAddressPerHour: 3 } } });
    try {
      await small.begin(new Browser(), 'holder');
      for (let tries = 0; tries < 5; tries += 1) await small.begin(new Browser(), 'holder');
      small.sandbox.fault('create', { status: 400, body: { vendor_data: ['blocked'] }, times: null });
      const before = creates(small);
      const told = await small.begin(new Browser(), 'blocked-0');
      expect(told.page.status).toBe(403);
      expect(wordsOf(told.page)).toContain('You cannot sign in with a selfie here');
      for (let tries = 1; tries < 8; tries += 1) await small.begin(new Browser(), `blocked-${tries}`);
      expect(creates(small) - before).toBe(2);
      const events: string[] = [];
      for await (const { event } of small.app.parts.journal.entries()) events.push(event);
      expect(events.filter((event) => event === 'login.conflict')).toHaveLength(1);
      expect(events.filter((event) => event === 'login.limited')).toHaveLength(1);
    } finally {
      await small.close();
    }
  });
});

describe('rotation of data keys', () => {
  test('R11: of two processes, one of which does not know the new key yet, only one gives the identifier away', async () => {
    const [older, newer] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const { store } = openMemory({ clock: { now: () => 1000 } });
    const ahead = createAccountStore({ store, sealer: createSealer([newer, older]) });
    const behind = createAccountStore({ store, sealer: createSealer([older]) });
    const made = (id: string): Account => ({
      id,
      subject: `subject-${id}`,
      identifier: 'ada',
      createdAt: 1,
      updatedAt: 1,
      standing: 'good',
      profile: {},
      matching: { document: [], person: [] },
      portrait: { kind: 'vendor' },
      enrolledBy: { verificationId: 'v', at: 1, purpose: 'enrol' },
      consent: null,
    });
    expect(await ahead.create(made('first'))).toBe(true);
    expect(await behind.create(made('second'))).toBe(false);
    expect(await behind.find('second')).toBeUndefined();
    expect(await ahead.create(made('third'))).toBe(false);
    expect((await ahead.findByIdentifier('ada'))?.id).toBe('first');
    await ahead.remove('first');
    expect(await behind.create(made('fourth'))).toBe(true);
    expect(await ahead.create(made('fifth'))).toBe(false);
  });
});
