// A grant that tabs of one client share, saved by two providers over one storage: whatever order they come in, what one has added the
// other does not drop, and what one has taken away the other does not bring back.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type JWKS } from 'oidc-provider';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createOidcAdapter } from '../../src/storage/oidc-adapter.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { movableClock } from '../contract/store.ts';
import { describeOn } from '../support/describe-on.ts';
import { ENGINES, makeRoom, type Room } from '../support/servers.ts';
import { ISSUER } from './fixtures/issuer.ts';

const DAY = 86_400;
const GRANT_SECONDS = 31 * DAY;
const RESOURCE = 'https://api.example.org/';

type Grant = InstanceType<Provider['Grant']>;

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const jwks = { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }] } as JWKS;

for (const engine of ENGINES) {
  describeOn(engine, () => {
    let room: Room;
    let clock: ReturnType<typeof movableClock>;
    let backends: readonly Backend[];
    let providers: readonly [Provider, Provider];
    let id: string;

    beforeEach(async () => {
      room = await makeRoom(engine);
      clock = movableClock(Math.floor(Date.now() / 1000));
      backends = await Promise.all([0, 1].map(() => openBackend(room.url, { clock, deadlineMs: 10_000 })));
      const sealer = createSealer([new Uint8Array(32)]);
      providers = backends.map(
        ({ store }) =>
          new Provider(ISSUER, {
            adapter: createOidcAdapter({ store, sealer, clock }),
            jwks,
            clients: [],
            cookies: { keys: ['test'] },
            enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
            features: { devInteractions: { enabled: false } },
            ttl: { Grant: GRANT_SECONDS },
          }),
      ) as unknown as [Provider, Provider];
      const grant = new providers[0].Grant({ accountId: 'ann', clientId: 'app' });
      grant.addOIDCScope('openid');
      id = await grant.save();
    });
    afterEach(async () => {
      await Promise.all(backends.map((backend) => backend.close()));
      await room.remove();
    });

    const read = async (provider = providers[0]): Promise<Grant> => {
      const grant = await provider.Grant.find(id);
      if (!grant) throw new Error('the grant is gone');
      return grant;
    };
    /** two tabs, each at a process of its own, that read before either saves */
    const readTwice = () => Promise.all([read(providers[0]), read(providers[1])]);
    const wordsOf = (text: string) => text.split(' ').toSorted();
    const revoke = () =>
      (providers[1].Grant as unknown as { adapter: { destroy(id: string): Promise<void> } }).adapter.destroy(id);

    test('R3: scopes, claims and scopes of resources that either adds are all there, and so is what either refuses', async () => {
      const [one, other] = await readTwice();
      one.addOIDCScope('profile');
      one.addOIDCClaims(['name']);
      one.addResourceScope(RESOURCE, 'read');
      one.rejectOIDCScope('phone');
      one.rejectResourceScope(RESOURCE, 'pay');
      other.addOIDCScope('email phone');
      other.addOIDCClaims(['email']);
      other.addResourceScope(RESOURCE, 'write pay');
      other.addResourceScope('https://other.example.org/', 'read');
      other.rejectOIDCClaims(['birthdate']);
      await one.save();
      await other.save();
      const grant = await read();
      expect(wordsOf(grant.getOIDCScope())).toEqual(['email', 'openid', 'profile']);
      expect(grant.getOIDCClaims().toSorted()).toEqual(['email', 'name']);
      expect(wordsOf(grant.getResourceScope(RESOURCE))).toEqual(['read', 'write']);
      expect(grant.getResourceScope('https://other.example.org/')).toBe('read');
      expect([grant.getRejectedOIDCScope(), grant.getRejectedOIDCClaims()]).toEqual(['phone', ['birthdate']]);
      expect(grant.getRejectedResourceScope(RESOURCE)).toBe('pay');
    });

    test('R3: ten that save at the same moment lose nothing of each other', async () => {
      const scopes = Array.from({ length: 10 }, (_, index) => `scope-${index}`);
      const grants = await Promise.all(scopes.map((_, index) => read(providers[index % 2])));
      await Promise.all(
        grants.map((grant, index) => {
          grant.addOIDCScope(scopes[index] ?? '');
          return grant.save();
        }),
      );
      expect(wordsOf((await read()).getOIDCScope())).toEqual(['openid', ...scopes]);
    });

    test.each(['first', 'last'])('a scope that is taken out stays out; who takes it out saves %s', async (order) => {
      const before = await read();
      before.addOIDCScope('profile');
      await before.save();
      const [taker, adder] = await readTwice();
      if (taker.openid) taker.openid.scope = 'openid';
      adder.addOIDCScope('email');
      for (const grant of order === 'first' ? [taker, adder] : [adder, taker]) await grant.save();
      expect(wordsOf((await read()).getOIDCScope())).toEqual(['email', 'openid']);
    });

    test('a scope that one request adds, and then takes out, is out', async () => {
      const grant = await read();
      grant.addOIDCScope('profile');
      await grant.save();
      if (grant.openid) grant.openid.scope = 'openid';
      await grant.save();
      expect((await read()).getOIDCScope()).toBe('openid');
    });

    test('the end of a grant is that of whoever saves it for longest, whoever saves last', async () => {
      const [one, other] = await readTwice();
      const end = one.exp ?? 0;
      Object.assign(one, { exp: end + DAY }).addOIDCScope('profile');
      other.addOIDCScope('email');
      await one.save();
      await other.save();
      clock.advance(GRANT_SECONDS + DAY / 2);
      expect((await read()).exp).toBe(end + DAY);
    });

    test('one account’s grant is never written over by another’s', async () => {
      const foreign = new providers[1].Grant({ accountId: 'bob', clientId: 'app' });
      foreign.jti = id;
      foreign.addOIDCScope('profile');
      await foreign.save();
      expect(await read()).toMatchObject({ accountId: 'ann', openid: { scope: 'openid' } });
    });

    describe('R4: revoked between another tab’s reading and its saving', () => {
      test('it stays revoked, also where that one saves twice', async () => {
        const [one, other] = await readTwice();
        one.addOIDCScope('profile');
        await one.save();
        await revoke();
        other.addOIDCScope('email');
        await other.save();
        await other.save();
        expect(await Promise.all(providers.map((provider) => provider.Grant.find(id)))).toEqual([undefined, undefined]);
      });

      test('it is remembered as revoked for longer than what was saved late lives', async () => {
        const [adapter] = backends.map(({ store }) =>
          createOidcAdapter({ store, sealer: createSealer([new Uint8Array(32)]), clock })('Grant'),
        );
        const late = { accountId: 'ann', clientId: 'app', openid: { scope: 'openid' } };
        await revoke();
        clock.advance(10);
        await adapter?.upsert(id, { ...late, exp: clock.now() + GRANT_SECONDS }, GRANT_SECONDS);
        clock.advance(GRANT_SECONDS - 1);
        expect(await adapter?.find(id)).toBeUndefined();
      });
    });
  });
}
