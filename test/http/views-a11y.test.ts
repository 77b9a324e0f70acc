// The pages in a real browser under the policy they are served with: axe-core on each, dark and light, wide and narrow;
// nothing wider than a small phone; and what the scripts promise (the live page, one submission a form).

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { createViews } from '../../src/http/views.ts';
import { chromiumTest, findChromium, launchChromium } from '../support/chromium.ts';
import { everySample, NOW, samples } from './views-samples.ts';

const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="navy"/></svg>';
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const views = createViews({ now: () => NOW });

/** Serves every sample at `/<page>/<sample>`, and what a test puts into `special`. */
const special = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
const server: Server = createServer((request, response) => {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const asset = views.assets.get(path);
  const sample = everySample().find((each) => `/${each.path}` === path);
  const own = special.get(path);
  response.setHeader('content-security-policy', POLICY);
  response.setHeader('cache-control', 'no-store');
  if (own !== undefined) return own(request, response);
  if (asset !== undefined) {
    response.setHeader('cache-control', 'public, max-age=31536000, immutable');
    return response.setHeader('content-type', asset.type).end(asset.body);
  }
  if (path.startsWith('/logos/')) return response.setHeader('content-type', 'image/svg+xml').end(LOGO);
  if (path.endsWith('/events')) return tell(response, 'waiting');
  if (sample === undefined) return response.writeHead(404).end();
  return response
    .setHeader('content-type', 'text/html; charset=utf-8')
    .end(views.render(sample.name, sample.data as never));
});

/** Opens an event stream and says one state on it. */
function tell(response: ServerResponse, state: string): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: state\ndata: {"state":"${state}"}\n\n`);
}

let browser: Browser;
let base: string;

beforeAll(async () => {
  if (findChromium() === undefined) return;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchChromium();
}, 30_000);

afterAll(async () => {
  await browser?.close();
  server.closeAllConnections();
  server.close();
});

interface Opened {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: string[];
}

type Sample = ReturnType<typeof everySample>[number];

/** A fresh browser profile. Complaints of its pages, and requests that leave this machine, are collected. */
async function open(options: BrowserContextOptions): Promise<Opened> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  await context.route(
    (url) => url.origin !== base,
    (route) => {
      complaints.push(`request to ${route.request().url()}`);
      return route.abort();
    },
  );
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on('dialog', (dialog) => {
    complaints.push(`${page.url()}: dialog`);
    void dialog.dismiss();
  });
  return { context, page, complaints };
}

/** All rules once a page; only these look different when the colours or the width change. */
const LOOKS = ['color-contrast', 'link-in-text-block', 'target-size', 'scrollable-region-focusable'];

async function violations(page: Page, runOnly: RunOptions['runOnly']): Promise<string[]> {
  // what axe found in order is most of its answer, and stays there
  const found = await page.evaluate(
    async (options) => {
      const { axe } = globalThis as unknown as { axe: { run(on: unknown, options: RunOptions): Promise<AxeResults> } };
      return (await axe.run('html', options as RunOptions)).violations;
    },
    { runOnly, resultTypes: ['violations'] },
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}

/** Takes the samples in a few tabs at once. @returns what the tabs complained of */
async function inTabs(
  options: BrowserContextOptions,
  visit: (page: Page, sample: Sample) => Promise<void>,
  prepare?: (page: Page) => Promise<void>,
): Promise<string[]> {
  const left = everySample();
  const tab = async () => {
    const { context, page, complaints } = await open(options);
    await prepare?.(page);
    for (let sample = left.pop(); sample !== undefined; sample = left.pop()) await visit(page, sample);
    await context.close();
    return complaints;
  };
  return (await Promise.all([tab(), tab(), tab()])).flat();
}

describe('in a browser', () => {
  chromiumTest('axe finds nothing on any page, dark or light, wide or narrow', async () => {
    const found: string[] = [];
    const wide = { width: 1280, height: 740 };
    const narrow = { width: 360, height: 740 };
    await inTabs(
      { viewport: wide, colorScheme: 'light', reducedMotion: 'reduce' },
      async (page, { path, name, data }) => {
        const look = async (where: string, runOnly: RunOptions['runOnly']) => {
          found.push(...(await violations(page, runOnly)).map((violation) => `${path} ${where} ${violation}`));
        };
        // Axe is large: one document a tab holds it, and the pages take turns in there.
        await page.evaluate(`{
          const next = new DOMParser().parseFromString(${JSON.stringify(views.render(name, data as never))}, 'text/html');
          document.title = next.title;
          document.body.replaceWith(next.body);
          for (const each of document.querySelectorAll('details')) each.open = true;
        }`);
        await look('wide, light', { type: 'tag', values: TAGS });
        await page.setViewportSize(narrow);
        await page.emulateMedia({ colorScheme: 'dark' });
        await look('narrow, dark', { type: 'rule', values: LOOKS });
        // The other two ways to combine them for one sample of a page; its others differ in words more than in looks.
        if (data === Object.values(samples[name])[0]) {
          await page.emulateMedia({ colorScheme: 'light' });
          await look('narrow, light', { type: 'rule', values: LOOKS });
          await page.setViewportSize(wide);
          await page.emulateMedia({ colorScheme: 'dark' });
          await look('wide, dark', { type: 'rule', values: LOOKS });
        }
        await page.emulateMedia({ colorScheme: 'light' });
        await page.setViewportSize(wide);
      },
      async (page) => {
        await page.goto(`${base}/denied/client`);
        await page.evaluate(axe);
      },
    );
    expect(found).toEqual([]);
  });

  chromiumTest('the policy is kept, and nothing is wider than a phone of 320 px, however long the names', async () => {
    const tooWide: string[] = [];
    const long = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';
    const origin = { browser: long, place: '2001:db8:1234:5678:9abc:def0:1234:5678', startedAt: NOW };
    const complaints = await inTabs({ viewport: { width: 320, height: 640 } }, async (page, { path, name, data }) => {
      const changed = {
        ...data,
        ...('client' in data ? { client: { ...data.client, name: long } } : {}),
        ...('origin' in data ? { origin } : {}),
        ...('message' in data ? { message: long } : {}),
      };
      special.set(`/long/${path}`, (_, response) => {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.end(views.render(name, changed as never));
      });
      await page.goto(`${base}/long/${path}`);
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      if (width > 320) tooWide.push(`${path}: ${width}`);
    });
    expect(complaints).toEqual([]);
    expect(tooWide).toEqual([]);
  });

  chromiumTest(
    'text of twice the size stays readable on a phone: nothing is wider, and no value is a column of letters',
    async () => {
      const found: string[] = [];
      await inTabs(
        { viewport: { width: 360, height: 640 } },
        async (page, { path }) => {
          await page.goto(`${base}/${path}`);
          const [wide, narrow] = await page.evaluate<[number, number]>(`{
          for (const each of document.querySelectorAll('details')) each.open = true;
          const ems = [...document.querySelectorAll('dd')].map((each) => each.clientWidth / parseFloat(getComputedStyle(each).fontSize));
          [document.documentElement.scrollWidth, Math.min(99, ...ems)];
        }`);
          if (wide > 360 || narrow < 6.5) found.push(`${path}: ${wide} px wide, a value of ${narrow.toFixed(1)} em`);
        },
        async (page) => {
          const session = await page.context().newCDPSession(page);
          await session.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
        },
      );
      expect(found).toEqual([]);
    },
  );

  chromiumTest('a form goes off once, with the button that was pressed, and again after coming back', async () => {
    const { context, page } = await open({});
    const bodies: string[] = [];
    special.set('/interaction/uid-1/begin', (request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        bodies.push(body);
        setTimeout(() => response.writeHead(303, { location: '/denied/client' }).end(), 400);
      });
    });
    await page.goto(`${base}/begin/remembered`);
    const phone = page.locator('button[name="begin"][value="phone"]');
    await page.evaluate(`{
      const button = document.querySelector('button[name="begin"][value="phone"]');
      button.click();
      setTimeout(() => button.click(), 100);
    }`);
    await page.waitForURL('**/denied/client');
    expect(bodies).toEqual(['csrf=csrf-1&begin=phone']);
    await page.goBack();
    await phone.click();
    await page.waitForURL('**/denied/client');
    expect(bodies).toHaveLength(2);
    special.delete('/interaction/uid-1/begin');
    await context.close();
  });

  chromiumTest('the first page can be used by keyboard alone, and without script', async () => {
    const { context, page } = await open({ javaScriptEnabled: false });
    const bodies: string[] = [];
    special.set('/interaction/uid-1/begin', (request, response) => {
      request.on('data', (part) => bodies.push(String(part)));
      request.on('end', () => response.writeHead(303, { location: '/denied/client' }).end());
    });
    await page.goto(`${base}/begin/new`);
    await page.keyboard.press('Tab');
    await page.keyboard.type('ada@example.org');
    await page.keyboard.press('Tab'); // the notice
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/denied/client');
    expect(bodies).toEqual(['csrf=csrf-1&identifier=ada%40example.org&biometric_consent=yes&begin=here']);
    special.delete('/interaction/uid-1/begin');
    await context.close();
  });
});

describe('the live page', () => {
  const waiting = samples.waiting.settling;
  const numbered = samples.waiting['not-started'];
  if (waiting === undefined || numbered === undefined) throw new Error('samples are missing');
  const PAGE = '/interaction/uid-1/waiting';
  const EVENTS = '/interaction/uid-1/events';
  const lapsesAt = new Date(Date.now() + 600_000);

  /** Serves the live page and its stream: what the page is, and what the stream does, may change on the way. */
  function serve(first: { html: string; events: (response: ServerResponse) => void }) {
    const now = { ...first, loads: 0, streams: 0 };
    special.set(PAGE, (_, response) => {
      now.loads += 1;
      response.setHeader('content-type', 'text/html; charset=utf-8').end(now.html);
    });
    special.set(EVENTS, (_, response) => {
      now.streams += 1;
      now.events(response);
    });
    return now;
  }

  const html = (data: Partial<typeof waiting> = {}) => views.render('waiting', { ...waiting, lapsesAt, ...data });
  const done = () => views.render('denied', { client: { name: 'Bank' } });

  for (const state of ['changed', 'settled', 'lapsed']) {
    chromiumTest(`loads again at once when the stream says ${state}`, async () => {
      const { context, page, complaints } = await open({});
      let stream: ServerResponse | undefined;
      const site = serve({
        html: html(),
        events: (response) => {
          stream = response;
          tell(response, 'waiting');
        },
      });
      const listening = page.waitForResponse(`${base}${EVENTS}`);
      await page.goto(`${base}${PAGE}`);
      await listening;
      expect(site.loads).toBe(1);
      site.html = done();
      if (stream !== undefined) tell(stream, state);
      await page.waitForSelector('body[data-page="denied"]');
      expect(site.loads).toBe(2);
      expect(complaints).toEqual([]);
      await context.close();
    });
  }

  chromiumTest('does not load again while a form that was sent is being answered', async () => {
    const { context, page } = await open({});
    let stream: ServerResponse | undefined;
    const site = serve({
      html: views.render('waiting', { ...numbered, lapsesAt }),
      events: (response) => {
        stream = response;
        tell(response, 'waiting');
      },
    });
    special.set('/interaction/uid-1/begin', (_, response) => {
      if (stream !== undefined) tell(stream, 'changed');
      setTimeout(() => response.writeHead(303, { location: '/denied/client' }).end(), 400);
    });
    const listening = page.waitForResponse(`${base}${EVENTS}`);
    await page.goto(`${base}${PAGE}`);
    await listening;
    await page.click('button[name="begin"]');
    await page.waitForURL('**/denied/client');
    expect(site.loads).toBe(1);
    special.delete('/interaction/uid-1/begin');
    await context.close();
  });

  chromiumTest('keeps a half typed number when it loads again', async () => {
    const { context, page } = await open({});
    let stream: ServerResponse | undefined;
    const site = serve({
      html: views.render('waiting', { ...numbered, lapsesAt }),
      events: (response) => {
        stream = response;
        tell(response, 'waiting');
      },
    });
    const listening = page.waitForResponse(`${base}${EVENTS}`);
    await page.goto(`${base}${PAGE}`);
    await listening;
    await page.fill('input[name="number"]', '0429');
    const again = page.waitForEvent('load');
    if (stream !== undefined) tell(stream, 'changed');
    await again;
    await page.waitForFunction(`document.querySelector('#number')?.value === '0429'`);
    expect(site.loads).toBe(2);
    await context.close();
  });

  chromiumTest(
    'listens again when the stream breaks or is refused, and loads again if only the stream is refused',
    async () => {
      const { context, page } = await open({});
      const site = serve({ html: html(), events: (response) => response.writeHead(503).end() });
      await page.goto(`${base}${PAGE}`);
      site.html = done();
      await page.waitForSelector('body[data-page="denied"]');
      expect(site.streams).toBeGreaterThanOrEqual(2);
      await context.close();
    },
  );

  chromiumTest('stays when the whole server is away, and goes on when it is back', async () => {
    const { context, page } = await open({});
    const site = serve({ html: html(), events: (response) => response.destroy() });
    await page.goto(`${base}${PAGE}`);
    special.set(PAGE, (_, response) => response.destroy());
    await page.waitForSelector('#connection:not([hidden])');
    expect(await page.locator('h1').textContent()).toBe('Checking your selfie');
    site.events = (response) => tell(response, 'settled');
    special.set(PAGE, (_, response) => response.setHeader('content-type', 'text/html').end(done()));
    await page.waitForSelector('body[data-page="denied"]');
    await context.close();
  });

  chromiumTest('does not load itself again and again while the number is all that is missing', async () => {
    const { context, page } = await open({});
    const number = { triesLeft: 3, kept: false };
    const site = serve({ html: html({ numberNeeded: true, number }), events: (response) => tell(response, 'settled') });
    const listening = page.waitForResponse(`${base}${EVENTS}`);
    await page.goto(`${base}${PAGE}`);
    await listening;
    await page.waitForTimeout(300);
    expect(site.loads).toBe(1);
    await context.close();
  });

  chromiumTest('slows down when the server says the same for ever', async () => {
    const { context, page } = await open({});
    const times: number[] = [];
    const events = (response: ServerResponse) => {
      times.push(performance.now());
      tell(response, 'changed');
    };
    serve({ html: html(), events });
    // it is loaded again before it is there for good
    await page.goto(`${base}${PAGE}`, { waitUntil: 'commit' });
    for (let tries = 0; tries < 400 && times.length < 6; tries += 1) await page.waitForTimeout(50);
    // three at once, then after a second, and after two: a busy machine makes that longer, and never shorter
    const [, , , fourth = 0, fifth = 0, sixth = 0] = times;
    expect(fifth - fourth).toBeGreaterThanOrEqual(950);
    expect(sixth - fifth).toBeGreaterThanOrEqual(1950);
    await context.close();
  });
});
