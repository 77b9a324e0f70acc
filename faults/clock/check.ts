// R10: the provider's clock is off by minutes against everybody else's, is another than that of the process beside it, and is moved
// while people sign in. Nobody is lost by it who was in time, and nothing is minted that was not.

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { CLIENT } from '../../bench/folders.ts';
import {
  askForTokens,
  type Begun,
  begin,
  claimsIn,
  codeIn,
  comeBack,
  isAtClient,
  login,
  newPerson,
  newRequest,
  openFirstPage,
  type Person,
  redeem,
  tokensIn,
  waitWithPage,
} from '../../bench/login-flow.ts';
import { startProvider } from '../../bench/processes.ts';
import { send } from '../../bench/web-client.ts';
import { freePort } from '../../test/support/ports.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import { withRecords } from '../records.ts';
import { openRoom } from '../rooms.ts';
import { tellAndWait } from '../told.ts';

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

const PRELOAD = new URL('../preloads/clock.ts', import.meta.url).pathname;
const MINUTE = 60;
/** Off from the start; a delivery is believed up to five minutes of difference, beyond it the decision is looked at. */
const SHIFTS = [-20, 20, -4 * MINUTE, 4 * MINUTE, -10 * MINUTE, 10 * MINUTE];
const IN_WITHIN_MS = 5_000;
/** what two processes, and a client and its provider, may differ by */
const TOLERATED_SECONDS = 10;
const SIGNER = 'clock-signer';

const moveTo = ({ provider }: Ground, shiftSeconds: number) => tellAndWait(provider, { shiftSeconds }, 'clockMoved');

async function approve({ browser }: Person, { hostedUrl }: Begun, webhook: 'normal' | 'lost'): Promise<string> {
  return String((await browser.form(hostedUrl, { outcome: 'approve', webhook })).location);
}

/** A login begun at one time and ended at another. */
async function across(ground: Ground, from: number, to: number, webhook: 'normal' | 'lost' = 'normal') {
  const { places } = ground;
  await moveTo(ground, from);
  const person = newPerson();
  const begun = await begin(person, places);
  await moveTo(ground, to);
  const page = await comeBack(person, await approve(person, begun, webhook));
  return { person, begun, page };
}

async function playShifts(ground: Ground, failures: Failures): Promise<number> {
  let rounds = 0;
  for (const shift of SHIFTS) {
    for (const webhook of ['normal', 'lost'] as const) {
      const what = `${shift} s, webhook ${webhook}`;
      rounds += 1;
      try {
        const { person, begun, page } = await across(ground, shift, shift, webhook);
        const startedMs = performance.now();
        const end = await waitWithPage(person, page);
        const tookMs = performance.now() - startedMs;
        failures.expect(
          tookMs <= IN_WITHIN_MS,
          'in soon, however wrong the clock',
          `${what}: ${Math.round(tookMs)} ms`,
        );
        const claims = claimsIn(await redeem(person, ground.places.issuer, begun.request, end));
        const [iat, authTime] = [Number(claims.iat), Number(claims.auth_time)];
        const isSane = authTime <= iat && authTime >= iat - MINUTE;
        failures.expect(isSane, 'auth_time is by the clock of whoever says it', `${what}: ${iat - authTime} s ago`);
      } catch (error) {
        failures.expect(false, 'everybody is let in, however wrong the clock', `${what}: ${(error as Error).message}`);
      }
    }
  }
  return rounds;
}

async function playJumps(ground: Ground, failures: Failures): Promise<number> {
  const { places } = ground;
  const jumps = [30, -30, -10 * MINUTE, 5 * MINUTE];
  for (const jump of jumps) {
    try {
      const { person, begun, page } = await across(ground, 0, jump);
      await redeem(person, places.issuer, begun.request, await waitWithPage(person, page));
    } catch (error) {
      failures.expect(
        false,
        'a jump of the clock loses no login that is in time',
        `${jump} s: ${(error as Error).message}`,
      );
    }
  }
  const { person, page } = await across(ground, 0, 11 * MINUTE);
  const isMinted = isAtClient(page) && codeIn(page) !== undefined;
  failures.expect(!isMinted && page.status < 500, 'what has lapsed gives nothing', `${page.status}`);
  await login(person, places).catch((error: Error) =>
    failures.expect(false, 'whoever lapsed may start again at once', error.message),
  );
  for (const [jump, status] of [
    [30, 200],
    [-10 * MINUTE, 200],
    [70, 400],
  ] as const) {
    await moveTo(ground, 0);
    await login(person, places);
    const request = newRequest(places.issuer);
    const code = codeIn(await openFirstPage(person, request)) ?? '';
    await moveTo(ground, jump);
    const reply = await askForTokens(places.issuer, request, code);
    failures.expect(reply.status === status, 'a code lives a minute', `${jump} s: ${reply.status}`);
  }
  await moveTo(ground, 0);
  return jumps.length + 4;
}

/** A second process on the same records, whose clock goes before or after. */
async function playNeighbours(ground: Ground, failures: Failures, key: PrivateKey): Promise<number> {
  const { folder, places, storageUrl } = ground;
  const port = await freePort();
  const beside = await startProvider({
    folder,
    port,
    standInPort: Number(new URL(places.standIn).port),
    storageUrl,
    issuerPort: Number(new URL(places.issuer).port),
    preloads: [PRELOAD],
  });
  const own = `http://127.0.0.1:${port}`;
  try {
    for (const apart of [TOLERATED_SECONDS, -TOLERATED_SECONDS]) {
      await tellAndWait(beside, { shiftSeconds: apart }, 'clockMoved');
      const person = newPerson();
      await login(person, places);
      const request = newRequest(places.issuer);
      const code = codeIn(await openFirstPage(person, request)) ?? '';
      const reply = await askForTokens(own, request, code);
      failures.expect(
        reply.status === 200,
        'a code of one process is good at the other',
        `${apart} s: ${reply.status}`,
      );
      if (reply.status !== 200) continue;
      const { accessToken } = tokensIn(reply);
      const me = await send(`${places.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
      failures.expect(me.status === 200, 'and so is a token', `${apart} s: ${me.status}`);
    }
  } finally {
    await beside.stop();
  }
  for (const [ahead, error] of [
    [TOLERATED_SECONDS, 'invalid_grant'],
    [MINUTE, 'invalid_client'],
  ] as const) {
    const heard = await assertFrom(places.issuer, key, ahead);
    // the code of that request is none: past the assertion it is refused for that
    failures.expect(heard === error, 'a client may be ahead by 15 s and no more', `${ahead} s: ${heard}`);
  }
  return 4;
}

async function assertFrom(issuer: string, key: PrivateKey, aheadSeconds: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000) + aheadSeconds;
  const assertion = await new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(SIGNER)
    .setSubject(SIGNER)
    .setAudience(issuer)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + MINUTE)
    .sign(key);
  const { text } = await send(`${issuer}/token`, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: 'none',
      redirect_uri: CLIENT.redirectUri,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    }).toString(),
  });
  return (JSON.parse(text) as { error: string }).error;
}

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const room = await openRoom(context.engine);
  const keys = await generateKeyPair('ES256', { extractable: true });
  const signer = {
    client_id: SIGNER,
    redirect_uris: [CLIENT.redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ ...(await exportJWK(keys.publicKey)), alg: 'ES256', use: 'sig' }] },
  };
  try {
    const ground = await openGround({ storageUrl: room.url, folder: { others: [signer] }, preloads: [PRELOAD] });
    try {
      await ground.standIn.configure({ autoOutcome: 'approve' });
      let rounds = await playShifts(ground, failures);
      if (!context.isTiny) {
        rounds += await playJumps(ground, failures);
        rounds += await playNeighbours(ground, failures, keys.privateKey);
      }
      failures.expect(ground.provider.isRunning(), 'the same process all along');
      await withRecords(room.url, async (records) => {
        failures.expect((await records.journal()).isWhole, "the journal's chain is whole");
      });
      const checked = 'off by 20 s, 4 and 10 min; jumps in a login and before a token; two processes; assertions';
      return { rounds, checked, failures: failures.all() };
    } finally {
      await ground.end();
    }
  } finally {
    await room.remove();
  }
}

export const CLOCK: Check = {
  fault: 'R10',
  name: 'clock off, clock moved',
  engines: ['sqlite', 'redis'],
  notWhenQuick: ['redis'],
  run,
};
