// R7: the whole provider over HTTP while its storage is stopped, paused, read-only, full and slow. Whoever asks meanwhile hears 503
// with Retry-After in time, nothing is "not found", nothing that was refused is carried out later, and the same process goes on.

import { setTimeout as delay } from 'node:timers/promises';
import { type Captured, capture, deliveryOf } from '../../bench/delivery.ts';
import {
  askForTokens,
  type Begun,
  begin,
  codeIn,
  comeBack,
  isAtClient,
  leadsToVendor,
  login,
  loginWithSession,
  newPerson,
  newRequest,
  openFirstPage,
  type Person,
  pressBegin,
  type Request,
  redeem,
  waitWithPage,
} from '../../bench/login-flow.ts';
import { type Answer, send } from '../../bench/web-client.ts';
import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import { type GoodOnce, setGoodOnce } from './good-once.ts';
import { type Illness, openWard } from './illnesses.ts';

const PRELOAD = new URL('../preloads/sqlite-hand.ts', import.meta.url).pathname;
const ANSWERED_WITHIN_MS = 2_000;
/** how late a timer may be on a machine that does much beside */
const SLACK_MS = 600;
const RECOVERED_WITHIN_MS = 5_000;
/** What was refused has this long to be carried out all the same, and be found out. */
const AFTERMATH_MS = 500;
const SALVOS = 2;

/** People at every step of a login, as the illness finds them. */
interface Scene {
  readonly settled: { readonly person: Person; readonly accessToken: string };
  readonly beginner: { readonly person: Person; readonly page: Answer };
  readonly captured: { readonly person: Person; readonly begun: Begun; readonly capture: Captured };
  readonly atClient: { readonly person: Person; readonly request: Request; readonly code: string };
  readonly goodOnce: GoodOnce;
}

async function setScene(ground: Ground): Promise<Scene> {
  const { places } = ground;
  const [one, two, three, four] = [newPerson(), newPerson(), newPerson(), newPerson()];
  await login(one, places);
  const request = newRequest(places.issuer);
  const code = codeIn(await openFirstPage(one, request)) ?? '';
  const { accessToken } = await redeem(one, places.issuer, request, {
    ...NOWHERE,
    location: `${places.issuer}/?code=${code}`,
  });
  const page = await openFirstPage(two, newRequest(places.issuer));
  const begun = await begin(three, places);
  const captured = { person: three, begun, capture: await capture(three, begun, places.standIn) };
  const last = await begin(four, places);
  const answer = await waitWithPage(four, await comeBack(four, await passVendorByHand(four, last)));
  return {
    settled: { person: one, accessToken },
    beginner: { person: two, page },
    captured,
    atClient: { person: four, request: last.request, code: codeIn(answer) ?? '' },
    goodOnce: await setGoodOnce(ground, passVendorByHand),
  };
}

const NOWHERE: Answer = { url: '', status: 0, location: undefined, retryAfter: undefined, text: '' };

async function passVendorByHand({ browser }: Person, { hostedUrl }: Begun): Promise<string> {
  const answer = await browser.form(hostedUrl, { outcome: 'approve', webhook: 'normal' });
  return String(answer.location);
}

interface Asked {
  readonly name: string;
  /** nothing is written for it */
  readonly onlyReads: boolean;
  ask(): Promise<Answer>;
}

function questions({ places }: Ground, scene: Scene): readonly Asked[] {
  const { issuer } = places;
  const { settled, beginner, captured, atClient, goodOnce } = scene;
  const { headers, body } = deliveryOf(captured.capture.decision, 'Approved');
  return [
    { name: 'authorize', onlyReads: false, ask: () => newPerson().browser.request(newRequest(issuer).url) },
    { name: 'begin', onlyReads: false, ask: () => pressBegin(beginner.person, beginner.page) },
    { name: 'return', onlyReads: false, ask: () => captured.person.browser.request(captured.capture.returnUrl) },
    { name: 'token', onlyReads: false, ask: () => askForTokens(issuer, atClient.request, atClient.code) },
    { name: 'refresh', onlyReads: false, ask: goodOnce.refresh },
    { name: 'resume', onlyReads: false, ask: goodOnce.resume },
    {
      name: 'userinfo',
      onlyReads: true,
      ask: () => send(`${issuer}/me`, { headers: { authorization: `Bearer ${settled.accessToken}` } }),
    },
    { name: 'webhook', onlyReads: false, ask: () => send(`${issuer}/webhooks/didit`, { headers, body }) },
    { name: 'readiness', onlyReads: false, ask: () => send(`${issuer}/readyz`) },
  ];
}

/** @returns what was done all the same, where the illness lets some through */
async function expectRefusals(
  failures: Failures,
  illness: Illness,
  asked: readonly Asked[],
): Promise<ReadonlySet<string>> {
  const done = new Set<string>();
  await Promise.all(
    asked.map(async ({ name, onlyReads, ask }) => {
      const startedMs = performance.now();
      const answer = await ask().catch((error: Error) => ({ ...NOWHERE, text: error.message }));
      const tookMs = performance.now() - startedMs;
      const what = `${illness.name}, ${name}: ${answer.status} after ${Math.round(tookMs)} ms`;
      failures.expect(tookMs <= ANSWERED_WITHIN_MS + SLACK_MS, 'an answer within 2 s', what);
      if (onlyReads && illness.readsGoOn && answer.status === 200) return;
      // what went through in the first salvo was used by it, and is refused in the second
      if (illness.letsSomeThrough && answer.status >= 200 && answer.status < 500) {
        if (answer.status < 400) done.add(name);
        return;
      }
      failures.expect(answer.status === 503, '503 while the storage is ill', what);
      failures.expect(Number(answer.retryAfter) >= 1, '503 says when to come back', what);
    }),
  );
  return done;
}

async function recoveredAfterMs({ places }: Ground): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const answer = await send(`${places.issuer}/readyz`).catch(() => undefined);
    const tookMs = performance.now() - startedMs;
    if (answer?.status === 200 || tookMs > 3 * RECOVERED_WITHIN_MS) return tookMs;
    await delay(50);
  }
}

/** Everybody goes on from where they were. */
async function expectNothingLost(
  failures: Failures,
  { name, letsSomeThrough = false }: Illness,
  ground: Ground,
  scene: Scene,
  hasRedeemed: boolean,
): Promise<void> {
  const { places } = ground;
  const { issuer } = places;
  const { settled, beginner, captured, atClient } = scene;
  const holds = (isSo: boolean, promise: string, detail = '') => failures.expect(isSo, promise, `${name} ${detail}`);
  const tokens = await askForTokens(issuer, atClient.request, atClient.code);
  const isCodeGood = tokens.status === 200 || (hasRedeemed && tokens.status === 400);
  holds(isCodeGood, 'a code that was refused for want of storage is good afterwards', String(tokens.status));
  const again = await askForTokens(issuer, atClient.request, atClient.code);
  holds(again.status === 400, 'and it is good once', String(again.status));
  for (const lost of await scene.goodOnce.look()) holds(false, 'what is good once is good afterwards, and once', lost);
  const me = await send(`${issuer}/me`, { headers: { authorization: `Bearer ${settled.accessToken}` } });
  holds(me.status === 200, 'an access token is good afterwards', String(me.status));
  await loginWithSession(settled.person, places).catch((error: Error) =>
    holds(false, 'a session is there afterwards', error.message),
  );
  const { headers, body } = deliveryOf(captured.capture.decision, 'Approved');
  const taken = await send(`${issuer}/webhooks/didit`, { headers, body });
  holds(taken.status === 202, 'the vendor delivers again, and is believed', String(taken.status));
  const { person, begun, capture: back } = captured;
  try {
    const answer = await waitWithPage(person, await comeBack(person, back.returnUrl));
    await redeem(person, issuer, begun.request, answer);
  } catch (error) {
    holds(false, 'an approval that fell meanwhile is used', (error as Error).message);
  }
  if (letsSomeThrough) return void (await login(newPerson(), places));
  const pressed = await pressBegin(beginner.person, beginner.page);
  holds(leadsToVendor(pressed, places), 'a begin that was refused is a begin now', `${pressed.status}`);
  if (!leadsToVendor(pressed, places)) return;
  const returnUrl = await passVendorByHand(beginner.person, { hostedUrl: pressed.location } as Begun);
  const end = await waitWithPage(beginner.person, await comeBack(beginner.person, returnUrl));
  holds(isAtClient(end), 'who began again is let in');
}

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const ward = await openWard(context.engine);
  try {
    const illnesses = context.isTiny ? ward.illnesses.slice(0, 1) : ward.illnesses;
    const ground = await openGround({ storageUrl: ward.storageUrl, preloads: [PRELOAD] });
    try {
      let slowestMs = 0;
      for (const illness of illnesses) {
        // the vendor's own deliveries go another way in this check
        await ground.standIn.configure({ autoOutcome: 'approve', webhookMode: 'normal', retryDelaysMs: [] });
        const scene = await setScene(ground);
        const asked = questions(ground, scene);
        const sessions = (await ground.vendor.sessions()).length;
        const done = new Set<string>();
        await illness.begin(ground.provider);
        try {
          for (let salvo = 0; salvo < SALVOS; salvo += 1) {
            for (const name of await expectRefusals(failures, illness, asked)) done.add(name);
          }
        } finally {
          await illness.end(ground.provider);
        }
        const tookMs = await recoveredAfterMs(ground);
        slowestMs = Math.max(slowestMs, tookMs);
        failures.expect(
          tookMs <= RECOVERED_WITHIN_MS,
          'well again within 5 s',
          `${illness.name}: ${Math.round(tookMs)} ms`,
        );
        failures.expect(ground.provider.isRunning(), 'the same process all along', illness.name);
        await delay(AFTERMATH_MS);
        const made = (await ground.vendor.sessions()).length - sessions;
        failures.expect(
          made === 0 || done.has('begin'),
          'nothing is opened for who was refused',
          `${illness.name}: ${made}`,
        );
        await expectNothingLost(failures, illness, ground, scene, done.has('token'));
      }
      const names = illnesses.map(({ name }) => name).join(', ');
      const checked = `${names}; 9 addresses each; well within ${Math.round(slowestMs)} ms`;
      return { rounds: illnesses.length * SALVOS, checked, failures: failures.all() };
    } finally {
      await ground.end();
    }
  } finally {
    await ward.close();
  }
}

export const STORE: Check = { fault: 'R7', name: 'storage in trouble', engines: ENGINES, run };
