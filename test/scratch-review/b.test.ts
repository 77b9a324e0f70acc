import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { comeBack, deliver, showFace, until } from '../support/story.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());
test('crash between record and identifier', async () => {
  const { accounts, store, sealer } = world.app.parts as any;
  const create = accounts.create;
  accounts.create = async (a: any) => {
    accounts.create = create;
    await store.set(`account:${a.id}`, sealer.seal(JSON.stringify(a), `account:${a.id}`), 1e9);
    throw new Error('kill -9');
  };
  const begun = await world.begin(new Browser(), 'crashed');
  await showFace(world, begun);
  const page = await comeBack(world, begun);
  console.log('first', page.status);
  const t = await world.finish(begun).then(
    (t) => t.claims()?.sub,
    (e) => String(e),
  );
  console.log('sub', t, 'found', (await accounts.findByIdentifier('crashed'))?.id, await accounts.list());
});
test('flip while the account is made', async () => {
  const { accounts } = world.app.parts as any;
  const create = accounts.create;
  const begun = await world.begin(new Browser(), 'flipped');
  accounts.create = async (a: any) => {
    accounts.create = create;
    const ok = await create(a);
    world.clock.move(2);
    await deliver(world, begun.sessionId, { status: 'Declined', timestamp: world.clock.now() });
    await until('ended', async () => (await (world.app.parts as any).attempts.find(begun.uid)).state === 'ended');
    return ok;
  };
  await showFace(world, begun);
  const page = await comeBack(world, begun);
  console.log(page.status, (await accounts.findByIdentifier('flipped'))?.standing);
});
test('journal grows by refused requests', async () => {
  await world.close();
  world = await startWorld({ policy: { limits: { sessionsPerAddressPerHour: 1 } } });
  const lines = async () => {
    let n = 0;
    for await (const l of (world.app.parts as any).journal.entries())
      if (['login.limited', 'login.conflict'].includes(l.event)) n++;
    return n;
  };
  for (let i = 0; i < 20; i++) await world.begin(new Browser(), `x${i}`);
  console.log('limited lines', await lines());
});
