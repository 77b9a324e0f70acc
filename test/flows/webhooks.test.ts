import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { Browser, type Page, wordsOf } from '../support/browser.ts';
import {
  awaitPage,
  comeBack,
  creates,
  deliver,
  giveUp,
  isAtClient,
  pressOn,
  showFace,
  until,
  visit,
} from '../support/story.ts';
import { type Begun, startWorld, UNLIMITED, WEBHOOK_SECRET, type World } from '../support/world.ts';

const NEW_SECRET = 'world-webhook-secret-of-forty-three-chars-02';

let world: World;
let people = 0;

beforeAll(async () => {
  world = await startWorld({
    policy: UNLIMITED,
  });
  await world.restart({ didit: { ...world.config.didit, webhookSecrets: [NEW_SECRET, WEBHOOK_SECRET] } });
});
afterAll(() => world.close());
afterEach(() => {
  world.sandbox.clearFaults();
  world.sandbox.configure({ webhookMode: 'normal' });
});

/** A login whose face was shown, approved, and told by no delivery yet. */
async function undelivered(): Promise<Begun> {
  people += 1;
  const name = `person-${people}`;
  await world.enrol(name);
  const begun = await world.begin(new Browser(), name);
  await showFace(world, begun, { settle: { webhook: false } });
  world.sandbox.clearCalls();
  return begun;
}

const decisions = () => world.sandbox.calls().filter(({ call }) => call === 'decision').length;

async function isStillWaiting(begun: Begun): Promise<boolean> {
  // whatever a delivery set off has been worked on once a later, harmless one has been
  await world.sandbox.idle();
  const page = await visit(world, begun, '/finish');
  return page.status === 200 && !isAtClient(world, page) && page.text.includes('id="live"');
}

async function leave(begun: Begun): Promise<void> {
  await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
}

const lets = (begun: Begun) => awaitPage(world, begun, 'the way back', (page) => isAtClient(world, page));

function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      `${world.issuer}/webhooks/didit`,
      { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('forged deliveries', () => {
  let begun: Begun;
  beforeAll(async () => {
    begun = await undelivered();
  });
  afterAll(() => leave(begun));

  test.each(['none', 'bad', 'empty', 'truncated', 'other_body', 'uppercase', 'prefixed'] as const)(
    'T5: signature %s: 401, no change, no decision asked for',
    async (signature) => {
      expect(await deliver(world, begun.sessionId, { signature })).toEqual([401]);
      expect(await isStillWaiting(begun)).toBe(true);
      expect(decisions()).toBe(0);
    },
  );

  test('T5: another secret: 401', async () => {
    expect(await deliver(world, begun.sessionId, { secret: 'not-the-secret' })).toEqual([401]);
    expect(await deliver(world, begun.sessionId, { secret: '' })).toEqual([401]);
    expect(await isStillWaiting(begun)).toBe(true);
  });

  test.each([
    ['status', { status: 'Declined' }],
    ['vendor_data', { vendor_data: 'somebody-else' }],
    ['one word deep inside', { 'decision.face_matches.0.status': 'Declined' }],
    ['a key more', { extra: true }],
  ])('T5: %s changed after signing: 401', async (_name, bodyAfterSigning) => {
    expect(await deliver(world, begun.sessionId, { bodyAfterSigning })).toEqual([401]);
    expect(await isStillWaiting(begun)).toBe(true);
    expect(decisions()).toBe(0);
  });

  test.each([[['X-Signature-Simple']], [['X-Signature']], [['X-Signature', 'X-Signature-Simple']]] as const)(
    'T6: only %j: 401',
    async (sign) => {
      expect(await deliver(world, begun.sessionId, { sign })).toEqual([401]);
      expect(await isStillWaiting(begun)).toBe(true);
      expect(decisions()).toBe(0);
    },
  );

  test.each(['timestamp_prefixed'] as const)('T6: V2 over something else (%s): 401', async (v2) => {
    expect(await deliver(world, begun.sessionId, { v2 })).toEqual([401]);
  });

  test('T6: the right simple signature beside a wrong V2 does not help', async () => {
    expect(await deliver(world, begun.sessionId, { headers: { 'x-signature-v2': '0'.repeat(64) } })).toEqual([401]);
    expect(await isStillWaiting(begun)).toBe(true);
  });

  test('T7: an old delivery, as it was: 401, and nothing but one look', async () => {
    const early = await undelivered();
    expect(await deliver(world, early.sessionId, { ageSeconds: 301 })).toEqual([401]);
    await lets(early);
    expect(decisions()).toBe(1);
  });

  test('T7: an old body under a fresh header: 401', async () => {
    const early = await undelivered();
    const now = String(world.clock.now());
    expect(
      await deliver(world, early.sessionId, {
        ageSeconds: 400,
        status: 'In Progress',
        headers: { 'x-timestamp': now },
      }),
    ).toEqual([401]);
    expect(
      await deliver(world, early.sessionId, { timestamp: world.clock.now() + 400, status: 'In Progress' }),
    ).toEqual([401]);
  });
});

describe('the header’s time', () => {
  test.each([-60, -1, 1, 60])(
    'T7: X-Timestamp differs from the signed time by %d s: 401, although both are fresh',
    async (seconds) => {
      const begun = await undelivered();
      const headers = { 'x-timestamp': String(world.clock.now() + seconds) };
      expect(await deliver(world, begun.sessionId, { timestamp: world.clock.now(), headers })).toEqual([401]);
      expect(await deliver(world, begun.sessionId, { headers: { 'x-timestamp': null } })).toEqual([401]);
    },
  );
});

describe('what is believed', () => {
  test.each(['canonical', 'raw'] as const)('T5: V2 over the %s form', async (v2) => {
    const begun = await undelivered();
    expect(await deliver(world, begun.sessionId, { v2 })).toEqual([202]);
    await lets(begun);
  });

  test('T29: the old secret and the new one, while they rotate', async () => {
    for (const secret of [WEBHOOK_SECRET, NEW_SECRET]) {
      const begun = await undelivered();
      expect(await deliver(world, begun.sessionId, { secret })).toEqual([202]);
      await lets(begun);
    }
  });

  test('T7: a hundred copies at once are one event with one effect', async () => {
    const begun = await undelivered();
    const before = world.log.length;
    const answers = await deliver(world, begun.sessionId, { eventId: crypto.randomUUID(), copies: 100 });
    expect(answers).toEqual(Array(100).fill(202));
    await lets(begun);
    const errors = world.log.slice(before).filter((line) => JSON.parse(line).level === 'error');
    expect(errors).toEqual([]);
  });

  test('T7: a resend with a fresh time changes nothing, and is acknowledged', async () => {
    const begun = await undelivered();
    const eventId = crypto.randomUUID();
    expect(await deliver(world, begun.sessionId, { eventId })).toEqual([202]);
    await lets(begun);
    world.clock.move(60);
    expect(await deliver(world, begun.sessionId, { eventId })).toEqual([202]);
    expect((await visit(world, begun, '/finish')).status).toBe(410);
  });

  test.each(['user.status.updated', 'activity.created', 'something.new'])(
    'an event of type %s is acknowledged and ignored',
    async (type) => {
      const begun = await undelivered();
      expect(await deliver(world, begun.sessionId, { type, body: { session_id: '$remove' } })).toEqual([202]);
      expect(await isStillWaiting(begun)).toBe(true);
      await leave(begun);
    },
  );

  test('T8: data.updated about an approved session is no harm', async () => {
    const begun = await undelivered();
    expect(await deliver(world, begun.sessionId)).toEqual([202]);
    expect(await deliver(world, begun.sessionId, { type: 'data.updated' })).toEqual([202]);
    expect(await deliver(world, begun.sessionId, { type: 'data.updated', decision: false })).toEqual([202]);
    await lets(begun);
  });

  test('a test send of the console is acknowledged, and moves nothing', async () => {
    const begun = await undelivered();
    expect(await deliver(world, begun.sessionId, { test: true })).toEqual([202]);
    expect(await deliver(world, begun.sessionId, { body: { 'metadata.test_webhook': true } })).toEqual([202]);
    expect(await isStillWaiting(begun)).toBe(true);
    await leave(begun);
  });

  test('T8: an unknown session is acknowledged', async () => {
    const begun = await undelivered();
    const session_id = crypto.randomUUID();
    expect(await deliver(world, begun.sessionId, { body: { session_id, 'decision.session_id': session_id } })).toEqual([
      202,
    ]);
    expect(await isStillWaiting(begun)).toBe(true);
    await leave(begun);
  });

  test('T10: a signed envelope that names another session than its decision proves nothing', async () => {
    const [one, two] = [await undelivered(), await undelivered()];
    expect(await deliver(world, one.sessionId, { body: { session_id: two.sessionId } })).toEqual([202]);
    expect(await isStillWaiting(two)).toBe(true);
    await Promise.all([leave(one), leave(two)]);
  });
});

describe('answers', () => {
  test('401 without a signature, whatever the body', async () => {
    expect(await post('{}')).toBe(401);
    expect(await post('not json at all')).toBe(401);
    expect(await post('')).toBe(401);
    expect(await post(Buffer.from([0xff, 0xfe, 0x00]))).toBe(401);
  });

  test.each([
    ['no JSON', 'not json'],
    ['JSON that ends too early', '{"session_id":'],
    ['duplicate keys', '{"session_id":"a","session_id":"b","timestamp":1}'],
    ['NaN', '{"timestamp":NaN}'],
    ['a lone surrogate', '{"x":"\\ud800"}'],
    ['a list', '[1]'],
    ['a word', '"x"'],
    ['very deep', `${'['.repeat(5000)}${']'.repeat(5000)}`],
  ])('400: %s, well signed', async (_name, raw) => {
    const begun = await anybody();
    expect(await deliver(world, begun.sessionId, { raw, v2: 'raw' })).toEqual([400]);
  });

  test.each([['$remove'], [null], ['not-a-uuid'], [12]])(
    '400: a status without the session it is about (%j)',
    async (session_id) => {
      const begun = await anybody();
      expect(await deliver(world, begun.sessionId, { body: { session_id } })).toEqual([400]);
    },
  );

  test.each([[null], ['text/plain'], ['application/x-www-form-urlencoded'], ['application/json; charset=latin1']])(
    '415: content type %j',
    async (contentType) => {
      const begun = await anybody();
      expect(await deliver(world, begun.sessionId, { contentType })).toEqual([415]);
    },
  );

  test('415: a compressed body', async () => {
    const begun = await anybody();
    expect(await deliver(world, begun.sessionId, { headers: { 'content-encoding': 'gzip' } })).toEqual([415]);
  });

  test('413: above 1 MiB, announced or not, and not a byte less', async () => {
    const begun = await anybody();
    const padding = 'x'.repeat(1_048_577);
    expect(await deliver(world, begun.sessionId, { body: { padding } })).toEqual([413]);
    const unannounced = await new Promise<number>((resolve) => {
      const outgoing = httpRequest(`${world.issuer}/webhooks/didit`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      });
      outgoing.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      outgoing.on('error', () => undefined);
      for (let piece = 0; piece < 20; piece += 1) outgoing.write(Buffer.alloc(65_536, 0x20));
      outgoing.end();
    });
    expect(unannounced).toBe(413);
    expect(await post(Buffer.alloc(1_048_576, 0x20))).toBe(401);
  });

  test('other methods are not for this address', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(`${world.issuer}/webhooks/didit`, { method });
      expect([404, 405]).toContain(response.status);
    }
  });

  let one: Begun | undefined;
  async function anybody(): Promise<Begun> {
    one ??= await undelivered();
    return one;
  }
});

describe('order and loss (T8, R9)', () => {
  test('T8: Approved before In Progress', async () => {
    const begun = await undelivered();
    await deliver(world, begun.sessionId);
    await deliver(world, begun.sessionId, { status: 'In Progress', ageSeconds: 2 });
    await deliver(world, begun.sessionId, { status: 'In Progress' });
    await lets(begun);
  });

  test('T8: a thin Approved has the decision looked at, and does not count by itself', async () => {
    const begun = await undelivered();
    expect(await deliver(world, begun.sessionId, { decision: false })).toEqual([202]);
    await lets(begun);
    expect(decisions()).toBe(1);
  });

  test('T8: a thin Approved whose decision says otherwise lets nobody in', async () => {
    people += 1;
    const name = `person-${people}`;
    await world.enrol(name);
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun, { scenario: 'decline_liveness_attack', settle: { webhook: false } });
    await deliver(world, begun.sessionId, { status: 'Approved', decision: false });
    await awaitPage(world, begun, 'the refusal', (page) => /could not confirm/.test(wordsOf(page)));
    await leave(begun);
  });

  test('T8: a verdict that is faster than the answer to our own create is kept for its owner', async () => {
    people += 1;
    const name = `person-${people}`;
    await world.enrol(name);
    const known = new Set(world.sandbox.sessions().map(({ id }) => id));
    const browser = new Browser();
    // the vendor made the session, and its answer is under way: a second create is its repetition
    world.sandbox.fault('create', { lost: true });
    const disarm = world.sandbox.fault('create', { slowMs: 400 });
    const pressing = world.begin(browser, name);
    const session = await until('the session', () => world.sandbox.sessions().find(({ id }) => !known.has(id)));
    // only a decision, as the page was not opened: the status stays, so that the repeated create hands it out as new
    expect(await deliver(world, session.id, { status: 'Approved', body: approvalOf(name) })).toEqual([202]);
    const begun = { ...(await pressing), sessionId: session.id };
    disarm();
    await lets(begun);
  });

  test('R9: no webhook at all: the login goes on by looking, within seconds of the return', async () => {
    world.sandbox.configure({ webhookMode: 'lost' });
    const begun = await undelivered();
    const page = await comeBack(world, begun);
    expect(isAtClient(world, page)).toBe(true);
    expect(decisions()).toBeLessThanOrEqual(2);
  });

  test('R7, R9: a look whose storage is away once it has concluded is made good by the next, which asks the vendor nothing', async () => {
    const begun = await undelivered();
    const { ledger, store } = world.app.parts;
    const { settle } = ledger;
    ledger.settle = async () => {
      ledger.settle = settle;
      throw new StorageUnavailable('away');
    };
    expect(isAtClient(world, await comeBack(world, begun))).toBe(true);
    expect(ledger.settle).toBe(settle);
    const asked = () => world.sandbox.calls().filter(({ path }) => path.includes(begun.sessionId)).length;
    const before = asked();
    const outcome = async () => {
      const line = await store.get<string>(`ledger-of:${begun.sessionId}`);
      return (await store.get<{ outcome: string | null }>(`ledger:${line}`))?.outcome ?? undefined;
    };
    expect(await outcome()).toBeUndefined();
    // its lease is over
    world.clock.move(31);
    expect(await until('the bill', outcome)).toBe('accepted');
    expect(asked()).toBe(before);
  });

  test('R9, R10: a step to be done again is named, although its delivery is dated before a look and none comes after', async () => {
    people += 1;
    const name = `person-${people}`;
    await world.enrol(name);
    const begun = await world.begin(new Browser(), name);
    world.sandbox.configure({ webhookMode: 'lost' });
    await showFace(world, begun, { scenario: 'in_progress' });
    world.sandbox.configure({ webhookMode: 'normal' });
    world.sandbox.clearCalls();
    await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
    await until('a look', async () => (await world.app.parts.attempts.find(begun.uid))?.verifications[0]?.isRead);
    world.sandbox.fault('decision', { status: 500, times: null });
    const resubmit_info = { nodes_to_resubmit: [{ node_id: 'n1', feature: 'LIVENESS' }] };
    const told = { status: 'Resubmitted', ageSeconds: 120, decision: false, body: { resubmit_info } };
    expect(await deliver(world, begun.sessionId, told)).toEqual([202]);
    const page = await visit(world, begun, '/waiting');
    expect(page.text).toContain('data-state="resubmitted"');
    expect(page.text).toContain('The selfie<');
    await leave(begun);
  });

  test('R9: reloading the page adds no look', async () => {
    world.sandbox.configure({ webhookMode: 'lost' });
    people += 1;
    const name = `person-${people}`;
    world.sandbox.configure({ webhookMode: 'normal' });
    await world.enrol(name);
    const begun = await world.begin(new Browser(), name);
    world.sandbox.clearCalls();
    for (let reload = 0; reload < 30; reload += 1) await visit(world, begun, '/waiting');
    for (let again = 0; again < 30; again += 1)
      await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
    expect(decisions()).toBeLessThanOrEqual(1);
    await leave(begun);
  });

  test('a believed delivery with a decision is enough: the decision endpoint may be down', async () => {
    const begun = await undelivered();
    world.sandbox.fault('decision', { status: 500, times: null });
    await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
    await deliver(world, begun.sessionId);
    await lets(begun);
  });

  test('R6: one 404 of the decision endpoint is no verdict', async () => {
    const begun = await undelivered();
    world.sandbox.fault('decision', { status: 404 });
    await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
    for (const looks of [1, 2]) {
      world.clock.move(1);
      await until('a look', () => decisions() === looks);
    }
    await lets(begun);
  });

  describe('a decision endpoint that answers 404 for more than a minute', () => {
    /** The page that says so, of a login whose face was shown and approved. */
    async function givenUp(): Promise<{ begun: Begun; page: Page }> {
      const begun = await undelivered();
      world.sandbox.fault('decision', { status: 404, times: null });
      await begun.browser.request(String(world.sandbox.session(begun.sessionId).callback));
      for (const seconds of [1, 5, 60]) {
        const before = decisions();
        world.clock.move(seconds);
        await until('a look', () => decisions() > before);
      }
      return { begun, page: await awaitPage(world, begun, 'the word', ({ text }) => text.includes('no result')) };
    }

    test('R6: the signed approval that comes later counts', async () => {
      const { begun } = await givenUp();
      await deliver(world, begun.sessionId);
      await lets(begun);
    });

    test('T1, T12: the person can go on with a new one, and the approval of the first counts no more', async () => {
      const { begun, page } = await givenUp();
      const next = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
      const session = world.sandbox.sessions().find(({ url }) => url === next.headers.get('location'));
      expect(session?.id).not.toBe(begun.sessionId);
      expect(world.sandbox.session(begun.sessionId).deleted).toBe(true);
      expect(await deliver(world, begun.sessionId)).toEqual([202]);
      expect(await isStillWaiting(begun)).toBe(true);
      world.sandbox.clearFaults();
      await showFace(world, { ...begun, sessionId: session?.id ?? '' });
      await lets({ ...begun, sessionId: session?.id ?? '' });
    });

    test('an approval that comes while the person goes on counts, and nothing more is opened or paid for', async () => {
      const { begun, page } = await givenUp();
      const { attempts } = world.app.parts;
      const { change } = attempts;
      attempts.change = async (uid, next) => {
        attempts.change = change;
        await deliver(world, begun.sessionId);
        return change(uid, next);
      };
      const before = creates(world);
      const pressed = await pressOn(world, begun.browser, page, { name: 'begin', value: 'here' });
      expect(attempts.change).toBe(change);
      expect([isAtClient(world, pressed), creates(world)]).toEqual([true, before]);
      expect(world.sandbox.session(begun.sessionId).deleted).toBe(false);
    });

    test('giving up there is nobody’s refusal', async () => {
      const { begun, page } = await givenUp();
      expect((await giveUp(world, begun.browser, page)).get('error')).toBe('temporarily_unavailable');
    });
  });

  test.each([
    ['500', { status: 500 }],
    ['429', { status: 429, retryAfterSeconds: 1 }],
    ['403', { status: 403 }],
    ['malformed', { malformed: true }],
    ['a redirect', { redirectTo: 'http://127.0.0.1:9/' }],
  ])('the decision endpoint answers %s: the login holds, and goes on with the next delivery', async (_name, spec) => {
    const begun = await undelivered();
    world.sandbox.fault('decision', { ...spec, times: null });
    await deliver(world, begun.sessionId, { decision: false });
    await until('the look', () => decisions() > 0);
    expect(await isStillWaiting(begun)).toBe(true);
    world.sandbox.clearFaults();
    await deliver(world, begun.sessionId);
    await lets(begun);
  });
});

test.each([
  ['/webhooks/didit', 'application/json'],
  ['/auth', 'application/x-www-form-urlencoded'],
])('a body that is broken off is no fault of ours: %s', async (path, type) => {
  const { hostname, port } = new URL(world.issuer);
  const before = world.log.length;
  const headers = { 'content-type': type, 'content-length': '100' };
  const outgoing = httpRequest({ hostname, port, path, method: 'POST', headers });
  outgoing.on('error', () => {});
  outgoing.write('half', () => outgoing.destroy());
  const lines = () => world.log.slice(before).map((line) => JSON.parse(line));
  await until('the line of the request', () => lines().some((line) => line.path === path));
  await (await fetch(`${world.issuer}/livez`)).text();
  expect(lines().filter(({ level }) => level === 'error')).toEqual([]);
});

/** What an approval looks like, put into a delivery of a session that the vendor itself still calls new. */
function approvalOf(_name: string): (body: Record<string, unknown>) => Record<string, unknown> {
  return (body) => ({
    ...body,
    decision: {
      ...(body.decision as object | undefined),
      session_id: body.session_id,
      status: 'Approved',
      vendor_data: body.vendor_data,
      workflow_id: body.workflow_id,
      liveness_checks: [{ node_id: 'l', status: 'Approved', method: 'PASSIVE', score: 97, warnings: [] }],
      face_matches: [{ node_id: 'f', status: 'Approved', score: 96, warnings: [] }],
      ip_analyses: [
        {
          node_id: 'i',
          status: 'Approved',
          ip_address: '127.0.0.1',
          platform: 'desktop',
          browser_family: 'Chrome',
          is_vpn_or_tor: false,
          is_data_center: false,
          warnings: [],
        },
      ],
    },
  });
}
