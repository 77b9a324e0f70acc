// A browser for tests: a cookie jar with paths, redirects one at a time, forms as the page has them. Two of them are two people.

import { parse } from 'node-html-parser';

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly host: string;
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export const DESKTOP_CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
export const PHONE_SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

export class Browser {
  readonly #cookies = new Map<string, Cookie>();
  readonly userAgent: string;
  readonly headers: Record<string, string>;
  /** every address visited, in order */
  readonly visited: string[] = [];

  constructor(options: { userAgent?: string; headers?: Record<string, string> } = {}) {
    this.userAgent = options.userAgent ?? DESKTOP_CHROME;
    this.headers = options.headers ?? {};
  }

  cookie(name: string): string | undefined {
    return [...this.#cookies.values()].find((cookie) => cookie.name === name)?.value;
  }

  setCookie(cookie: Cookie): void {
    this.#cookies.set(`${cookie.host}|${cookie.path}|${cookie.name}`, cookie);
  }

  cookies(): readonly Cookie[] {
    return [...this.#cookies.values()];
  }

  clearCookies(): void {
    this.#cookies.clear();
  }

  /** One request, no redirect followed. */
  async request(
    url: string | URL,
    options: {
      method?: string;
      form?: Record<string, string>;
      headers?: Record<string, string>;
      /** happens when the first half of the form is on its way, and the rest is not */
      midway?: () => Promise<unknown>;
    } = {},
  ): Promise<Page> {
    const target = new URL(url);
    this.visited.push(target.href);
    const cookie = this.#cookieHeader(target);
    const method = options.method ?? (options.form ? 'POST' : 'GET');
    const response = await fetch(target, {
      method,
      redirect: 'manual',
      headers: {
        accept: 'text/html,application/xhtml+xml',
        'user-agent': this.userAgent,
        ...(cookie ? { cookie } : {}),
        ...(options.form
          ? { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }
          : {}),
        ...this.headers,
        ...options.headers,
      },
      ...(options.form ? bodyOf(options.form, options.midway) : {}),
    });
    for (const line of response.headers.getSetCookie()) this.#store(target, line);
    return { url: target.href, status: response.status, headers: response.headers, text: await response.text() };
  }

  /** Follows redirects until `until` says to stop, or there is a page. */
  async follow(page: Page, until: (location: string) => boolean = () => false): Promise<Page> {
    let current = page;
    for (let hop = 0; hop < 20; hop += 1) {
      const location = current.headers.get('location');
      if (!location || current.status < 300 || current.status >= 400) return current;
      const next = new URL(location, current.url).href;
      if (until(next)) return current;
      current = await this.request(next);
    }
    throw new Error(`too many redirects: ${this.visited.slice(-5).join(' → ')}`);
  }

  async get(url: string | URL, until?: (location: string) => boolean): Promise<Page> {
    return this.follow(await this.request(url), until);
  }

  /** Presses a button of the page: its form, its hidden fields, and what is given. Follows nothing. */
  async press(
    page: Page,
    button: string | { name: string; value: string },
    fields: Record<string, string> = {},
  ): Promise<Page> {
    const wanted = typeof button === 'string' ? { name: button, value: undefined } : button;
    for (const form of parse(page.text).querySelectorAll('form')) {
      const match = form
        .querySelectorAll('button, input[type=submit]')
        .find(
          (each) =>
            each.getAttribute('name') === wanted.name &&
            (wanted.value === undefined || each.getAttribute('value') === wanted.value),
        );
      if (!match) continue;
      const hidden: Record<string, string> = {};
      for (const input of form.querySelectorAll('input')) {
        const name = input.getAttribute('name');
        const type = input.getAttribute('type') ?? 'text';
        if (
          name &&
          (type === 'hidden' || type === 'text' || type === 'email') &&
          input.getAttribute('value') !== undefined
        ) {
          hidden[name] = input.getAttribute('value') ?? '';
        }
      }
      const action = new URL(form.getAttribute('action') ?? '', page.url);
      return this.request(action, { form: { ...hidden, [wanted.name]: match.getAttribute('value') ?? '', ...fields } });
    }
    throw new Error(
      `no button ${JSON.stringify(wanted)} on ${page.url} (${page.status}): ${parse(page.text).text.replace(/\s+/g, ' ').slice(0, 300)}`,
    );
  }

  #cookieHeader(target: URL): string {
    return [...this.#cookies.values()]
      .filter((cookie) => cookie.host === target.host && isBelow(target.pathname, cookie.path))
      .sort((a, b) => b.path.length - a.path.length)
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }

  #store(target: URL, line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name = '', ...rest] = pair.split('=');
    const attribute = (key: string) =>
      attributes.find((each) => each.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
    const path = attribute('path') ?? '/';
    const id = `${target.host}|${path}|${name}`;
    const expires = attribute('expires');
    const isGone =
      rest.join('=') === '' ||
      (expires !== undefined && Date.parse(expires) <= Date.now()) ||
      attribute('max-age') === '0';
    if (isGone) this.#cookies.delete(id);
    else this.#cookies.set(id, { name, value: rest.join('='), path, host: target.host });
  }
}

function isBelow(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}

/** The page's words, without markup. */
export function wordsOf(page: Page): string {
  return parse(page.text).text.replace(/\s+/g, ' ').trim();
}

export function buttonsOf(page: Page): string[] {
  return parse(page.text)
    .querySelectorAll('button')
    .map((button) => `${button.getAttribute('name') ?? ''}=${button.getAttribute('value') ?? ''}`);
}

/** What a page's form sends beside what is typed, for a request that is built by hand. */
export function hiddenOf(page: Page): Record<string, string> {
  const inputs = parse(page.text).querySelectorAll('input[type=hidden]');
  return Object.fromEntries(
    inputs.map((input) => [input.getAttribute('name') ?? '', input.getAttribute('value') ?? '']),
  );
}

export function fieldsOf(page: Page): string[] {
  return parse(page.text)
    .querySelectorAll('input')
    .map((input) => input.getAttribute('name') ?? '');
}

function bodyOf(form: Record<string, string>, midway?: () => Promise<unknown>): RequestInit {
  const text = new URLSearchParams(form).toString();
  if (midway === undefined) return { body: text };
  const half = text.length / 2;
  const parts = [async () => text.slice(0, half), async () => midway().then(() => text.slice(half))];
  const body = new ReadableStream({
    async pull(controller) {
      const part = await parts.shift()?.();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
  return { body, duplex: 'half' } as RequestInit;
}
