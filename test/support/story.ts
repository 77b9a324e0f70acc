// Steps that the stories under flows/ share: who captures, who comes back, what the client hears.

import type { WebhookOverrides } from '../../src/sandbox/delivery.ts';
import { Browser, type Page } from './browser.ts';
import { type Begun, pause, returnUrlOf, settleDown, type World } from './world.ts';

type SettleOptions = NonNullable<Parameters<World['sandbox']['settle']>[2]>;

/** Somebody elsewhere: another network, another device. */
export const FAR = '203.0.113.77';

/** Polls until there is something; bounded by tries. */
export async function until<T>(
  what: string,
  read: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (let tries = 0; tries < 300; tries += 1) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    await pause(tries);
  }
  throw new Error(`never happened: ${what}`);
}

/** The person shows the face at the vendor, in a browser and place of their own. */
export async function showFace(
  world: World,
  begun: Begun,
  how: { scenario?: string; by?: Browser; address?: string; settle?: SettleOptions } = {},
) {
  const { userAgent } = how.by ?? begun.browser;
  await world.sandbox.open(begun.sessionId, { userAgent, ...(how.address ? { address: how.address } : {}) });
  return world.sandbox.settle(begun.sessionId, how.scenario ?? 'approve', how.settle);
}

export function returnUrl(world: World, begun: Begun): string {
  return returnUrlOf(world.sandbox.session(begun.sessionId));
}

/** The vendor's redirect in this browser, and whatever follows until a page stays, or the client is reached. */
export async function comeBack(world: World, begun: Begun, browser: Browser = begun.browser): Promise<Page> {
  const back = await browser.get(returnUrl(world, begun), (location) => location.startsWith(world.redirectUri));
  return settleDown(browser, back, world.redirectUri);
}

export async function visit(world: World, begun: Begun, path: string, browser: Browser = begun.browser): Promise<Page> {
  const at = `${world.issuer}/interaction/${begun.uid}${path}`;
  return browser.get(
    at,
    (location) => location.startsWith(world.redirectUri) || location.startsWith(world.sandbox.url),
  );
}

/** Waits for a page to be there, as the live page would. */
export function awaitPage(world: World, begun: Begun, what: string, is: (page: Page) => boolean): Promise<Page> {
  return until(what, async () => {
    const page = await visit(world, begun, '/waiting');
    return is(page) && page;
  });
}

/** What the client hears: the parameters of the redirect to it. */
export function answerOf(world: World, page: Page): URLSearchParams {
  const location = page.headers.get('location') ?? '';
  if (!location.startsWith(world.redirectUri))
    throw new Error(`not at the client: ${page.status} ${page.url} ${location}`);
  return new URL(location).searchParams;
}

export function isAtClient(world: World, page: Page): boolean {
  return (page.headers.get('location') ?? '').startsWith(world.redirectUri);
}

/** Presses a button and follows, as far as the client or the vendor. */
export async function pressOn(
  world: World,
  browser: Browser,
  page: Page,
  button: string | { name: string; value: string },
  fields: Record<string, string> = {},
): Promise<Page> {
  const pressed = await browser.press(page, button, fields);
  return browser.follow(
    pressed,
    (location) => location.startsWith(world.redirectUri) || location.startsWith(world.sandbox.url),
  );
}

/** Cancels on a page, and tells what the client hears. */
export async function giveUp(world: World, browser: Browser, page: Page): Promise<URLSearchParams> {
  return answerOf(world, await pressOn(world, browser, page, 'abort'));
}

/** A browser that has signed in before: a known device, without a session that would answer by itself. */
export function withoutSession(browser: Browser): Browser {
  const copy = new Browser({ userAgent: browser.userAgent });
  for (const cookie of browser.cookies()) if (cookie.name.startsWith('selfie_')) copy.setCookie(cookie);
  return copy;
}

/** Creates at the vendor so far. */
export function creates(world: World): number {
  return world.sandbox.calls().filter((call) => call.call === 'create').length;
}

export function events(world: World): string[] {
  return world.log.flatMap((line) => {
    const { msg } = JSON.parse(line) as { msg?: string };
    return msg === undefined ? [] : [msg];
  });
}

/** One delivery about a session, however odd; the receiver's status. */
export async function deliver(world: World, sessionId: string, overrides: WebhookOverrides = {}): Promise<number[]> {
  return (await world.sandbox.sendWebhook(sessionId, overrides)).map((delivery) => delivery.status);
}

/** Until no such job is left: one that is cut off by a jump of the clock is done once more. */
export async function untilDone(world: World, kind: string): Promise<void> {
  await until(`no ${kind} to be left`, async () => {
    for await (const jobs of world.app.parts.backend.bulk.jobs())
      if (jobs.some((job) => job.kind === kind)) return false;
    return true;
  });
}

/** The event stream of a waiting page, as it comes. */
export async function openStream(world: World, begun: Begun) {
  const cookie = begun.browser
    .cookies()
    .filter(({ path }) => path === '/' || path === `/interaction/${begun.uid}`)
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
  const response = await fetch(`${world.issuer}/interaction/${begun.uid}/events`, { headers: { cookie } });
  let text = '';
  let isOpen = response.status === 200;
  void (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    isOpen = false;
  })();
  return {
    isOpen: () => isOpen,
    until: (part: string) => until(`${part} in ${text}`, () => text.includes(part)),
  };
}
