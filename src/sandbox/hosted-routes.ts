/**
 * The page a person sees at the vendor: `/session/:token`, with or without a language before it. Opening it begins the
 * session; a button ends it. Everything works without JavaScript; with it there is a camera picture, which stays in
 * the page. What an unfinished outcome does to the redirect is not documented: here every outcome returns.
 *
 * Form fields: `outcome` (a scenario's slug), `webhook` (a mode, or empty for the scenario's own), `capture` (a preset).
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type Router from '@koa/router';
import ejs from 'ejs';
import type { Context } from 'koa';
import { callbackAddress, isSentBack } from './callback.ts';
import { CAPTURE_PRESETS, type CaptureFacts, describeBrowser } from './devices.ts';
import type { Scenario } from './draft.ts';
import type { Engine } from './engine.ts';
import { addressOf, readForm } from './http.ts';
import type { SettleOptions } from './outcomes.ts';
import { findScenario, SCENARIOS } from './scenarios.ts';
import { UNFINISHED } from './sessions.ts';
import { type StoredSession, WEBHOOK_MODES, type WebhookMode } from './types.ts';

/** How long a redirect waits for the delivery to be answered, so that the usual order is webhook first. */
const WEBHOOK_HEADSTART_MS = 250;
const RUN_OUT: readonly string[] = ['Expired', 'Abandoned'];
const COOKIE = 'didit_stand_in_device';

export function addHostedRoutes(router: Router, engine: Engine): void {
  const { sessions, outcomes, settings } = engine;
  const paths = ['/session/:token', '/:lang/session/:token'];

  router.get(paths, async (ctx) => {
    const session = sessionOf(ctx.params);
    if (session === undefined) return render(ctx, 404, 'message', missing);
    const device = deviceOf(ctx);
    if (!isOpen(session)) return leave(ctx, session, device.device);
    void outcomes.open(session, device);
    const auto = settings.autoOutcome === null ? undefined : findScenario(settings.autoOutcome);
    if (auto !== undefined) return finish(ctx, session, device, auto, {});
    return render(ctx, 200, 'capture', captureView(session));
  });

  router.post(paths, async (ctx) => {
    const session = sessionOf(ctx.params);
    if (session === undefined) return render(ctx, 404, 'message', missing);
    const device = deviceOf(ctx);
    if (!isOpen(session)) return leave(ctx, session, device.device);
    const form = await readForm(ctx);
    const scenario = findScenario(form.get('outcome') ?? '');
    if (scenario === undefined) return render(ctx, 400, 'message', unknownOutcome);
    void outcomes.open(session, device);
    return finish(ctx, session, device, scenario, optionsOf(form));
  });

  /** For the page's script on a first device whose capture goes on elsewhere. */
  router.get('/session/:token/state', (ctx) => {
    const session = sessions.findByToken(ctx.params.token ?? '');
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { open: session !== undefined && isOpen(session) };
  });

  router.get('/assets/:file', async (ctx) => {
    const type = ASSETS[ctx.params.file ?? ''];
    if (type === undefined) return;
    ctx.type = type;
    ctx.body = await readFile(fileURLToPath(new URL(`./assets/${ctx.params.file}`, import.meta.url)));
  });

  router.get('/favicon.ico', (ctx) => {
    ctx.status = 204;
  });

  router.get('/', (ctx) => {
    const rows = sessions.all().slice(-20).reverse();
    return render(ctx, 200, 'index', { title: 'Recent sessions', sessions: rows, settings });
  });

  function sessionOf({ lang, token }: Record<string, string | undefined>): StoredSession | undefined {
    return lang === undefined || /^[a-z]{2}(-[A-Za-z]+)?$/.test(lang) ? sessions.findByToken(token ?? '') : undefined;
  }

  /** Decides, tells the receiver, and sends the browser where the callback method wants it. */
  async function finish(
    ctx: Context,
    session: StoredSession,
    device: CaptureFacts,
    scenario: Scenario,
    options: SettleOptions,
  ): Promise<void> {
    session.completedBy = device.device;
    outcomes.decide(session, scenario, options);
    if (settings.redirectOrder === 'redirect_first') {
      ctx.res.once('finish', () => void outcomes.announce(session, scenario, options));
    } else {
      await within(WEBHOOK_HEADSTART_MS, outcomes.announce(session, scenario, options));
    }
    return leave(ctx, session, device.device);
  }

  /** A session that is over, for this browser: back to the application, or a word on where it goes on. */
  function leave(ctx: Context, session: StoredSession, device: string): Promise<void> {
    if (session.completedBy === null && RUN_OUT.includes(session.status)) return render(ctx, 410, 'message', ranOut);
    const address = callbackAddress(session, settings);
    if (address === null) return render(ctx, 200, 'message', { title: 'All done', text: 'You can close this page.' });
    if (!isSentBack(session, device)) return render(ctx, 200, 'message', elsewhere(session));
    ctx.status = 303;
    ctx.set('Location', address);
    ctx.set('Cache-Control', 'no-store');
    ctx.body = '';
    return Promise.resolve();
  }
}

/** Unfinished, and not merely waiting for somebody else. */
function isOpen(session: StoredSession): boolean {
  const analysing = session.status === 'In Progress' && session.completedBy !== null;
  return UNFINISHED.includes(session.status) && session.status !== 'Awaiting User' && !analysing;
}

/** Which browser asks, by a cookie of the page's own. */
function deviceOf(ctx: Context): CaptureFacts {
  const known = ctx.cookies.get(COOKIE);
  const device = known ?? randomBytes(12).toString('base64url');
  if (known === undefined) ctx.cookies.set(COOKIE, device, { httpOnly: true, sameSite: 'lax', overwrite: true });
  return describeBrowser(device, addressOf(ctx), ctx.get('user-agent'));
}

function optionsOf(form: URLSearchParams): SettleOptions {
  const webhook = form.get('webhook') ?? '';
  const capture = form.get('capture') ?? 'as_is';
  return {
    ...(WEBHOOK_MODES.includes(webhook as WebhookMode) ? { webhook: webhook as WebhookMode } : {}),
    ...(capture in CAPTURE_PRESETS && capture !== 'as_is' ? { capture } : {}),
  };
}

function captureView(session: StoredSession) {
  const armed = session.scenario ?? 'approve';
  const groups = GROUPS.map(({ name, ...group }) => ({
    ...group,
    scenarios: SCENARIOS.filter((scenario) => scenario.group === name),
  }));
  const title = session.kind === 'enrol' ? 'Document and selfie' : 'Take a selfie';
  return { title, session, armed, groups, captures: CAPTURE_PRESETS, modes: WEBHOOK_MODES };
}

const GROUPS = [
  { name: 'documented', title: 'Ends the vendor documents', folded: false },
  { name: 'outcome', title: 'Other ends', folded: false },
  { name: 'flawed', title: 'Approved, but …', folded: true },
  { name: 'delivery', title: 'Approved, delivered oddly', folded: true },
] as const;

const missing = { title: 'This link leads nowhere', text: 'The session does not exist, or it was deleted.' };
const ranOut = { title: 'This link has run out', text: 'Go back to where you came from and start again.' };
const unknownOutcome = { title: 'Not an outcome', text: 'The form named an outcome that does not exist.' };

function elsewhere(session: StoredSession): { title: string; text: string } {
  const text =
    session.callbackMethod === 'initiator'
      ? 'The capture is over. Go on at the device where you started; you can close this page.'
      : 'The capture is over. It goes on at the device that took the selfie; you can close this page.';
  return { title: 'All done', text };
}

const ASSETS: Readonly<Record<string, string>> = {
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
};

async function render(ctx: Context, status: number, page: string, data: object): Promise<void> {
  const file = fileURLToPath(new URL(`./pages/${page}.ejs`, import.meta.url));
  ctx.status = status;
  ctx.type = 'html';
  ctx.set('Cache-Control', 'no-store');
  ctx.set('Referrer-Policy', 'no-referrer');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.set('Permissions-Policy', 'camera=(self)');
  // No form-action: Chromium would hold it against the redirect to the callback.
  ctx.set(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; " +
      "media-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'",
  );
  ctx.body = await ejs.renderFile(file, data);
}

function within(ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
