// A provider moves to another engine, by the commands an operator has: whoever is signed in stays so, every way in goes on, and the books
// are whole. And the same file restored: nobody is signed in, and everybody can sign in.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as oidc from 'openid-client';
import { kindOfJob, kindOfRecord } from '../../src/storage/archive/kinds.ts';
import { createMarks } from '../../src/storage/archive/marks.ts';
import { here, newFolder, type Place, placeOf } from '../cli/support.ts';
import { allJobs, allRows } from '../contract/bulk.ts';
import { createAuthenticator } from '../factors/authenticator.ts';
import { Browser } from '../support/browser.ts';
import { describeOn } from '../support/describe-on.ts';
import { answer, otherWays } from '../support/passkeys.ts';
import { makeRoom, type Room } from '../support/servers.ts';
import { comeBack, showFace, until } from '../support/story.ts';
import { exchange, startWorld, type Tokens, UNLIMITED, type World } from '../support/world.ts';

const WANTS_KEY = {
  claims: JSON.stringify({ id_token: { acr: { essential: true, value: 'urn:selfie-oidc:acr:selfie-device' } } }),
};

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

describeOn('postgres', () => {
  let world: World;
  let place: Place;
  let room: Room;
  let folder: string;
  beforeAll(async () => {
    world = await startWorld({
      host: 'localhost',
      storage: 'sqlite',
      policy: { ...UNLIMITED, otherWays: ['passkey'] },
    });
    place = await placeOf(world);
    room = await makeRoom('postgres');
    folder = await newFolder();
  });
  afterAll(async () => {
    await world.close();
    await room.remove();
    await rm(place.cwd, { recursive: true, force: true });
  });

  const on = (storageUrl: string): Place => ({ ...place, env: { ...place.env, STORAGE_URL: storageUrl } });
  const withoutAsking = async (browser: Browser) => {
    const request = await world.authorize({ prompt: 'none' });
    const page = await browser.get(request.url, (location) => location.startsWith(world.redirectUri));
    return { request, callback: page.headers.get('location') ?? '' };
  };
  const refresh = async ({ refresh_token: token }: Tokens) =>
    oidc.refreshTokenGrant(await world.client(), String(token)).then(
      (tokens) => tokens,
      (error: { error?: string }) => String(error.error),
    );

  test('after a move sessions, tokens and passkeys go on; after a restore only people and books are there', async () => {
    const { browser } = await world.enrol('mona');
    const device = createAuthenticator(world.issuer, {});
    const begun = await world.begin(browser, undefined, {
      scope: 'openid offline_access',
      prompt: 'login consent',
      ...WANTS_KEY,
    });
    await showFace(world, begun);
    const made = await answer(world, browser, await comeBack(world, begun), 'make', device);
    const used = await answer(world, browser, made, 'use', device);
    const tokens = await exchange(await world.client(), begun.request, used.headers.get('location') ?? '');
    const sub = tokens.claims()?.sub;
    const rows = await allRows(world.app.parts.backend, world.clock.now());
    // whoever adds a record says in kinds.ts what a restore does with it
    expect(rows.filter(({ key }) => kindOfRecord(key).name === 'others')).toEqual([]);
    const jobs = await allJobs(world.app.parts.backend);
    expect(jobs.filter(({ kind }) => kindOfJob(kind).name === 'others')).toEqual([]);
    await world.app.close();

    const file = join(folder, 'moved');
    const exported = await here(['export', '--move', file, '--json'], place);
    expect(exported).toMatchObject({ code: 0, err: expect.not.stringContaining('failure') });
    const [{ counts }] = exported.json() as [{ counts: Record<string, number> }];
    expect(counts).toMatchObject({ accounts: 1, passkeys: 1, sessions: 1 });
    await expect(world.restart()).rejects.toMatchObject({
      faults: [{ where: 'STORAGE_URL', problem: expect.stringContaining('moved away') }],
    });

    const imported = await here(['import', '--move', file, '--json'], on(room.url));
    expect(imported).toMatchObject({ code: 0 });
    expect(imported.json()).toMatchObject([{ result: 'imported', as: 'move', counts, leftOut: { unwanted: {} } }]);
    expect((await here(['import', '--move', file], on(room.url))).out).toMatch(/already; nothing was changed/);
    await world.restart({ storageUrl: room.url });
    const { request, callback } = await withoutAsking(browser);
    expect((await exchange(await world.client(), request, callback)).claims()?.sub).toBe(sub);
    const renewed = await refresh(tokens);
    expect(renewed).toMatchObject({ access_token: expect.any(String) });
    const byKey = await otherWays(world, new Browser(), 'mona');
    const keyPage = await byKey.browser.follow(
      await byKey.browser.press(byKey.page, { name: 'way', value: 'passkey' }),
    );
    const alone = await answer(world, byKey.browser, keyPage, 'use', device);
    const again = await exchange(await world.client(), byKey.request, alone.headers.get('location') ?? '');
    expect(again.claims()).toMatchObject({ sub, amr: expect.arrayContaining(['hwk']) });
    expect(await refresh(tokens)).toBe('invalid_grant');
    const { journal, ledger } = world.app.parts;
    expect(await journal.verify()).toMatchObject({ ok: true });
    const events = (await all(journal.entries())).map(({ event }) => event);
    expect(events).toEqual(expect.arrayContaining(['account.enrolled', 'export.begun', 'import.finished']));
    expect(await all(ledger.entries())).toHaveLength(2);

    const restoredUrl = `sqlite:${join(folder, 'restored.sqlite')}`;
    const forgotten = await here(['import', file], on(restoredUrl));
    expect(forgotten).toMatchObject({ code: 1, err: expect.stringContaining('end the move with import --move') });
    const restored = await here(['import', '--restore', file], on(restoredUrl));
    expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('remove again who was removed since') });
    await world.restart({ storageUrl: restoredUrl });
    expect((await withoutAsking(browser)).callback).toContain('error=login_required');
    expect(await refresh(renewed as Tokens)).toBe('invalid_grant');
    expect(await world.app.parts.passkeys.list(String(sub))).toEqual([]);
    expect(await world.app.parts.journal.verify()).toMatchObject({ ok: true });
    const anew = await world.begin(new Browser(), 'mona');
    await showFace(world, anew);
    expect((await world.finish(anew)).claims()?.sub).toBe(sub);
  });
});

test('a storage that is moved away beside a provider that runs is served from no more, until that is called off', async () => {
  const world = await startWorld({ storage: 'sqlite', policy: UNLIMITED });
  try {
    const { browser } = await world.enrol('nell');
    const marks = createMarks({ store: world.app.parts.store });
    const isReady = async () => (await fetch(`${world.issuer}/readyz`)).status === 200;
    // by a move that did not see this process, as its clock is behind, or it stood still
    await marks.depart({ archive: 'a', at: world.clock.now() });
    world.app.poke();
    await until('it to be noticed', async () => !(await isReady()));
    const page = await browser.get((await world.authorize()).url);
    expect([page.status, Number(page.headers.get('retry-after')) > 0]).toEqual([503, true]);
    for (const path of ['/token', '/me', '/request', '/webhooks/didit']) {
      const method = path === '/me' ? 'GET' : 'POST';
      const answer = await fetch(world.issuer + path, { method, headers: { accept: '*/*' } });
      expect([path, answer.status]).toEqual([path, 503]);
      expect(await answer.json()).toMatchObject({ error: 'temporarily_unavailable' });
    }
    await marks.callOff();
    world.app.poke();
    await until('it to be noticed', isReady);
    await world.enrol('olga');
  } finally {
    await world.close();
  }
});
