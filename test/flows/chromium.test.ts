import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningDemo, startDemo } from '../../src/demo/start.ts';
import { chromiumTest, findChromium, launchChromium } from '../support/chromium.ts';
import { readQr } from '../support/qr.ts';

// SCREENSHOTS=folder keeps pictures of what the person saw
const pictures = process.env.SCREENSHOTS;

let directory: string;
let demo: RunningDemo | undefined;
let chromium: Browser | undefined;

beforeAll(async () => {
  if (findChromium() === undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'selfie-oidc-'));
  if (pictures) await mkdir(pictures, { recursive: true });
  const reading = await loadConfig({ STORAGE_URL: 'memory:', LOG_LEVEL: 'silent' }, { cwd: directory });
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  [demo, chromium] = await Promise.all([startDemo(reading.config, { print: () => undefined }), launchChromium()]);
}, 30_000);

afterAll(async () => {
  await chromium?.close();
  await demo?.close();
  if (directory) await rm(directory, { recursive: true, force: true });
});

async function newPerson(
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ context: BrowserContext; page: Page; errors: string[] }> {
  const context = await (chromium as Browser).newContext({ permissions: ['camera'], ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.message}`));
  return { context, page, errors };
}

async function picture(page: Page, name: string): Promise<void> {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

async function beginAs(page: Page, identifier: string): Promise<void> {
  await page.goto((demo as RunningDemo).client);
  await page.click('[name=sign_in]');
  await page.fill('[name=identifier]', identifier);
  await page.check('[name=biometric_consent]');
}

const PHONE = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
  userAgent:
    'Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
};

for (const [device, options] of [
  ['desktop', { viewport: { width: 1280, height: 800 } }],
  ['phone', PHONE],
] as const) {
  chromiumTest(
    `on a ${device}, a new person enrols with the camera, consents, and sees the tokens; the next time it is one selfie`,
    async () => {
      const { context, page, errors } = await newPerson(options);
      await beginAs(page, `${device}@example.org`);
      await picture(page, `${device}-1-first`);
      await page.click('button[name=begin][value=here]');
      await page.waitForURL(/\/session\//);
      await picture(page, `${device}-2-hosted`);
      await page.click('button[name=camera]');
      // the picture moves the button below it
      await page.waitForSelector('.camera video');
      await page.click('button.main[name=outcome]:visible');
      await page.waitForURL(/\/interaction\//);
      await page.waitForSelector('button[name=decision][value=allow]');
      await picture(page, `${device}-3-consent`);
      await page.click('button[name=decision][value=allow]');
      await page.waitForURL(`${(demo as RunningDemo).client}/**`);
      await picture(page, `${device}-4-signed-in`);
      const words = await page.innerText('body');
      expect(words).toContain('urn:selfie-oidc:acr:selfie');
      expect(words).toContain(`${device}@example.org`);

      const again = await context.newPage();
      await again.goto(`${(demo as RunningDemo).client}/login?prompt=login`);
      await again.waitForSelector('button[name=begin][value=here]');
      expect(await again.locator('[name=identifier]:not([type=hidden])').count()).toBe(0);
      await picture(again, `${device}-5-known`);
      await again.click('button[name=begin][value=here]');
      await again.waitForURL(/\/session\//);
      await again.click('button[value=approve]');
      await again.waitForURL(`${(demo as RunningDemo).client}/**`);
      expect(errors).toEqual([]);
      await context.close();
    },
  );
}

chromiumTest('a selfie on the phone finishes the login on the desktop once its number is typed there', async () => {
  const desk = await newPerson({ viewport: { width: 1280, height: 800 } });
  await beginAs(desk.page, 'handoff@example.org');
  await desk.page.click('button[name=begin][value=phone]');
  await desk.page.waitForSelector('.qr svg');
  await picture(desk.page, 'handoff-1-qr');
  const address = readQr(await desk.page.locator('.qr').innerHTML());
  expect(address).toMatch(/\/interaction\/[\w-]+\/phone\/[\w-]{22}$/);

  const phone = await newPerson(PHONE);
  await phone.page.goto(address);
  await picture(phone.page, 'handoff-2-phone');
  await phone.page.click('main form button');
  await phone.page.waitForURL(/\/session\//);
  await phone.page.click('button[name=outcome][value=approve]');
  await phone.page.waitForSelector('[data-number]');
  await picture(phone.page, 'handoff-3-number');
  const number = (await phone.page.getAttribute('[data-number]', 'data-number')) ?? '';

  await desk.page.waitForSelector('.live[data-settled=true] [name=number]');
  await picture(desk.page, 'handoff-4-asked');
  await desk.page.fill('[name=number]', number);
  await desk.page.press('[name=number]', 'Enter');
  await desk.page.waitForSelector('button[name=decision][value=allow]');
  await Promise.all([desk.context.close(), phone.context.close()]);
});

chromiumTest('without script, the waiting page goes on by reloading itself', async () => {
  const { context, page } = await newPerson({ javaScriptEnabled: false });
  await beginAs(page, 'no-script@example.org');
  await page.click('button[name=begin][value=here]');
  await page.waitForURL(/\/session\//);
  await page.click('button[name=outcome][value=approve]');
  await page.waitForSelector('button[name=decision][value=allow]', { timeout: 20_000 });
  await context.close();
});
