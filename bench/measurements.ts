// One function a measurement. Each leaves the provider as it found it, as far as that can be: nobody half signed in but those who
// are meant to wait.

import { setTimeout as delay } from 'node:timers/promises';
import { capture, type Delivery, deliver, deliveryOf } from './delivery.ts';
import type { Ground } from './ground.ts';
import { runLanes, SETTLE_MS } from './lanes.ts';
import {
  begin,
  comeBack,
  isAtClient,
  type LoginTimes,
  listen,
  login,
  loginWithSession,
  newPerson,
  type Person,
  redeem,
  refreshSeconds,
  reload,
  unexpected,
} from './login-flow.ts';
import type { Gauge } from './probe.ts';
import { inParallel, median } from './statistics.ts';
import { type Answer, type EventStream, send } from './web-client.ts';

const MIB = 1024 * 1024;
const AT_ONCE = 16;
const CROWD = 64;

/** What the process holds when nobody has come yet. */
export async function measureIdle({ provider, figures }: Ground): Promise<void> {
  await delay(SETTLE_MS);
  const untouched = await provider.gauge();
  const collected = await provider.gauge({ collect: true });
  figures.add('start.ready', 'start of the process to /readyz', 'ms', provider.readyMs);
  figures.add('memory.idle', 'idle memory (RSS)', 'MiB', untouched.memory.rss / MIB);
  figures.add('memory.idle.heap', 'idle heap, garbage collected', 'MiB', collected.memory.heapUsed / MIB);
}

function runLogins(
  { provider }: Ground,
  people: readonly Person[],
  times: number,
  atOnce: number,
  once: (person: Person) => Promise<LoginTimes>,
) {
  return runLanes(provider, { people, times, atOnce }, once);
}

/** First logins, document check and all; and the people for everything that follows. */
export async function measureEnrolments(ground: Ground, people: readonly Person[]): Promise<void> {
  const { places, figures } = ground;
  const { cpuMs } = await runLogins(ground, people, people.length, AT_ONCE, (person) => login(person, places));
  const missed = people.filter((person) => !person.enrolled);
  for (const person of missed) await login(person, places);
  figures.add('enrolment.cpu', 'enrolment: CPU of the provider', 'ms', cpuMs, people.length);
}

/** Once through everything, so that what is measured next is compiled. */
export async function warmUp(ground: Ground, people: readonly Person[], logins: number): Promise<void> {
  await runLogins(ground, people, logins, 4, (person) => login(person, ground.places));
  await runLogins(ground, people, logins, 4, (person) => loginWithSession(person, ground.places));
}

export async function measureLogins(ground: Ground, people: readonly Person[], logins: number): Promise<void> {
  const { places, figures, standIn } = ground;
  const answeringBefore = await standIn.answeringMs();
  const alone = await runLogins(ground, people, logins, 1, (person) => login(person, places));
  const answeringMs = ((await standIn.answeringMs()) - answeringBefore) / logins;
  const own = alone.results.map(({ totalMs, vendorMs }) => totalMs - vendorMs - answeringMs);
  figures.add('login.cpu', 'selfie login: CPU of the provider', 'ms', alone.cpuMs, logins);
  figures.add('login.requests', 'selfie login: requests', '', median(alone.results.map(({ requests }) => requests)));
  figures.addTimes('login.time', 'selfie login, one flow, the vendor apart', own);
  figures.add('login.vendor', "… the vendor's answer to our request, left out of it", 'ms', answeringMs, logins);
  figures.add('login.rate.1', 'selfie logins, one flow', '/s', logins / alone.seconds, logins);
  const many = await runLogins(ground, people, logins, AT_ONCE, (person) => login(person, places));
  figures.add('login.cpu.16', 'selfie login, 16 flows: CPU of the provider', 'ms', many.cpuMs, logins);
  figures.add('login.rate.16', 'selfie logins, 16 flows', '/s', logins / many.seconds, logins);
  let failures = 0;
  const crowd = await runLogins(ground, people, logins, CROWD, (person) =>
    login(person, places).catch((error: Error) => {
      failures += 1;
      process.stderr.write(`a login among ${CROWD} failed: ${error.message}\n`);
      return { totalMs: 0, vendorMs: 0, requests: 0 };
    }),
  );
  figures.add('login.failures.64', 'selfie logins that failed, 64 flows', '', failures, logins);
  figures.add('login.rate.64', 'selfie logins, 64 flows', '/s', logins / crowd.seconds, logins);
}

export async function measureSessions(ground: Ground, people: readonly Person[], logins: number): Promise<void> {
  const { places, figures } = ground;
  const alone = await runLogins(ground, people, logins, 1, (person) => loginWithSession(person, places));
  figures.add('session.cpu', 'login with a session: CPU of the provider', 'ms', alone.cpuMs, logins);
  figures.addTimes(
    'session.time',
    'login with a session, one flow',
    alone.results.map(({ totalMs }) => totalMs),
  );
  figures.add('session.rate.1', 'logins with a session, one flow', '/s', logins / alone.seconds, logins);
  const many = await runLogins(ground, people, logins, AT_ONCE, (person) => loginWithSession(person, places));
  figures.add('session.cpu.16', 'login with a session, 16 flows: CPU of the provider', 'ms', many.cpuMs, logins);
  figures.add('session.rate.16', 'logins with a session, 16 flows', '/s', logins / many.seconds, logins);
}

/** Deliveries at a fixed rate, whether or not earlier ones are answered; then everybody comes back and finishes. */
export async function measureWebhooks(
  ground: Ground,
  people: readonly Person[],
  deliveries: number,
  perSecond: number,
): Promise<void> {
  const { provider, places, figures } = ground;
  const before = await acknowledgedBuckets(provider.issuer);
  const times: number[] = [];
  let cpuMicros = 0;
  while (times.length < deliveries) {
    const wave = people.slice(0, Math.ceil((deliveries - times.length) / 2));
    const waiting = await inWave(wave, async (person) => {
      person.browser.forget((name) => name.startsWith('_'));
      const begun = await begin(person, places);
      return { person, begun, captured: await capture(person, begun, places.standIn) };
    });
    await delay(SETTLE_MS);
    const queue: Delivery[] = [
      ...waiting.map(({ captured }) => deliveryOf(captured.decision, 'In Progress')),
      ...waiting.map(({ captured }) => deliveryOf(captured.decision, 'Approved')),
    ];
    const cpuBefore = await provider.gauge();
    times.push(...(await sendAtRate(provider.issuer, queue, perSecond)));
    await delay(SETTLE_MS);
    cpuMicros += (await provider.gauge()).cpuMicros - cpuBefore.cpuMicros;
    await inWave(waiting, async ({ person, begun, captured }) => {
      const answer = await comeBack(person, captured.returnUrl);
      if (!isAtClient(answer)) throw unexpected('the return after the decision', answer);
      await redeem(person, places.issuer, begun.request, answer);
    });
  }
  const after = await acknowledgedBuckets(provider.issuer);
  figures.addTimes('webhook.acknowledged', `webhook acknowledged, ${perSecond} a second`, times);
  figures.add(
    'webhook.histogram.p99',
    'webhook acknowledged, p99 at most (own histogram)',
    'ms',
    1000 * boundOf(before, after, 0.99),
    times.length,
  );
  figures.add('webhook.cpu', 'webhook: CPU of the provider', 'ms', cpuMicros / 1000 / times.length, times.length);
}

async function inWave<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  await inParallel(items, AT_ONCE, async (item) => void results.push(await work(item)));
  return results;
}

async function sendAtRate(issuer: string, queue: readonly Delivery[], perSecond: number): Promise<number[]> {
  const startMs = performance.now();
  const sent: Promise<number>[] = [];
  for (const [index, delivery] of queue.entries()) {
    const waitMs = startMs + (index * 1000) / perSecond - performance.now();
    if (waitMs > 1) await delay(waitMs);
    const acknowledged = deliver(issuer, delivery);
    // awaited below; one that fails meanwhile must not end the process unseen
    acknowledged.catch(() => undefined);
    sent.push(acknowledged);
  }
  return Promise.all(sent);
}

/** The provider's own histogram: upper bound in seconds → how many were at or below it. */
async function acknowledgedBuckets(issuer: string): Promise<Map<number, number>> {
  const { text } = await send(`${issuer}/metrics`);
  const lines = text.matchAll(/^selfie_oidc_webhook_acknowledged_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm);
  return new Map([...lines].map(([, bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), Number(count)]));
}

/** The bucket's bound below which a share of what came between lies. */
function boundOf(before: Map<number, number>, after: Map<number, number>, share: number): number {
  const added = [...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const);
  const total = Math.max(...added.map(([, count]) => count));
  const finite = added.filter(([bound]) => bound !== Infinity);
  const found = finite.find(([, count]) => count >= share * total) ?? finite.at(-1);
  return found?.[0] ?? Number.NaN;
}

export interface DecisionSettings {
  /** of the figures */
  readonly name?: string;
  readonly label?: string;
  /** of the instance that is told, when it is another one than the pages are open at */
  readonly webhookPort?: number | undefined;
}

/**
 * From a decision that is sent to us until the browser holds its redirect to the client, with hundreds of other pages open.
 * With script the page is told; without, it loads itself again by a time that the page names.
 */
export async function measureDecisions(
  ground: Ground,
  people: readonly Person[],
  decisions: number,
  { name = 'decision', label = 'decision known to browser redirected', webhookPort }: DecisionSettings = {},
): Promise<void> {
  const { places, figures } = ground;
  const told: number[] = [];
  const reloaded: number[] = [];
  const periods = new Set<number>();

  async function bringOne(person: Person, withScript: boolean): Promise<void> {
    person.browser.forget((name) => name.startsWith('_'));
    const begun = await begin(person, places);
    const captured = await capture(person, begun, places.standIn);
    const page = await comeBack(person, captured.returnUrl);
    const delivery = deliveryOf(captured.decision, 'Approved');
    let answer: Answer;
    if (withScript) {
      const stream = await listen(person, page);
      await stream.next();
      await delay(50);
      const startedMs = performance.now();
      const acknowledged = deliver(places.issuer, delivery, webhookPort);
      acknowledged.catch(() => undefined);
      while ((await stream.next()) === 'waiting');
      stream.close();
      answer = await reload(person, page);
      told.push(performance.now() - startedMs);
      await acknowledged;
    } else {
      const seconds = refreshSeconds(page);
      if (seconds !== undefined) periods.add(seconds);
      await deliver(places.issuer, delivery, webhookPort);
      await delay(100);
      const startedMs = performance.now();
      answer = await reload(person, page);
      reloaded.push(performance.now() - startedMs);
    }
    if (!isAtClient(answer)) throw unexpected('the waiting page after the decision', answer);
    await redeem(person, places.issuer, begun.request, answer);
  }

  const turns = Array.from({ length: 2 * decisions }, (_, index) => index);
  // two at a time, each with people of its own
  const lanes = [0, 1].filter((lane) => people.length > lane);
  await inParallel(lanes, lanes.length, async (lane) => {
    const own = people.filter((_person, index) => index % lanes.length === lane);
    for (const turn of turns.filter((each) => each % lanes.length === lane)) {
      const nth = Math.floor(turn / lanes.length);
      await bringOne(own[nth % own.length] as Person, (nth + lane) % 2 === 0);
    }
  });
  figures.addTimes(`${name}.script`, `${label}, page open`, told);
  figures.addTimes(`${name}.reload`, 'the same without script, once it reloads', reloaded);
  figures.add(`${name}.reload.every`, 'the page reloads itself every (as it says)', 's', Math.max(0, ...periods));
}

/** Begins logins of people nobody knows, and leaves them at the vendor. */
async function leaveWaiting(ground: Ground, count: number, isLate: () => boolean): Promise<Person[]> {
  const people: Person[] = [];
  await inParallel(Array.from({ length: count }), AT_ONCE, async () => {
    if (isLate()) return;
    const person = newPerson();
    await begin(person, ground.places);
    people.push(person);
  });
  return people;
}

/** Opens the waiting pages of people whose decision is out, and keeps them open until told. */
export async function openStreams(ground: Ground, count: number): Promise<() => Promise<void>> {
  const { provider, places, figures } = ground;
  const waiting: { person: Person; uid: string }[] = [];
  await inParallel(Array.from({ length: count }), AT_ONCE, async () => {
    const person = newPerson();
    waiting.push({ person, uid: (await begin(person, places)).uid });
  });
  await delay(SETTLE_MS);
  const before = await provider.gauge({ collect: true });
  const streams: EventStream[] = [];
  await inParallel(waiting, AT_ONCE, async ({ person, uid }) => {
    const page = await person.browser.request(`${places.issuer}/interaction/${uid}/waiting`);
    const stream = await listen(person, page);
    await stream.next();
    streams.push(stream);
  });
  await delay(SETTLE_MS);
  const after = await provider.gauge({ collect: true });
  figures.add('memory.stream.none', `process before ${count} pages were opened (RSS)`, 'MiB', before.memory.rss / MIB);
  figures.add('memory.stream', 'memory of an open page (heap and buffers)', 'KiB', held(before, after) / 1024 / count);
  figures.add('memory.stream.rss', `process with ${count} open pages (RSS)`, 'MiB', after.memory.rss / MIB);
  return async () => {
    for (const stream of streams) stream.close();
    await delay(SETTLE_MS);
  };
}

/** Memory with more and more logins waiting at the vendor, no page open; stops growing when it is late. */
export async function measureWaiting(ground: Ground, counts: readonly number[], isLate: () => boolean): Promise<void> {
  const { provider, figures } = ground;
  await delay(SETTLE_MS);
  const none = await provider.gauge({ collect: true });
  figures.add('memory.waiting.0.rss', 'process after some logins, none waiting (RSS)', 'MiB', none.memory.rss / MIB);
  let waiting = 0;
  for (const count of counts) {
    waiting += (await leaveWaiting(ground, count - waiting, isLate)).length;
    await delay(SETTLE_MS);
    const now = await provider.gauge({ collect: true });
    const label = waiting === count ? `${count}` : `${waiting} (of ${count}: out of time)`;
    figures.add(`memory.waiting.${count}`, `${label} logins waiting (heap and buffers)`, 'MiB', held(none, now) / MIB);
    figures.add(
      `memory.waiting.${count}.rss`,
      `process with ${label} logins waiting (RSS)`,
      'MiB',
      now.memory.rss / MIB,
    );
    if (waiting >= 1_000) {
      const each = held(none, now) / 1024 / waiting;
      figures.add(`memory.waiting.${count}.each`, `each of ${label} waiting (heap and buffers)`, 'KiB', each);
    }
    if (isLate()) return;
  }
}

/** Bytes by which what is in use has grown. */
function held(before: Gauge, after: Gauge): number {
  const used = ({ memory }: Gauge) => memory.heapUsed + memory.external;
  return used(after) - used(before);
}
