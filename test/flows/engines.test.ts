// A whole life on each engine that serves many processes: enrolment, a login that skips, one that does not, and a verdict that turns.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { describeOn } from '../support/describe-on.ts';
import { makeRoom, type Room } from '../support/servers.ts';
import { until, withoutSession } from '../support/story.ts';
import { ADAPTIVE, startWorld, UNLIMITED, type World } from '../support/world.ts';

for (const engine of ['redis', 'postgres'] as const) {
  describeOn(engine, () => {
    let room: Room;
    let world: World;
    beforeAll(async () => {
      room = await makeRoom(engine);
      world = await startWorld({ policy: { ...UNLIMITED, risk: ADAPTIVE }, config: { storageUrl: room.url } });
    });
    afterAll(async () => {
      await world?.close();
      await room?.remove();
    });

    test('a person enrols, is let in by the known device, shows the face elsewhere, and a restart forgets nothing', async () => {
      const { browser, tokens } = await world.enrol('everybody');
      const sub = tokens.claims()?.sub;
      const skipped = await world.begin(withoutSession(browser), undefined);
      expect([skipped.sessionId, skipped.page.status]).toEqual(['', 303]);
      await world.restart();
      const elsewhere = await world.begin(new Browser(), 'everybody');
      await world.sandbox.open(elsewhere.sessionId, { userAgent: elsewhere.browser.userAgent });
      await world.sandbox.settle(elsewhere.sessionId, 'approve');
      const again = await world.finish(elsewhere);
      expect([again.claims()?.sub, again.claims()?.acr]).toEqual([sub, 'urn:selfie-oidc:acr:selfie']);
      await world.sandbox.review(elsewhere.sessionId, 'Declined');
      await until('the login is taken back', async () => {
        const { review } = (await world.app.parts.accounts.find(String(sub))) ?? {};
        return review?.reasons.includes('late-refusal');
      });
      expect((await world.app.parts.journal.verify()).ok).toBe(true);
    });
  });
}
