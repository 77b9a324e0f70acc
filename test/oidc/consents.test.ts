// What was allowed in a login that is taken back, on a real storage: whatever its client was given under it ends, and nothing else.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Consents, createConsents } from '../../src/oidc/consents.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';

const NOW = 1_795_000_000;
let backend: Backend;
let consents: Consents;
/** what the client holds */
let given: Set<string>;

beforeEach(async () => {
  backend = await openBackend('memory:', { clock: { now: () => NOW } });
  consents = createConsents({ store: backend.store });
  given = new Set(['before']);
});
afterEach(() => backend.close());

const allow = (scope: string, proof: string) =>
  consents.record('a', 'c', { scopes: [scope], claims: [], at: NOW }, [proof]);
const endAll = async () => given.clear();

test('T14: also what its client is given while it is taken back, by whoever read that it was allowed still', async () => {
  await allow('openid', 'v1');
  let ends = 0;
  await consents.takeBack('a', 'v1', async () => {
    ends += 1;
    await endAll();
    if (ends === 1) given.add('in between');
  });
  expect([...given]).toEqual([]);
  expect(await consents.find('a', 'c')).toBeUndefined();
});

test('a client keeps what it was given where another login allows all of it', async () => {
  await allow('openid', 'v1');
  await allow('openid', 'v2');
  await consents.takeBack('a', 'v1', endAll);
  expect([...given]).toEqual(['before']);
  expect(await consents.find('a', 'c')).toMatchObject({ scopes: ['openid'] });
});

test('T14: a client to which another login allows a part of it keeps that permission, and nothing that it was given', async () => {
  await allow('openid email', 'v1');
  await allow('openid', 'v2');
  await consents.takeBack('a', 'v1', endAll);
  expect([...given]).toEqual([]);
  expect(await consents.find('a', 'c')).toMatchObject({ scopes: ['openid'] });
});
