// Steps with a passkey that stories share: what a page hands the browser, and the answer going back.

import { parse } from 'node-html-parser';
import type { Authenticator, Lies } from '../factors/authenticator.ts';
import type { Browser, Page } from './browser.ts';
import type { Begun, World } from './world.ts';

/** The options a page carries for its button; undefined where it has none. */
export function optionsOf(page: Page, wish: 'use' | 'make'): string | undefined {
  return parse(page.text)
    .querySelector(`form[data-passkey="${wish === 'make' ? 'create' : 'get'}"]`)
    ?.getAttribute('data-options');
}

/** Presses the button, lets the device answer, and follows as far as the client. */
export async function answer(
  world: World,
  browser: Browser,
  page: Page,
  wish: 'use' | 'make',
  device: Authenticator,
  lies: Lies = {},
): Promise<Page> {
  const options = optionsOf(page, wish);
  if (options === undefined) throw new Error(`nothing to ${wish} on ${page.url} (${page.status})`);
  const text = wish === 'make' ? device.create(options, lies) : device.get(options, lies);
  return send(world, browser, page, wish, text);
}

export async function send(world: World, browser: Browser, page: Page, wish: string, text: string): Promise<Page> {
  const sent = await browser.press(page, { name: 'passkey', value: wish }, { answer: text });
  return browser.follow(sent, (location) => location.startsWith(world.redirectUri));
}

/** The page of other ways of a login that was begun for this person, without a selfie. */
export async function otherWays(
  world: World,
  browser: Browser,
  identifier: string,
  params: Record<string, string> = {},
  clientId = 'app',
): Promise<Begun> {
  const request = await world.authorize({ prompt: 'login', ...params }, clientId);
  const first = await browser.get(request.url);
  const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
  const fields = first.text.includes('name="identifier"') ? { identifier } : {};
  const pressed = await browser.press(first, { name: 'begin', value: 'other' }, fields);
  const page = await browser.follow(pressed);
  return { browser, request, uid, page, sessionId: '', hostedUrl: '' };
}
