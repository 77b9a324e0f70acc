// Turns what a route found (`pages.ts`) into a page: compiles `views/*.ejs` once at start, puts each into the layout, and
// holds the few files the pages link to (style, script, icon). No decision is made here. Everything a template prints is
// escaped; the only markup taken as it is are our own QR code and the library's logout form (T27).

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ejs from 'ejs';
import { CONSENT, consentNotice } from './consent-text.ts';
import type { ClientView, PageName, Pages } from './pages.ts';

/** A file the pages link to. Its address carries a hash of its content, so it may be cached for ever. */
export interface Asset {
  readonly body: Buffer;
  readonly type: string;
  /** quoted, as the header wants it */
  readonly etag: string;
}

export interface Views {
  /**
   * @param context.requestId printed small at the foot of pages on which something went wrong, for support
   * @returns a whole HTML document
   */
  render<N extends PageName>(name: N, data: Pages[N], context?: { readonly requestId?: string | undefined }): string;
  /** by URL path without query: `/assets/style.css` */
  readonly assets: ReadonlyMap<string, Asset>;
}

export interface ViewsOptions {
  /** where the templates are; `assets/` and `partials/` lie below */
  readonly directory?: string;
  /** how this provider calls itself in the page header */
  readonly serviceName?: string;
  /** the time, for "2 minutes ago" */
  readonly now?: () => Date;
}

/**
 * Reads and compiles every template. Do this once, at start: a template that is missing or does not compile stops the
 * start instead of the first person who meets it.
 */
export function createViews(options: ViewsOptions = {}): Views {
  const directory = options.directory ?? fileURLToPath(new URL('../../views', import.meta.url));
  const now = options.now ?? (() => new Date());
  const serviceName = options.serviceName ?? 'Selfie sign-in';
  const assets = loadAssets(join(directory, 'assets'));
  const compile = (file: string) => {
    const filename = join(directory, file);
    return ejs.compile(readFileSync(filename, 'utf8'), { filename, cache: true, strict: true, localsName: 'page' });
  };
  const partials = new Map(
    readdirSync(join(directory, 'partials')).map((file) => [basename(file, '.ejs'), compile(join('partials', file))]),
  );
  /** What a template sees: its data, and the parts of pages by name, which see the same and what they are given. */
  const withParts = (data: object): object => ({
    ...data,
    part(name: string, more: object = {}) {
      const partial = partials.get(name);
      if (partial === undefined) throw new Error(`no part ${name}`);
      return partial(withParts({ ...data, ...more }));
    },
  });
  const layout = compile('_layout.ejs');
  const templates = new Map(Object.keys(about).map((name) => [name, compile(`${name}.ejs`)]));

  const assetUrl = (name: string) => {
    const asset = assets.get(`/assets/${name}`);
    if (asset === undefined) throw new Error(`no asset ${name}`);
    return `/assets/${name}?v=${asset.etag.slice(1, -1)}`;
  };

  return {
    assets,
    render(name, data, context = {}) {
      const template = templates.get(name);
      if (template === undefined) throw new Error(`no view ${name}`);
      const { title, support } = about[name];
      const at = now();
      const show = { ...printers, ago: (date: Date) => ago(date, at), until: (date: Date) => until(date, at) };
      const body = template(withParts({ ...data, show, consent: CONSENT, consentNotice }));
      return layout({
        name,
        title: show.plain(title(data)),
        body,
        serviceName,
        assetUrl,
        refresh: name === 'waiting' ? refresh(data as Pages['waiting']) : undefined,
        live: name === 'waiting',
        keys: name === 'passkey' || name === 'account-passkey',
        reference: support ? context.requestId : undefined,
      });
    },
  };
}

/** Titles, and whether the page is one somebody may write to support about. A page without a row does not compile. */
const about: { [N in PageName]: { title: (data: Pages[N]) => string; support?: boolean } } = {
  begin: { title: (page) => `${page.fault === undefined ? '' : 'Error: '}Sign in to ${clientName(page.client)}` },
  waiting: {
    title: (page) =>
      `${page.number?.fault === undefined ? '' : 'Error: '}${waitingTitle(page)} – ${clientName(page.client)}`,
  },
  retry: { title: (page) => `Not signed in yet – ${clientName(page.client)}`, support: true },
  'other-ways': {
    title: (page) => `${page.fault === undefined ? '' : 'Error: '}Other ways to sign in to ${clientName(page.client)}`,
  },
  code: { title: (page) => `${page.fault === undefined ? '' : 'Error: '}Type the code – ${clientName(page.client)}` },
  passkey: {
    title: (page) => `${page.fault === undefined ? '' : 'Error: '}Use a passkey – ${clientName(page.client)}`,
  },
  'mail-link': { title: (page) => `Sign in to ${clientName(page.client)}?` },
  'not-me': { title: (page) => (page.done ? 'It is ended' : 'Was this not you?') },
  phone: { title: (page) => `Take a selfie for ${clientName(page.client)}?` },
  elsewhere: { title: (page) => `Did you start this sign-in to ${clientName(page.client)}?` },
  denied: { title: () => 'Sign-in stopped' },
  'wrong-browser': { title: () => 'This sign-in cannot go on here', support: true },
  ended: { title: () => 'This sign-in has ended', support: true },
  conflict: { title: () => 'Another sign-in for this account is under way', support: true },
  limited: {
    title: (page) => (page.isBudget ? 'No selfies for the rest of today' : 'Too many attempts'),
    support: true,
  },
  'vendor-down': { title: () => 'The selfie check is not available', support: true },
  'enrolment-refused': { title: () => 'You cannot sign in here yet', support: true },
  consent: { title: (page) => `Share with ${clientName(page.client)}?` },
  logout: { title: () => 'Sign out?' },
  'logged-out': { title: () => 'Signed out' },
  invite: { title: () => 'You are invited' },
  account: { title: (page) => `${page.fault === undefined ? '' : 'Error: '}Your account` },
  'account-delete': { title: (page) => `${page.fault === undefined ? '' : 'Error: '}Delete your account?` },
  'account-passkey': { title: (page) => `${page.fault === undefined ? '' : 'Error: '}Make a passkey` },
  'account-sign-in': { title: () => 'Not signed in', support: true },
  'account-signed-out': { title: (page) => signedOutTitle(page.after) },
  home: { title: () => 'Sign-in with a selfie' },
  deleted: { title: (page) => deletedTitle(page.state) },
  error: { title: (page) => errorTitle(page.status) },
};

/** The heading of the live page, which is also its title: what a tab says while the person looks elsewhere. */
function waitingTitle(page: Pages['waiting']): string {
  if (page.numberNeeded && page.number?.kept !== true) return 'Enter the number';
  switch (page.state) {
    case 'starting':
      return 'One moment, your sign-in is being started';
    case 'not-started':
      return page.phone === undefined ? 'Waiting for your selfie' : 'Take the selfie with your phone';
    case 'in-progress':
      return 'Waiting for your selfie';
    case 'in-review':
      return 'A person is looking at your selfie';
    case 'resubmitted':
      return 'One step needs doing again';
    case 'settling':
      return 'Checking your selfie';
    case 'unanswered':
      return 'The selfie check does not answer';
  }
}

function signedOutTitle(after: Pages['account-signed-out']['after']): string {
  if (after === 'everywhere') return 'Signed out everywhere';
  return after === 'here' ? 'Signed out' : 'It is ended';
}

function deletedTitle(state: Pages['deleted']['state']): string {
  if (state === 'unknown') return 'Nothing to show here';
  return state === 'done' ? 'Your account is deleted everywhere' : 'Your account is deleted here';
}

function errorTitle(status: number): string {
  if (status === 404) return 'Page not found';
  if (status === 503) return 'Not available just now';
  return status >= 500 ? 'Something went wrong here' : 'This request cannot be answered';
}

/** How soon the waiting page reloads without script: not while a number is being asked for, as a reload would wipe it. */
function refresh(page: Pages['waiting']): string | undefined {
  if (page.numberNeeded && page.number !== undefined && !page.number.kept) return undefined;
  return `${page.refreshSeconds}; url=${page.form.base}/waiting`;
}

/** What templates call to print a value. */
const printers = {
  plain,
  clientName,
  waitingTitle,
  deletedTitle,
  errorTitle,
  link,
  duration,
  clock,
  day,
  iso,
  grouped,
};

/** Without control and direction characters, which could reorder a sentence of ours around a name. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim();
}

function clientName(client: ClientView | undefined): string {
  const name = plain(client?.name ?? '');
  return name === '' ? 'the application' : name;
}

/** The address if it is one to offer as a link, else undefined: never `javascript:` and the like (T19, T27). */
function link(uri: string | undefined): string | undefined {
  const url = uri === undefined ? null : URL.parse(uri);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : undefined;
}

/** "20 seconds", "3 minutes", "2 hours": rounded up, as it says how long to wait. */
function duration(seconds: number): string {
  const [amount, unit] =
    seconds < 100
      ? [Math.max(1, Math.ceil(seconds)), 'second']
      : seconds < 100 * 60
        ? [Math.ceil(seconds / 60), 'minute']
        : [Math.ceil(seconds / 3600), 'hour'];
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}

function ago(date: Date, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - date.getTime()) / 1000);
  if (seconds < 45) return 'just now';
  if (seconds < 90) return '1 minute ago';
  return `${duration(seconds < 5400 ? Math.round(seconds / 60) * 60 : Math.round(seconds / 3600) * 3600)} ago`;
}

/** Whole minutes from now, rounded down; undefined when less than one is left. */
function until(date: Date, now: Date): string | undefined {
  const minutes = Math.floor((date.getTime() - now.getTime()) / 60_000);
  return minutes < 1 ? undefined : duration(minutes * 60);
}

/** "14:32 UTC". The server cannot know the person's clock; `page.js` rewrites it where script runs. */
function clock(date: Date): string {
  return `${date.toISOString().slice(11, 16)} UTC`;
}

/** "21 November 2026, 14:32 UTC"; rewritten like the time alone. */
function day(date: Date): string {
  const options = { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return `${date.toLocaleDateString('en-GB', options)}, ${clock(date)}`;
}

function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** Six digits as 3+3, easier to carry from one screen to another. */
function grouped(number: string): string {
  return number.replace(/^(\d{3})(\d{3})$/, '$1 $2');
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function loadAssets(directory: string): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(directory)) {
    const type = mediaTypes[extname(name)];
    if (type === undefined) continue;
    const body = readFileSync(join(directory, name));
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
    assets.set(`/assets/${name}`, { body, type, etag: `"${hash}"` });
  }
  return assets;
}
