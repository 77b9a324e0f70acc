import { expect, test } from '@jest/globals';
import { startBrowser, startStandIn } from './stand-in.ts';

const DESKTOP = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
const callback = 'http://127.0.0.1:9/interaction/u/return/t?kept=1';

test('opening the page begins the session and says that this is a stand-in', async () => {
  const { create, sandbox, received } = await startStandIn();
  const { url, session_id } = await create({ callback });
  const page = await startBrowser().go(url);
  const html = await page.text();
  expect(page.status).toBe(200);
  expect(html).toContain('This is a stand-in for Didit');
  expect(html).toContain('<form method="post"');
  expect(html).toContain('name="outcome" value="decline_liveness_attack"');
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/);
  expect(html).not.toMatch(/<script>|style=|onclick/);
  await sandbox.idle();
  expect(sandbox.session(session_id).status).toBe('In Progress');
  expect(received.map(({ body }) => [body.webhook_type, body.status, 'decision' in body])).toEqual([
    ['status.updated', 'In Progress', false],
  ]);
});

test('without JavaScript a button ends it: webhook first, then back to the callback with both parameters merged', async () => {
  const { create, received } = await startStandIn();
  const { url, session_id } = await create({ callback });
  const browser = startBrowser();
  await browser.go(url);
  const answer = await browser.go(url, { outcome: 'review_face_match_borderline' });
  expect(answer.status).toBe(303);
  expect(answer.headers.get('location')).toBe(`${callback}&verificationSessionId=${session_id}&status=In%20Review`);
  expect(received.map(({ body }) => body.status)).toEqual(['In Progress', 'In Review']);
  expect(received[1]?.body.decision).toMatchObject({ session_id, status: 'In Review' });
});

test('the analysis shows the browser that opened the page', async () => {
  const { create, sandbox } = await startStandIn();
  const { url, session_id } = await create({ callback });
  const browser = startBrowser({ 'user-agent': DESKTOP, 'x-forwarded-for': '198.51.100.4' });
  await browser.go(url);
  await browser.go(url, { outcome: 'approve' });
  expect(sandbox.decision(session_id).ip_analyses).toMatchObject([
    {
      ip_address: '198.51.100.4',
      browser_family: 'Chrome',
      os_family: 'Linux',
      platform: 'desktop',
      is_vpn_or_tor: false,
    },
  ]);
});

test('a capture elsewhere can be chosen on the form', async () => {
  const { create, sandbox } = await startStandIn();
  const { url, session_id } = await create({ callback });
  const browser = startBrowser({ 'user-agent': DESKTOP });
  await browser.go(url);
  await browser.go(url, { outcome: 'approve', capture: 'vpn' });
  expect(sandbox.decision(session_id).ip_analyses).toMatchObject([{ ip_address: '192.0.2.66', is_vpn_or_tor: true }]);
});

test.each([
  ['initiator', 200, 303],
  ['completer', 303, 200],
  ['both', 303, 303],
] as const)('after a hand-off, %s decides who is sent back', async (callback_method, capturing, starting) => {
  const { create, sandbox } = await startStandIn();
  const { url, session_id } = await create({ callback, callback_method });
  const desktop = startBrowser({ 'user-agent': DESKTOP });
  const phone = startBrowser({ 'user-agent': PHONE });
  await desktop.go(url);
  await phone.go(url);
  expect((await phone.go(url, { outcome: 'approve' })).status).toBe(capturing);
  expect((await desktop.go(url)).status).toBe(starting);
  expect(sandbox.decision(session_id).ip_analyses).toMatchObject([{ platform: 'desktop' }, { platform: 'mobile' }]);
});

test('the starting page can ask whether the capture is over', async () => {
  const { create, sandbox } = await startStandIn();
  const { url, session_id } = await create({ callback });
  const ask = async (): Promise<unknown> => (await fetch(`${url}/state`)).json();
  expect(await ask()).toEqual({ open: true });
  await sandbox.settle(session_id, 'approve');
  expect(await ask()).toEqual({ open: false });
});

test('an armed scenario is what the selfie button does', async () => {
  const { create } = await startStandIn();
  const { url } = await create({ callback, sandbox_scenario: 'decline_liveness_attack' });
  const html = await (await startBrowser().go(url)).text();
  expect(html).toMatch(/name="outcome" value="decline_liveness_attack" class="main"/);
});

test('Resubmitted opens the same address again', async () => {
  const { create, sandbox, received } = await startStandIn();
  const { url, session_id } = await create({ callback });
  const browser = startBrowser();
  await browser.go(url);
  expect((await browser.go(url, { outcome: 'resubmit' })).headers.get('location')).toContain('status=Resubmitted');
  expect((await browser.go(url)).status).toBe(200);
  expect((await browser.go(url, { outcome: 'approve' })).status).toBe(303);
  await sandbox.idle();
  expect(sandbox.session(session_id).status).toBe('Approved');
  expect(received.map(({ body }) => body.status)).toEqual(['In Progress', 'Resubmitted', 'In Progress', 'Approved']);
  expect(received[1]?.body).toMatchObject({ resubmit_info: { nodes_to_resubmit: [{ feature: 'LIVENESS' }] } });
  expect(received[1]?.body).not.toHaveProperty('decision');
});

test('a slow receiver does not hold up the redirect', async () => {
  const { create, sandbox } = await startStandIn();
  const hanging = await startStandIn();
  hanging.sandbox.fault('other', { hang: true });
  sandbox.configure({ webhookUrl: `${hanging.sandbox.url}/v3/hang/` });
  const { url } = await create({ callback });
  const answer = await startBrowser().go(url, { outcome: 'approve' });
  expect(answer.status).toBe(303);
});

test('the redirect can come before the webhook, and settle at once when opened', async () => {
  const { create, sandbox, received } = await startStandIn({
    settings: { redirectOrder: 'redirect_first', autoOutcome: 'approve', callbackSpace: 'plus' },
  });
  const { url, session_id } = await create({ callback });
  const answer = await startBrowser().go(url);
  expect([answer.status, answer.headers.get('location')]).toEqual([303, sandbox.session(session_id).returnUrl]);
  await sandbox.idle();
  expect(received.at(0)?.body.status).toBe('In Progress');
});

test('an unknown, deleted or run-out link gets a plain page', async () => {
  const { create, call, sandbox, wait } = await startStandIn();
  expect((await startBrowser().go(`${sandbox.url}/session/AAAAAAAAAAAA`)).status).toBe(404);
  const gone = await create({ callback, vendor_data: 'a' });
  await call('DELETE', `/v3/session/${gone.session_id}/delete/`);
  expect((await startBrowser().go(gone.url)).status).toBe(404);
  const late = await create({ callback, vendor_data: 'b' });
  wait(604_800);
  expect((await startBrowser().go(late.url)).status).toBe(410);
});

test('the page brings its own script and style, and the front page lists sessions', async () => {
  const { sandbox, create } = await startStandIn();
  await create();
  const types = await Promise.all(
    ['/assets/page.js', '/assets/page.css', '/assets/../main.ts', '/'].map(async (path) => {
      const answer = await fetch(sandbox.url + path);
      return [answer.status, answer.headers.get('content-type')];
    }),
  );
  expect(types).toEqual([
    [200, 'text/javascript; charset=utf-8'],
    [200, 'text/css; charset=utf-8'],
    [404, 'text/plain; charset=utf-8'],
    [200, 'text/html; charset=utf-8'],
  ]);
});
