// A browser with nothing in it: cookies by path, redirects one at a time, kept connections. Light, as it shares the machine with
// what is measured. It connects to loopback only, whatever an address says.

import { Agent, type IncomingMessage, request } from 'node:http';

export interface Answer {
  readonly url: string;
  readonly status: number;
  /** absolute; undefined when it leads nowhere */
  readonly location: string | undefined;
  /** the header of that name */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
  readonly path: string;
}

interface Sending {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** where to connect, when the address's own port is not where the answer is to come from */
  readonly port?: number | undefined;
}

const TIMEOUT_MS = 30_000;
const MOST_REDIRECTS = 12;
const AGENT =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

let connections = new Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 64 });

/** From now on each request has a connection of its own: one that is reset was then lost by whoever had taken it. */
export function keepNoConnections(): void {
  connections.destroy();
  connections = new Agent({ keepAlive: false, maxSockets: 512 });
}

/** Closes the kept connections. */
export function closeConnections(): void {
  connections.destroy();
}

/** One request over loopback; no redirect followed, no cookie kept. */
export async function send(url: string, sending: Sending = {}): Promise<Answer & { cookies: readonly string[] }> {
  const response = await start(url, sending, connections);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { location } = response.headers;
  return {
    url,
    status: response.statusCode ?? 0,
    location: location === undefined ? undefined : new URL(location, url).href,
    retryAfter: response.headers['retry-after'],
    text: Buffer.concat(chunks).toString('utf8'),
    cookies: response.headers['set-cookie'] ?? [],
  };
}

function start(url: string, sending: Sending, agent: Agent | false): Promise<IncomingMessage> {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: sending.port ?? target.port,
        path: target.pathname + target.search,
        method: sending.method ?? (sending.body === undefined ? 'GET' : 'POST'),
        headers: {
          host: target.host,
          ...sending.headers,
          ...(sending.body === undefined ? {} : { 'content-length': Buffer.byteLength(sending.body) }),
        },
        agent,
        timeout: TIMEOUT_MS,
      },
      resolve,
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in time: ${target.pathname}`)));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // a kept connection may be closed, as nobody used it, in the moment in which it is used: nothing was asked then
      const isStale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      if (isStale) start(url, sending, false).then(resolve, reject);
      else reject(error);
    });
    outgoing.end(sending.body);
  });
}

export interface EventStream {
  /** Resolves with the next state that is told; rejects when the stream ends first. */
  next(): Promise<string>;
  close(): void;
}

/** Which port to connect to for a request to `origin`; undefined for its own. */
export type Route = (origin: string) => number | undefined;

export class WebClient {
  #cookies: Cookie[] = [];
  readonly #route: Route;
  /** requests sent so far */
  requests = 0;

  constructor(route: Route = () => undefined) {
    this.#route = route;
  }

  /** One request, no redirect followed. */
  async request(url: string, sending: Sending = {}): Promise<Answer> {
    this.requests += 1;
    const port = this.#route(new URL(url).origin);
    const answer = await send(url, { ...sending, port, headers: { ...this.#headers(url), ...sending.headers } });
    for (const line of answer.cookies) this.#keep(new URL(url).origin, line);
    return answer;
  }

  /** Follows redirects to a page, or to an address that begins with `until`. */
  async follow(answer: Answer, until: string): Promise<Answer> {
    let current = answer;
    for (let hops = 0; hops < MOST_REDIRECTS; hops += 1) {
      if (current.location === undefined || current.location.startsWith(until)) return current;
      current = await this.request(current.location);
    }
    throw new Error(`redirects without an end at ${new URL(current.url).pathname}`);
  }

  form(url: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
    return this.request(url, { headers, body: new URLSearchParams(fields).toString() });
  }

  /** Opens the event stream of a waiting page. */
  async events(url: string): Promise<EventStream> {
    this.requests += 1;
    const headers = { ...this.#headers(url), accept: 'text/event-stream' };
    // a connection of its own: the stream keeps it until it ends
    const port = this.#route(new URL(url).origin);
    const response = await start(url, { headers, port }, false);
    if (response.statusCode !== 200) throw new Error(`no event stream: ${response.statusCode}`);
    response.socket.setTimeout(0);
    return readEvents(response);
  }

  /** Forgets the cookies that `which` names. */
  forget(which: (name: string) => boolean): void {
    this.#cookies = this.#cookies.filter(({ name }) => !which(name));
  }

  #headers(url: string): Record<string, string> {
    const { origin, pathname } = new URL(url);
    const cookie = this.#cookies
      .filter((each) => each.origin === origin && isBelow(pathname, each.path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    return {
      'user-agent': AGENT,
      accept: 'text/html,application/xhtml+xml',
      'accept-language': 'en',
      ...(cookie === '' ? {} : { cookie }),
    };
  }

  #keep(origin: string, line: string): void {
    const [pair = '', ...attributes] = line.split(/; */);
    const split = pair.indexOf('=');
    const name = pair.slice(0, split);
    const value = pair.slice(split + 1);
    let path = '/';
    let isGone = value === '';
    for (const attribute of attributes) {
      const [key = '', text = ''] = attribute.split('=');
      if (/^path$/i.test(key)) path = text;
      if (/^expires$/i.test(key) && Date.parse(text) <= Date.now()) isGone = true;
    }
    this.#cookies = this.#cookies.filter((each) => each.name !== name || each.path !== path || each.origin !== origin);
    if (!isGone) this.#cookies.push({ name, value, origin, path });
  }
}

function isBelow(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}

function readEvents(response: IncomingMessage): EventStream {
  const told: string[] = [];
  const listeners: { resolve: (state: string) => void; reject: (reason: Error) => void }[] = [];
  let hasEnded = false;
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    rest += text;
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const state = /"state":"(\w+)"/.exec(rest.slice(0, end))?.[1];
      rest = rest.slice(end + 2);
      if (state === undefined) continue;
      const listener = listeners.shift();
      if (listener) listener.resolve(state);
      else told.push(state);
    }
  });
  const end = () => {
    hasEnded = true;
    for (const { reject } of listeners.splice(0)) reject(new Error('the event stream ended'));
  };
  response.once('close', end);
  response.once('error', end);
  return {
    next() {
      const state = told.shift();
      if (state !== undefined) return Promise.resolve(state);
      if (hasEnded) return Promise.reject(new Error('the event stream ended'));
      return new Promise((resolve, reject) => listeners.push({ resolve, reject }));
    },
    close: () => void response.destroy(),
  };
}
