// A whole life on each engine that serves many processes: enrolment, a login that skips, one that does not, and a verdict that turns;
// and what becomes of requests while the engine answers late.

import { performance } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { describeOn } from '../support/describe-on.ts';
import { makeRoom, type Room } from '../support/servers.ts';
import { creates, until, withoutSession } from '../support/story.ts';
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

    describe('R7: while it answers late', () => {
      beforeAll(async () => {
        for (const name of ['alice', 'bob']) await world.enrol(name);
      });
      afterEach(() => {
        jest.restoreAllMocks();
      });

      /** To the provider every look at its idle time is a second of waiting. */
      function beLateWhen(isLate: () => boolean): void {
        let idle = 0;
        jest.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => {
          if (isLate()) idle += 1_000;
          return { idle, active: 0, utilization: 0 };
        });
      }

      test('who begins hears 503 with Retry-After before anything is asked of the vendor, and may go on afterwards', async () => {
        const browser = new Browser();
        const first = await browser.get((await world.authorize()).url);
        const begin = { name: 'begin', value: 'here' };
        const press = () => browser.press(first, begin, { identifier: 'alice', biometric_consent: 'yes' });
        const before = creates(world);
        beLateWhen(() => true);
        const refused = await press();
        expect(refused.status).toBe(503);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(creates(world)).toBe(before);
        jest.restoreAllMocks();
        expect((await press()).status).toBe(303);
      });

      test('what the vendor was asked for is stored, and leads there', async () => {
        const before = creates(world);
        beLateWhen(() => creates(world) > before);
        const { page } = await world.begin(new Browser(), 'bob');
        expect(page.status).toBe(303);
        expect(creates(world)).toBe(before + 1);
      });
    });
  });
}
