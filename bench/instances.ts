// Two instances of the provider that share a storage and an issuer: how soon a page at one learns of a webhook at the other, and
// what a login costs when each of its requests reaches another instance than the one before.

import { compare, type Round } from './compare.ts';
import { startOurs } from './contenders.ts';
import type { Figures } from './figures.ts';
import { approveAtOnce, decideByHand, withGround } from './ground.ts';
import { newPerson } from './login-flow.ts';
import { measureDecisions, measureEnrolments, openStreams, warmUp } from './measurements.ts';
import type { Options } from './options.ts';
import type { StorageKind } from './rooms.ts';

/** The page at one instance, the webhook at the same and at the other. */
export async function measureAcross(storage: StorageKind, options: Options, figures: Figures): Promise<void> {
  await withGround({ storage, instances: 2 }, figures, async (ground) => {
    await approveAtOnce(ground);
    const people = Array.from({ length: options.people }, () => newPerson());
    await measureEnrolments(ground, people);
    await warmUp(ground, people, options.logins);
    await decideByHand(ground);
    const closeStreams = await openStreams(ground, options.streams);
    const [here, there] = ground.places.ports;
    for (const [place, webhookPort] of [['here', here] as const, ['there', there] as const]) {
      await measureDecisions(ground, people, options.decisions, {
        name: `${storage}.${place}`,
        label: `${storage}, webhook ${place === 'here' ? 'at the same instance' : 'at the other instance'}`,
        webhookPort,
      });
    }
    await closeStreams();
  });
}

export const ONE = 'one instance';

/** One instance against two, all else alike. CPU is that of both together. */
export function compareInstances(
  storage: StorageKind,
  options: Options,
  note: (text: string) => void,
): Promise<readonly Round[]> {
  const entrants = [
    { name: ONE, instances: 1 },
    { name: 'two instances', instances: 2 },
  ].map(({ name, instances }) => ({ name, start: () => startOurs(storage, { ...options, instances }) }));
  return compare(entrants, options, note);
}
