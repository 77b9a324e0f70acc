// The demo client's HTTP: which host it answers to, whose forms it takes, which cookie names whose session, and what every
// page of it carries. What the addresses do is in routes.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Html } from './html.ts';
import { plainPage } from './pages.ts';
import type { Routes } from './routes.ts';
import type { BrowserSession, SessionStore } from './sessions.ts';

const BODY_LIMIT = 64 * 1024;

/** Answers one request. What starts with `/api/` is not the client's, and goes to `api` before any cookie is read. */
export async function answerRequest(context: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly routes: Routes;
  readonly api: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly sessions: SessionStore;
  readonly style: Buffer;
  readonly url: string;
  readonly issuer: string;
}): Promise<void> {
  const { request, response, routes, sessions, style, issuer } = context;
  const own = new URL(context.url);
  const target = request.url ?? '/';
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');

  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'same-origin');
  response.setHeader(
    'content-security-policy',
    // The provider is named because browsers hold a form to `form-action` through its redirects too.
    `default-src 'none'; style-src 'self'; img-src data:; form-action 'self' ${new URL(issuer).origin}; base-uri 'none'; frame-ancestors 'none'`,
  );

  if (!target.startsWith('/') || !URL.canParse(own.origin + target))
    return send(response, 400, plainPage('Bad request', 'This is no address here.'));
  const url = new URL(own.origin + target);
  if (request.headers.host !== own.host) {
    // 127.0.0.1 is another place than localhost to a browser's cookies, and a foreign name is no place of ours.
    if (method !== 'GET') return send(response, 421, plainPage('Wrong address', `This client is at ${own.origin}.`));
    return redirect(response, url.href);
  }
  if (url.pathname.startsWith('/api/')) return context.api(request, response);
  if (method === 'GET' && url.pathname === '/style.css') {
    response.writeHead(200, { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'no-cache' });
    response.end(style);
    return;
  }

  const route = routes[`${method} ${url.pathname}`];
  if (!route) {
    const allowed = ['GET', 'POST'].filter((other) => routes[`${other} ${url.pathname}`]);
    if (allowed.length === 0) return send(response, 404, plainPage('Nothing here', 'This page does not exist.'));
    response.setHeader('allow', allowed.join(', '));
    return send(response, 405, plainPage('Not this way', 'This address is used in another way.'));
  }

  const backchannel = url.pathname === '/backchannel-logout';
  if (method === 'POST' && !backchannel && !fromOwnPage(request, own.origin)) {
    return send(response, 403, plainPage('Refused', 'This form was not sent from a page of this client.'));
  }
  const form = method === 'POST' ? await readForm(request) : new URLSearchParams();
  if (!form) return send(response, 400, plainPage('Bad request', 'A form was expected.'));

  const cookieName = `selfie_demo_client_${own.port}`;
  const known = backchannel ? undefined : sessions.find(readCookie(request, cookieName));
  const session = known ?? (url.pathname === '/login' ? sessions.create() : blankSession());
  const answer = await route({ url, form, session });

  const keep = answer.kind !== 'empty' ? (answer.session ?? session) : session;
  if (keep.id !== '' && keep.id !== known?.id) {
    response.setHeader('set-cookie', `${cookieName}=${keep.id}; Path=/; HttpOnly; SameSite=Lax`);
  }
  switch (answer.kind) {
    case 'page':
      return send(response, answer.status, answer.page);
    case 'redirect':
      return redirect(response, answer.to);
    case 'empty':
      response.writeHead(answer.status).end();
  }
}

/** A visit that began nothing yet: kept nowhere, so that a crawler or an onlooker costs no memory. */
function blankSession(): BrowserSession {
  return { id: '', pending: new Map(), usedAtMs: 0 };
}

function send(response: ServerResponse, status: number, content: Html): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
  response.end(content.text);
}

function redirect(response: ServerResponse, to: string): void {
  response.writeHead(303, { location: to });
  response.end();
}

/** Cross-site forms are refused (T23); what is no browser sends neither header. */
function fromOwnPage(request: IncomingMessage, origin: string): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  return request.headers.origin === undefined || request.headers.origin === origin;
}

function readCookie(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === name) return value?.trim();
  }
  return undefined;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return undefined;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
