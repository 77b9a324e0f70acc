import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { showFace, until, visit } from '../support/story.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
const c = {
  client_secret: 'a-client-secret-of-at-least-thirty-two-characters',
  redirect_uris: ['http://127.0.0.1:9/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  first_party: true,
};
beforeEach(async () => {
  world = await startWorld({
    storage: 'sqlite',
    clients: [
      { client_id: 'app', ...c },
      { client_id: 'strict', ...c, minimum_acr: 'urn:selfie-oidc:acr:selfie-active' },
    ],
  });
});
afterEach(() => world.close());
test.each(['app', 'strict'])('double finish %s', async (client) => {
  const begun = await world.begin(new Browser(), 'doubled', {}, client);
  await showFace(world, begun);
  const { attempts, accounts } = world.app.parts as any;
  await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/waiting`);
  await until('settled', async () => (await attempts.find(begun.uid)).state === 'settled');
  const rs = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(() => begun.browser.request(`${world.issuer}/interaction/${begun.uid}/finish`)),
  );
  console.log(
    client,
    rs.map((r) => `${r.status} ${r.headers.get('location')?.slice(0, 30)}`).join('\n'),
    (await attempts.find(begun.uid)).state,
    (await accounts.findByIdentifier('doubled'))?.standing,
  );
});
