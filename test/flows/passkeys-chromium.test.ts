// The whole path with a passkey in a real browser, whose authenticator is Chromium's own virtual one: what script, pages and policy do
// together. On a phone the browser is made an older one, without the JSON methods of WebAuthn Level 3.

import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { chromiumTest, findChromium, launchChromium } from '../support/chromium.ts';
import { CLIENT_SECRET, exchange, type Request, startWorld, UNLIMITED, type World } from '../support/world.ts';

const SELFIE_DEVICE = 'urn:selfie-oidc:acr:selfie-device';
const WANTS_KEY = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: SELFIE_DEVICE } } }) };
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// SCREENSHOTS=folder keeps pictures of what the person saw
const pictures = process.env.SCREENSHOTS;

const PHONE = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
  userAgent:
    'Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
};

/** the client's page, at which every login ends */
const client = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<!doctype html><title>Client</title><link rel="icon" href="data:,">');
});
let callback: string;
let world: World;
let chromium: Browser | undefined;

beforeAll(async () => {
  if (findChromium() === undefined) return;
  if (pictures) await mkdir(pictures, { recursive: true });
  await new Promise<void>((listening) => client.listen(0, '127.0.0.1', listening));
  callback = `http://127.0.0.1:${(client.address() as AddressInfo).port}/cb`;
  const app = {
    client_id: 'app',
    client_name: 'Example App',
    client_secret: CLIENT_SECRET,
    redirect_uris: [callback],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  };
  [world, chromium] = await Promise.all([
    startWorld({ host: 'localhost', policy: { ...UNLIMITED, emailCode: 'off' }, clients: [app] }),
    launchChromium(),
  ]);
}, 30_000);

afterAll(async () => {
  await chromium?.close();
  await world?.close();
  client.closeAllConnections();
  client.close();
});

interface Person {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: string[];
  readonly device: CDPSession;
  readonly authenticatorId: string;
}

async function newPerson(options: Parameters<Browser['newContext']>[0], isOld: boolean): Promise<Person> {
  const context = await (chromium as Browser).newContext(options);
  if (isOld) {
    await context.addInitScript(`
      delete PublicKeyCredential.parseCreationOptionsFromJSON;
      delete PublicKeyCredential.parseRequestOptionsFromJSON;
      delete PublicKeyCredential.prototype.toJSON;
    `);
  }
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // a page answered with 422 is told as an error by the browser
    if (message.type() === 'error' && !message.text().includes('422'))
      complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
  const device = await context.newCDPSession(page);
  await device.send('WebAuthn.enable');
  const { authenticatorId } = await device.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { context, page, complaints, device, authenticatorId };
}

async function look(page: Page, name: string): Promise<void> {
  if (pictures) await page.screenshot({ path: join(pictures, `passkey-${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => {
    const { axe } = globalThis as unknown as { axe: { run(on: unknown, options: object): Promise<AxeResults> } };
    return axe.run('html', { runOnly: tags, resultTypes: ['violations'] });
  }, TAGS);
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  const isWide = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
  expect(isWide).toBe(false);
}

async function start(page: Page, params: Record<string, string>): Promise<Request> {
  const request = await world.authorize({ prompt: 'login', redirect_uri: callback, ...params });
  await page.goto(request.url.href);
  return request;
}

async function claimsAt(page: Page, request: Request) {
  await page.waitForURL(`${callback}**`);
  return (await exchange(await world.client(), request, page.url())).claims();
}

for (const [device, options, isOld] of [
  ['desktop', { viewport: { width: 1280, height: 800 } }, false],
  ['phone', PHONE, true],
] as const) {
  chromiumTest(`on a ${device}, a passkey is made beside a selfie, and signs in alone the next time`, async () => {
    const person = await newPerson(options, isOld);
    const { context, page, complaints } = person;
    const first = await start(page, WANTS_KEY);
    await page.fill('[name=identifier]', `${device}@example.org`);
    await page.check('[name=biometric_consent]');
    await page.click('button[name=begin][value=here]');
    await page.waitForURL(/\/session\//);
    await page.click('button[name=outcome][value=approve]');
    await page.waitForSelector('button[name=passkey][value=make]:visible');
    expect(await page.locator('[data-passkey-unable]').isVisible()).toBe(false);
    await look(page, `${device}-1-make`);

    // nobody unlocks the device: the page says so, and the button is good again
    await person.device.send('WebAuthn.setUserVerified', {
      authenticatorId: person.authenticatorId,
      isUserVerified: false,
    });
    await page.click('button[name=passkey][value=make]');
    await page.waitForSelector('[data-passkey-said] .fault');
    await look(page, `${device}-2-stopped`);
    await person.device.send('WebAuthn.setUserVerified', {
      authenticatorId: person.authenticatorId,
      isUserVerified: true,
    });
    await page.click('button[name=passkey][value=make]');

    await page.waitForSelector('h1:has-text("Now use your passkey")');
    await look(page, `${device}-3-made`);
    await page.click('button[name=passkey][value=use]');
    expect(await claimsAt(page, first)).toMatchObject({ acr: SELFIE_DEVICE, amr: ['face', 'hwk', 'mfa'] });

    // on the page of one's own: this device has one already
    await page.goto(`${world.issuer}/account/passkey`);
    await look(page, `${device}-4-account`);
    await page.click('button[name=passkey][value=make]');
    await page.waitForSelector('[data-passkey-said]:has-text("has a passkey for your account already")');

    const second = await start(page, {});
    await page.click('button[name=begin][value=other]');
    await look(page, `${device}-5-ways`);
    await page.click('button[name=way][value=passkey]');
    await page.waitForSelector('button[name=passkey][value=use]:visible');
    await look(page, `${device}-6-alone`);
    await page.click('button[name=passkey][value=use]');
    expect(await claimsAt(page, second)).toMatchObject({ acr: 'phr', amr: ['hwk', 'user', 'mfa'] });
    expect(complaints).toEqual([]);
    await context.close();
  });
}

chromiumTest('a passkey of another account is refused in plain words, on the page and in its title', async () => {
  const { context, page, complaints } = await newPerson({ viewport: { width: 1280, height: 800 } }, false);
  const first = await start(page, WANTS_KEY);
  await page.fill('[name=identifier]', 'hers');
  await page.check('[name=biometric_consent]');
  await page.click('button[name=begin][value=here]');
  await page.waitForURL(/\/session\//);
  await page.click('button[name=outcome][value=approve]');
  await page.click('button[name=passkey][value=make]');
  await page.waitForSelector('h1:has-text("Now use your passkey")');
  await page.click('button[name=passkey][value=use]');
  await claimsAt(page, first);
  await context.clearCookies();
  await start(page, {});
  await page.fill('[name=identifier]', 'his');
  await page.click('button[name=begin][value=other]');
  await page.click('button[name=way][value=passkey]');
  await page.click('button[name=passkey][value=use]');
  await page.waitForSelector('.fault:has-text("not accepted for his")');
  expect(await page.title()).toMatch(/^Error: /);
  await look(page, 'refused');
  expect(complaints).toEqual([]);
  await context.close();
});

chromiumTest(
  'where no script runs, or the browser knows no passkeys, the page says so and offers the other ways',
  async () => {
    for (const able of ['no-script', 'no-webauthn'] as const) {
      const context = await (chromium as Browser).newContext({ javaScriptEnabled: able !== 'no-script' });
      if (able === 'no-webauthn') await context.addInitScript('delete globalThis.PublicKeyCredential');
      const page = await context.newPage();
      await start(page, {});
      await page.fill('[name=identifier]', 'plain');
      await page.click('button[name=begin][value=other]');
      await page.click('button[name=way][value=passkey]');
      await page.waitForSelector('.warn:visible');
      const words = await page.innerText('main');
      expect(words).toMatch(able === 'no-script' ? /JavaScript/ : /This browser cannot use passkeys/);
      expect(await page.locator('button[name=passkey]').isVisible()).toBe(false);
      if (pictures) await page.screenshot({ path: join(pictures, `passkey-${able}.png`), fullPage: true });
      await page.click('a:has-text("Sign in another way")');
      await page.waitForURL(/\/other$/);
      await context.close();
    }
  },
);
