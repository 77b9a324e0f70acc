// R11: two instances behind a proxy are restarted in turn, again and again, with SIGTERM, while people sign in, and all keys are rotated
// on the way, with and without a restart in between. Nobody has to begin again, and every ID token verifies from its first moment to the last.

import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from '../../bench/folders.ts';
import { environmentOf, type SingleProvider, startProvider, startStandIn } from '../../bench/processes.ts';
import { freePort } from '../../test/support/ports.ts';
import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { withRecords } from '../records.ts';
import { openRoom } from '../rooms.ts';
import { startBalancer } from './balancer.ts';
import { createRotation, KEY_KINDS, putKeysInFiles } from './keys.ts';
import { Client, underLoad } from './load.ts';

const PEOPLE = 4;
const BETWEEN_MS = 500;
const ROTATIONS = 2;
/** A SIGTERM is obeyed within ten seconds. */
const STOPPED_WITHIN_MS = 10_000;

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const room = await openRoom(context.engine);
  const folder = await makeFolder();
  const balancer = await startBalancer();
  const issuer = `http://127.0.0.1:${balancer.port}`;
  const [standInPort, ...ports] = [await freePort(), await freePort(), await freePort()];
  const environment = await putKeysInFiles(folder.path);
  const settings = { folder, standInPort, storageUrl: room.url, issuerPort: balancer.port, environment };
  const start = (port: number) => startProvider({ ...settings, port });
  const rotation = createRotation(environmentOf({ ...settings, port: balancer.port }));
  const instances: { readonly port: number; running: SingleProvider }[] = [];
  const standIn = await startStandIn({ folder, port: standInPort, webhookUrl: `${issuer}/webhooks/didit` });
  let restarts = 0;
  let slowestMs = 0;
  let early = 0;

  async function restartInTurn(): Promise<void> {
    for (const instance of instances) {
      const startedMs = performance.now();
      await instance.running.stop();
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      instance.running = await start(instance.port);
      restarts += 1;
      await delay(BETWEEN_MS);
    }
  }

  try {
    await standIn.configure({ autoOutcome: 'approve', retryDelaysMs: [200, 500, 1_000, 3_000] });
    for (const port of ports) instances.push({ port, running: await start(port) });
    balancer.use(ports);
    const { logins, failed, idTokens } = await underLoad(PEOPLE, { issuer, standIn: standIn.url, ports }, async () => {
      await delay(BETWEEN_MS);
      if (context.isTiny) return restartInTurn();
      // no instance is restarted for it
      await rotation.add();
      early += await rotation.promote();
      await rotation.add();
      await restartInTurn();
      early += await rotation.promote();
      await restartInTurn();
      for (let more = context.rounds(1, 0, 0); more > 0; more -= 1) await restartInTurn();
    });
    for (const failure of failed) failures.expect(false, 'nobody has to begin again', failure);
    for (const request of balancer.lost) failures.expect(false, 'what an instance has taken it answers', request);
    const isStopped = slowestMs <= STOPPED_WITHIN_MS;
    failures.expect(isStopped, 'an instance goes within 10 s', `${Math.round(slowestMs)} ms`);
    const client = new Client(issuer);
    const kids = new Set<string>();
    for (const idToken of idTokens) {
      kids.add(idToken.split('.')[0] ?? '');
      await client.verify(idToken).catch((error: Error) => failures.expect(false, 'old keys verify', error.message));
    }
    failures.expect(context.isTiny || kids.size === 1 + ROTATIONS, 'each new key signs', `${kids.size} keys signed`);
    await withRecords(room.url, async (records) => {
      const { isWhole, lines } = await records.journal();
      failures.expect(isWhole, "the journal's chain is whole");
      const promoted = lines.filter(({ event }) => event === 'keys.promoted').length;
      const expected = context.isTiny ? 0 : ROTATIONS * KEY_KINDS.length;
      failures.expect(promoted === expected, 'every rotation is told', `${promoted} of ${expected}`);
    });
    const checked = `${logins} logins, ${failed.length} failed, ${balancer.lost.length} requests lost; ${kids.size} signing keys (${early} times too early); gone in ${Math.round(slowestMs)} ms`;
    return { rounds: restarts, checked, failures: failures.all() };
  } finally {
    await Promise.all([...instances.map(({ running }) => running.kill()), standIn.kill()]);
    balancer.close();
    folder.remove();
    await room.remove();
  }
}

export const RESTART: Check = { fault: 'R11', name: 'rolling restart, new keys', engines: ENGINES, run };
