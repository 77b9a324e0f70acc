import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { answerOf, comeBack, deliver, isAtClient, pressOn, showFace, until, visit } from '../support/story.ts';
import { startWorld, WORKFLOWS, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({
    storage: 'sqlite',
    policy: { limits: { sessionsPerAccountPerHour: 1000, unknownDevicesPerAccountPerHour: 1000 } },
    clients: [
      {
        client_id: 'app',
        client_name: 'Example App',
        client_secret: 'a-client-secret-of-at-least-thirty-two-characters',
        redirect_uris: ['http://127.0.0.1:9/cb'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        first_party: true,
      },
      {
        client_id: 'strict',
        client_name: 'Strict',
        client_secret: 'a-client-secret-of-at-least-thirty-two-characters',
        redirect_uris: ['http://127.0.0.1:9/cb'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        first_party: true,
        minimum_acr: 'urn:selfie-oidc:acr:selfie-active',
      },
    ],
  });
});
afterAll(() => world.close());

test('long and odd ids', async () => {
  const b = new Browser();
  const long = 'x'.repeat(500);
  const out: Record<string, number> = {};
  for (const [m, p] of [
    ['GET', `/interaction/${long}`],
    ['GET', `/interaction/${long}/waiting`],
    ['GET', `/interaction/${long}/return/t`],
    ['GET', `/interaction/${long}/phone/t`],
    ['GET', `/interaction/%00`],
    ['GET', '/interaction/%E0%A4%A'],
    ['GET', `/interaction/a%2Fb/finish`],
    ['GET', `/logos/${long}`],
    ['GET', `/assets/%ff`],
    ['GET', '//evil.com/auth'],
    ['GET', `/interaction/a%00/events`],
    ['GET', `/auth/${long}`],
    ['GET', '/interaction/x/return/%00'],
  ] as const)
    out[`${m} ${p.slice(0, 40)}`] = (await b.request(world.issuer + p, { method: m })).status;
  for (const p of [`/interaction/${long}/deny`, `/interaction/${long}/phone/x`, `/interaction/${long}/begin`])
    out[`POST ${p.slice(-10)}`] = (await b.request(world.issuer + p, { form: { token: 'x' } })).status;
  const r = await fetch(`${world.issuer}/interaction/abc/deny`, {
    method: 'POST',
    body: 'token=%00',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  out['deny nul'] = r.status;
  console.log(out);
});

test('finish beside resume', async () => {
  let twice = 0;
  for (let i = 0; i < 15; i++) {
    const name = `p${i}`;
    const begun = await world.begin(new Browser(), name);
    await showFace(world, begun);
    await until('the finish', async () => {
      const page = await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/finish`);
      return page.headers.get('location')?.includes('/auth/');
    });
    const jar = begun.browser.cookies().map((c) => ({ ...c }));
    const copy = () => {
      const x = new Browser();
      for (const c of jar) x.setCookie(c);
      return x;
    };
    const rs = await Promise.all(
      [0, 1, 2, 3, 4, 5, 6, 7].map((k) =>
        k === 4
          ? copy().request(`${world.issuer}/auth/${begun.uid}`)
          : copy().request(`${world.issuer}/interaction/${begun.uid}/finish`),
      ),
    );
    const again = await copy().request(`${world.issuer}/auth/${begun.uid}`);
    const codes = [...rs, again]
      .filter((p) => isAtClient(world, p))
      .map((p) => answerOf(world, p).get('code'))
      .filter(Boolean);
    if (codes.length > 1) twice++;
  }
  console.log('second codes in', twice, 'of 15');
}, 60000);

test('late Declined of the enrolment after a step-up', async () => {
  const b = new Browser();
  const begun = await world.begin(b, 'stepper', { scope: 'openid offline_access', prompt: 'consent' }, 'strict');
  await showFace(world, begun);
  const page = await comeBack(world, begun);
  console.log(page.status, page.url);
  const before = new Set(world.sandbox.sessions().map((s) => s.id));
  const p2 = await b.press(page, { name: 'begin', value: 'here' }, {});
  const s2 = world.sandbox.sessions().find((s) => !before.has(s.id));
  console.log(p2.status, p2.headers.get('location'), s2?.workflowId);
  const second = { ...begun, sessionId: s2?.id ?? '', page: p2 };
  await showFace(world, second);
  const tokens = await world.finish(second);
  const cfg = await world.client('strict');
  const oidc = await import('openid-client');
  console.log(tokens.refresh_token !== undefined);
  world.clock.move(30);
  console.log(await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() }));
  await world.sandbox.idle();
  await new Promise((r) => setTimeout(r, 500));
  const r = await oidc.refreshTokenGrant(cfg, tokens.refresh_token as string).then(
    (t) => 'REFRESH WORKS',
    (e) => String(e),
  );
  console.log(r);
}, 30000);
