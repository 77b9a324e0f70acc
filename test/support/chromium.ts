// A real browser for tests: finds Chromium, starts it with a camera that shows a test picture, and skips with a reason
// where there is none. Used by the pages' own tests and by whole logins.

import { accessSync, constants } from 'node:fs';
import { test } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/opt/google/chrome/chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
];

/** @returns the path of a browser that can be run; `CHROMIUM_PATH` is believed before all others */
export function findChromium(): string | undefined {
  const asked = process.env.CHROMIUM_PATH;
  return (asked === undefined || asked === '' ? PLACES : [asked]).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a headless browser; the caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium found: set CHROMIUM_PATH');
  return chromium.launch({ executablePath, args: FLAGS, headless: true });
}

/** `test`, where there is a browser; else a skipped test whose name says why, unless `REQUIRE_CHROMIUM` wants it to fail. */
export function chromiumTest(name: string, run: () => Promise<void>, timeoutMs = 60_000): void {
  const isRequired = Boolean(process.env.REQUIRE_CHROMIUM);
  if (findChromium() === undefined && !isRequired) {
    test.skip(`${name} (skipped: no Chromium found, set CHROMIUM_PATH)`, run);
  } else {
    test(name, run, timeoutMs);
  }
}
