// Answers that are made and not followed to their end: whoever keeps one must not get past what is taken back meanwhile (T8, invariant 5).

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as oidc from 'openid-client';
import { Browser, type Page, PHONE_SAFARI } from '../support/browser.ts';
import { returnUrl, showFace, until } from '../support/story.ts';
import { exchange, startWorld, type Tokens, UNLIMITED, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({ policy: UNLIMITED });
});
afterAll(() => world.close());

async function isAlive(tokens: Tokens): Promise<boolean> {
  const sub = String(tokens.claims()?.sub);
  return oidc.fetchUserInfo(await world.client(), tokens.access_token, sub).then(
    () => true,
    () => false,
  );
}

/** Where the library's own step leads, after the kept answer is followed. */
async function followKept(browser: Browser, location: string): Promise<string> {
  const page = await browser.follow(await browser.request(new URL(location, world.issuer)), (to) =>
    to.startsWith(world.redirectUri),
  );
  return page.headers.get('location') ?? '';
}

test('T8: a request met by a session is not answered when the session was taken back before', async () => {
  await world.enrol('kept');
  const intruder = new Browser({ userAgent: PHONE_SAFARI });
  const begun = await world.begin(intruder, 'kept');
  const other = await world.authorize();
  const first = await intruder.get(other.url);
  await showFace(world, begun);
  const stolen = await world.finish(begun);
  // the second request is met by the new session; the redirect is kept
  const kept = await intruder.request(first.url);
  expect(kept.headers.get('location')).toContain('/auth/');
  world.clock.move(60);
  await world.sandbox.review(begun.sessionId, 'Declined');
  await until('the login is taken back', async () => !(await isAlive(stolen)));
  expect(await followKept(intruder, kept.headers.get('location') ?? '')).not.toContain('code=');
});

test.each([
  ['followed only later', 'kept-back', (kept: Page) => kept],
  ['asked for again later', 'asked-again', (_kept: Page, again: () => Promise<Page>) => again()],
])('a login finished before "sign out everywhere" is ended by it, though %s', async (_how, name, pageOf) => {
  const { tokens: own } = await world.enrol(name);
  const intruder = new Browser({ userAgent: PHONE_SAFARI });
  const begun = await world.begin(intruder, name);
  await showFace(world, begun);
  await intruder.get(returnUrl(world, begun), (to) => /\/auth\/|\/finish$/.test(to));
  const finish = `${world.issuer}/interaction/${begun.uid}/finish`;
  const kept = await until('the login is finished', async () => {
    const page = await intruder.request(finish);
    return /\/auth\//.test(page.headers.get('location') ?? '') && page;
  });
  // the clock of the process that signs out may be behind that of the one that finished
  world.clock.move(-60);
  await world.app.revoker.revokeAccount(String(own.claims()?.sub));
  world.clock.move(62);
  const page = await pageOf(kept, () => intruder.request(finish));
  const callback = await followKept(intruder, page.headers.get('location') ?? '');
  const tokens = await exchange(await world.client(), begun.request, callback).catch(() => undefined);
  expect(tokens && (await isAlive(tokens))).toBeFalsy();
  // and a login after it is a login, also in the same second
  const later = await world.begin(new Browser(), name);
  await showFace(world, later);
  await world.app.revoker.revokeAccount(String(own.claims()?.sub));
  expect(await isAlive(await world.finish(later))).toBe(true);
});

test('T13: the back button after the end says that it is over, in the browser that began; elsewhere it says nothing', async () => {
  const browser = new Browser();
  const begun = await world.begin(browser, 'back-button');
  await showFace(world, begun);
  const address = returnUrl(world, begun);
  await world.finish(begun);
  expect((await browser.request(address)).status).toBe(410);
  expect((await new Browser().request(address)).status).toBe(403);
});
