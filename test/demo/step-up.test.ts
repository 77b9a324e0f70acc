// The step-up as a person sees it, in the whole demo: provider, stand-in, client and API, each over HTTP.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningDemo, startDemo } from '../../src/demo/start.ts';
import { Browser, type Page } from '../support/browser.ts';

let directory: string;
let demo: RunningDemo;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'selfie-oidc-'));
  const reading = await loadConfig({ STORAGE_URL: 'memory:', LOG_LEVEL: 'silent' }, { cwd: directory });
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  demo = await startDemo(reading.config, { print: () => undefined });
}, 30_000);

afterAll(async () => {
  await demo?.close();
  await rm(directory, { recursive: true, force: true });
});

/** From the first page of a login to the client: a selfie that is approved, and consent. */
async function prove(browser: Browser, first: Page, fields: Record<string, string> = {}): Promise<Page> {
  const press = async (page: Page, name: string, value: string, more?: Record<string, string>) =>
    browser.follow(await browser.press(page, { name, value }, more));
  const hosted = await press(first, 'begin', 'here', fields);
  let page = await press(hosted, 'outcome', 'approve');
  for (let tries = 0; tries < 400 && page.url.endsWith('/waiting'); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    page = await browser.get(page.url);
  }
  return press(page, 'decision', 'allow');
}

test('a transfer after a still selfie is refused, an active selfie later it is done, and the page shows both', async () => {
  const browser = new Browser();
  const first = await browser.get(`${demo.client}/login`);
  const home = await prove(browser, first, { identifier: 'step-up@example.org', biometric_consent: 'yes' });
  expect(home.url).toBe(`${demo.client}/`);

  const again = await browser.follow(await browser.press(home, { name: 'errand', value: 'transfer' }));
  expect(again.url).toMatch(/\/interaction\//);
  const done = await prove(browser, again);

  const answers = parse(done.text).querySelectorAll('[role=status] li');
  expect(answers.map((item) => item.structuredText)).toEqual([
    expect.stringContaining('Refused: 401 insufficient_user_authentication'),
    expect.stringContaining('Done: 200'),
  ]);
  expect(answers[1]?.text).toContain('{"transferred":100,"balance":900}');
  const token = parse(done.text).querySelector('section[aria-labelledby=api] details pre')?.text ?? '';
  expect(JSON.parse(token)).toMatchObject({ acr: 'urn:selfie-oidc:acr:selfie-active', scope: 'payments' });
});
