// Two instances on one storage, and no browser stays at either: the page waits at one, the vendor's word arrives at the other.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type App, createApp } from '../../src/app.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { Browser } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import { createTestRelay } from '../support/relay.ts';
import { openStream, showFace } from '../support/story.ts';
import { startWorld, UNLIMITED, type World } from '../support/world.ts';

const relay = createTestRelay();
let world: World;
let other: App;
let otherUrl: string;

beforeAll(async () => {
  world = await startWorld({ storage: 'sqlite', policy: UNLIMITED, relay });
  const log = createLogger({ level: 'error', destination: { write: (line: string) => void world.log.push(line) } });
  other = await createApp(world.config, { clock: world.clock, log, relay, joins: true });
  const port = await freePort();
  await other.listen(port, '127.0.0.1');
  otherUrl = `http://127.0.0.1:${port}`;
  world.sandbox.configure({ webhookUrl: `${otherUrl}/webhooks/didit` });
});
afterAll(async () => {
  await other?.close();
  await world?.close();
});

/** Begins at the first instance; the page is open there when the second hears of the verdict. */
async function waitAndBeTold({ looksByItself }: { looksByItself: boolean }) {
  const begun = await world.begin(new Browser(), 'everybody');
  const every = globalThis.setInterval;
  // the waiting room's clock, which it winds up for its first page: without it only a message can move that page
  if (!looksByItself) globalThis.setInterval = ((work: () => void) => every(work, 2 ** 31 - 1)) as typeof every;
  try {
    const stream = await openStream(world, begun);
    await stream.until('"state":"waiting"');
    await showFace(world, begun);
    await stream.until('"state":"settled"');
  } finally {
    globalThis.setInterval = every;
  }
  return begun;
}

test('an enrolment and logins: the page at one instance moves on when the webhook arrives at the other', async () => {
  const subjects = new Set<unknown>();
  for (let round = 0; round < 3; round += 1) {
    const begun = await waitAndBeTold({ looksByItself: false });
    subjects.add((await world.finish(begun)).claims()?.sub);
  }
  expect(subjects.size).toBe(1);
  expect(relay.lines.length).toBeGreaterThan(0);
  expect((await other.parts.journal.verify()).ok).toBe(true);
});

test('a message that is lost costs a delay, not a login', async () => {
  relay.isCut = true;
  const begun = await waitAndBeTold({ looksByItself: true });
  expect((await world.finish(begun)).claims()?.acr).toBe('urn:selfie-oidc:acr:selfie');
  relay.isCut = false;
});

test('a login whose steps go to one instance and the other by turns is one login', async () => {
  // what a balancer does: the browser sees one name, and each request goes elsewhere
  const fetchThere = globalThis.fetch;
  let turn = 0;
  globalThis.fetch = ((input: string | URL | Request, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== world.issuer) return fetchThere(input, init);
    turn += 1;
    if (turn % 2 === 0) return fetchThere(input, init);
    const there = new URL(url.pathname + url.search, otherUrl);
    return fetchThere(there, init);
  }) as typeof fetch;
  try {
    const { tokens } = await world.enrol('by-turns');
    expect(tokens.claims()?.acr).toBe('urn:selfie-oidc:acr:selfie');
    const me = await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(me.status).toBe(200);
    expect(turn).toBeGreaterThan(8);
  } finally {
    globalThis.fetch = fetchThere;
  }
});

test('an instance that joins others does not have their logins looked at anew; one that comes first does', async () => {
  const looksOf = async (joins: boolean) => {
    const begun = await world.begin(new Browser(), `waits-${joins}`);
    expect(begun.sessionId).not.toBe('');
    world.sandbox.clearCalls();
    const log = createLogger({ level: 'silent' });
    const third = await createApp(world.config, { clock: world.clock, log, relay, joins });
    await third.listen(await freePort(), '127.0.0.1');
    // what it has begun to do it ends
    await third.close();
    return world.sandbox.calls().filter(({ call }) => call === 'decision').length;
  };
  expect(await looksOf(true)).toBe(0);
  expect(await looksOf(false)).toBeGreaterThan(0);
});
