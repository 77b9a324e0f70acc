// R9: the vendor's delivery is lost, late, doubled or overtaken. The login goes on by looking, within three seconds of the decision;
// what comes later changes nothing.

import { begin, comeBack, login, newPerson, type Person, redeem, waitWithPage } from '../../bench/login-flow.ts';
import { median } from '../../bench/statistics.ts';
import { send } from '../../bench/web-client.ts';
import type { WebhookMode } from '../../src/sandbox/types.ts';
import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import { withRecords } from '../records.ts';
import { openRoom } from '../rooms.ts';

const MODES: readonly WebhookMode[] = [
  'normal',
  'lost',
  'late',
  'duplicate',
  'reversed',
  'stale',
  'badly_signed',
  'without_decision',
];
const IN_WITHIN_MS = 3_000;
/** how late a timer may be on a machine that does much beside */
const SLACK_MS = 1_000;
/** At once, each mode: far below a minute's budget of looks. */
const PEOPLE = 4;

async function signIn(
  ground: Ground,
  person: Person,
  mode: WebhookMode,
): Promise<{ tookMs: number; accessToken: string }> {
  const { places } = ground;
  person.browser.forget((name) => name.startsWith('_'));
  const begun = await begin(person, places);
  const { location } = await person.browser.form(begun.hostedUrl, { outcome: 'approve', webhook: mode });
  const decidedMs = performance.now();
  const end = await waitWithPage(person, await comeBack(person, String(location)));
  const tookMs = performance.now() - decidedMs;
  const { accessToken } = await redeem(person, places.issuer, begun.request, end);
  return { tookMs, accessToken };
}

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const rounds = context.rounds(2, 1);
  const modes = context.isTiny ? MODES.slice(0, 2) : MODES;
  const room = await openRoom(context.engine);
  try {
    const ground = await openGround({ storageUrl: room.url });
    try {
      const { places, vendor } = ground;
      await ground.standIn.configure({ autoOutcome: 'approve' });
      const people = Array.from({ length: PEOPLE }, () => newPerson());
      for (const person of people) await login(person, places);
      await ground.standIn.configure({ autoOutcome: null });
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        for (const mode of modes) {
          const signIns = people.map((person) =>
            signIn(ground, person, mode).catch((error: Error) => {
              failures.expect(false, 'everybody is let in', `${mode}: ${error.message}`);
            }),
          );
          for (const seen of await Promise.all(signIns)) {
            if (seen === undefined) continue;
            if (mode !== 'normal') times.push(seen.tookMs);
            const what = `${mode}: ${Math.round(seen.tookMs)} ms`;
            failures.expect(seen.tookMs <= IN_WITHIN_MS + SLACK_MS, 'in within 3 s of the decision', what);
            if (mode !== 'late') continue;
            await vendor.release();
            const me = await send(`${places.issuer}/me`, { headers: { authorization: `Bearer ${seen.accessToken}` } });
            failures.expect(me.status === 200, 'what comes late ends nothing', String(me.status));
          }
        }
      }
      await withRecords(room.url, async (records) => {
        const { isWhole, lines } = await records.journal();
        failures.expect(isWhole, "the journal's chain is whole");
        const finished = lines.filter(({ event }) => event === 'login.finished').length;
        failures.expect(
          finished === PEOPLE * (1 + rounds * modes.length),
          'each login is finished once',
          String(finished),
        );
      });
      const checked = `${modes.join(', ')}; decision to redirect ${Math.round(median(times))} ms, at most ${Math.round(Math.max(...times))}`;
      return { rounds: rounds * modes.length * PEOPLE, checked, failures: failures.all() };
    } finally {
      await ground.end();
    }
  } finally {
    await room.remove();
  }
}

export const DELIVERIES: Check = { fault: 'R9', name: 'webhook in trouble', engines: ENGINES, run };
