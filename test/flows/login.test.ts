import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

test('a new person enrols by document and selfie, and the next time it is one selfie', async () => {
  const { browser, tokens } = await world.enrol('Alice@example.org');
  const claims = tokens.claims();
  expect(claims).toMatchObject({ acr: 'urn:selfie-oidc:acr:selfie', amr: ['face'] });

  const begun = await world.begin(browser, undefined, { prompt: 'login' });
  await world.sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
  await world.sandbox.settle(begun.sessionId, 'approve');
  const again = await world.finish(begun);
  expect(again.claims()?.sub).toBe(claims?.sub);
});

test('an agreement that was ticked is not lost with a user name that was wrong', async () => {
  const browser = new Browser();
  const first = await browser.get((await world.authorize()).url);
  const fields = { identifier: 'a b\u202e', biometric_consent: 'yes' };
  const again = await browser.press(first, { name: 'begin', value: 'here' }, fields);
  expect(again.status).toBe(422);
  expect(again.text).toMatch(/name="biometric_consent"[^>]* checked/);
});
