// A person signing in, step by step, as a browser and a client do it: authorize, first page, begin, the vendor's page, return,
// waiting page, finish, token. Every answer is checked; a login that goes wrong ends the bench.

import { createHash, randomBytes } from 'node:crypto';
import { type BenchClient, CLIENT } from './folders.ts';
import { type Answer, type EventStream, type Route, WebClient } from './web-client.ts';

export interface Places {
  readonly issuer: string;
  readonly standIn: string;
  /** ports of all instances of the provider, that of the issuer first */
  readonly ports: readonly number[];
}

export interface Person {
  readonly browser: WebClient;
  readonly identifier: string;
  /** by whom the vendor knows nothing yet */
  enrolled: boolean;
}

export function newPerson(route?: Route): Person {
  return { browser: new WebClient(route), identifier: `bench-${randomBytes(9).toString('hex')}`, enrolled: false };
}

export interface Request {
  readonly url: string;
  readonly client: BenchClient;
  readonly verifier: string;
  readonly nonce: string;
}

/** What a request says beside what every one says. */
interface Asking {
  readonly client?: BenchClient;
  readonly scope?: string;
  readonly more?: Readonly<Record<string, string>>;
}

export interface Begun {
  readonly request: Request;
  readonly uid: string;
  readonly hostedUrl: string;
}

export function newRequest(issuer: string, asking: Asking = {}): Request {
  const { client = CLIENT, scope = 'openid profile', more = {} } = asking;
  const verifier = randomBytes(32).toString('base64url');
  const nonce = randomBytes(16).toString('base64url');
  const query = new URLSearchParams({
    client_id: client.id,
    redirect_uri: client.redirectUri,
    response_type: 'code',
    scope,
    state: randomBytes(16).toString('base64url'),
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  });
  return { url: `${issuer}/auth?${query}`, client, verifier, nonce };
}

/** Authorize, first page, begin: the verification is open at the vendor, and the browser is about to go there. */
export async function begin(person: Person, places: Places): Promise<Begun> {
  const request = newRequest(places.issuer);
  const page = await openFirstPage(person, request);
  const answer = await pressBegin(person, page);
  if (!leadsToVendor(answer, places)) throw unexpected('begin', answer);
  return { request, uid: uidOf(page), hostedUrl: answer.location };
}

/** Authorize. @returns the first page of the interaction, or the redirect to the client */
export async function openFirstPage({ browser }: Person, { url, client }: Request): Promise<Answer> {
  return browser.follow(await browser.request(url), client.redirectUri);
}

/** Sends the form of the first page, as filled in by this person. @returns the redirect to the vendor, when all is well */
export function pressBegin({ browser, identifier }: Person, page: Answer): Promise<Answer> {
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1];
  if (page.status !== 200 || csrf === undefined) throw unexpected('the first page', page);
  return browser.form(`${new URL(page.url).origin}/interaction/${uidOf(page)}/begin`, {
    csrf,
    begin: 'here',
    ...(page.text.includes('name="identifier"') ? { identifier } : {}),
    ...(page.text.includes('name="biometric_consent"') ? { biometric_consent: 'yes' } : {}),
  });
}

export function leadsToVendor(
  answer: Answer,
  { standIn }: Pick<Places, 'standIn'>,
): answer is Answer & { readonly location: string } {
  return answer.location !== undefined && new URL(answer.location).port === new URL(standIn).port;
}

export function uidOf(page: Answer): string {
  const uid = /\/interaction\/([^/?]+)/.exec(page.url)?.[1];
  if (uid === undefined) throw unexpected('the first page', page);
  return uid;
}

/** The vendor's page, which settles as soon as it is opened. @returns the address that leads back */
export async function passVendor({ browser }: Person, begun: Begun): Promise<string> {
  const answer = await browser.request(begun.hostedUrl);
  if (answer.location === undefined) throw unexpected("the vendor's page", answer);
  return answer.location;
}

/** The vendor's page, ended by its button, the delivery being kept back. @returns the address that leads back */
export async function passVendorQuietly({ browser }: Person, begun: Begun): Promise<string> {
  const answer = await browser.form(begun.hostedUrl, { outcome: 'approve', webhook: 'lost' });
  if (answer.location === undefined) throw unexpected("the vendor's page", answer);
  return answer.location;
}

/** Back from the vendor. @returns the redirect to the client, or the waiting page */
export async function comeBack({ browser }: Person, returnUrl: string): Promise<Answer> {
  return browser.follow(await browser.request(returnUrl), CLIENT.redirectUri);
}

/** Loads the waiting page again. @returns the redirect to the client, or the page */
export async function reload({ browser }: Person, page: Answer): Promise<Answer> {
  return browser.follow(await browser.request(page.url), CLIENT.redirectUri);
}

export function isAtClient(answer: Answer): boolean {
  return answer.location?.startsWith(CLIENT.redirectUri) === true;
}

/** Opens the event stream of a waiting page, as its script does. */
export function listen({ browser }: Person, page: Answer): Promise<EventStream> {
  const events = /data-events="([^"]+)"/.exec(page.text)?.[1];
  if (page.status !== 200 || events === undefined) throw unexpected('the waiting page', page);
  return browser.events(new URL(events.replaceAll('&amp;', '&'), page.url).href);
}

/** How often the page loads itself again without script, as it says itself, in seconds. */
export function refreshSeconds(page: Answer): number | undefined {
  const text = /http-equiv="refresh" content="(\d+)/i.exec(page.text)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** Waits with the page open, as a browser with script does, until it leads to the client. */
export async function waitWithPage(person: Person, arrived: Answer): Promise<Answer> {
  let page = arrived;
  for (let loads = 0; loads < 10; loads += 1) {
    if (isAtClient(page)) return page;
    const stream = await listen(person, page);
    try {
      while ((await stream.next()) === 'waiting');
    } finally {
      stream.close();
    }
    page = await reload(person, page);
  }
  throw unexpected('the waiting page', page);
}

/** The code that an answer brings to the client, if any. */
export function codeIn(answer: Answer): string | undefined {
  return answer.location === undefined ? undefined : (new URL(answer.location).searchParams.get('code') ?? undefined);
}

/** The client asks for tokens, whatever comes of it. */
export function askForTokens(issuer: string, { client, verifier }: Request, code: string): Promise<Answer> {
  return askTokenEndpoint(issuer, client, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: client.redirectUri,
    code_verifier: verifier,
  });
}

export interface Tokens {
  readonly idToken: string;
  readonly accessToken: string;
  /** where `offline_access` was asked for */
  readonly refreshToken: string | undefined;
}

/** @throws Error unless the token endpoint gave tokens */
export function tokensIn(answer: Answer): Tokens {
  if (answer.status !== 200) throw unexpected('the token endpoint', answer);
  const { id_token = '', access_token = '', refresh_token } = JSON.parse(answer.text) as Record<string, string>;
  return { idToken: id_token, accessToken: access_token, refreshToken: refresh_token };
}

/** The client's part: redeems the code. @throws Error unless the ID token is for this request */
export async function redeem(person: Person, issuer: string, request: Request, answer: Answer): Promise<Tokens> {
  const code = codeIn(answer);
  if (code === undefined) throw unexpected('the way back to the client', answer);
  person.browser.requests += 1;
  const tokens = tokensIn(await askForTokens(issuer, request, code));
  const { nonce, acr } = claimsIn(tokens);
  if (nonce !== request.nonce || acr === undefined) throw new Error('the ID token is not for this login');
  return tokens;
}

/** What the ID token says, unverified. */
export function claimsIn({ idToken }: Tokens): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString('utf8'));
}

/** The client's part: new tokens for old. */
export async function refresh(issuer: string, client: BenchClient, refreshToken: string): Promise<Tokens> {
  return tokensIn(await askToRefresh(issuer, client, refreshToken));
}

/** The same, whatever comes of it. */
export function askToRefresh(issuer: string, client: BenchClient, refreshToken: string): Promise<Answer> {
  return askTokenEndpoint(issuer, client, { grant_type: 'refresh_token', refresh_token: refreshToken });
}

function askTokenEndpoint(
  issuer: string,
  { id, secret }: BenchClient,
  fields: Readonly<Record<string, string>>,
): Promise<Answer> {
  return anyClient.request(`${issuer}/token`, {
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(fields).toString(),
  });
}

const anyClient = new WebClient();

export interface LoginTimes {
  /** from the first request to the tokens */
  readonly totalMs: number;
  /** of that, at the vendor's page, its deliveries included */
  readonly vendorMs: number;
  /** requests to the provider, the vendor's own apart */
  readonly requests: number;
}

/** A whole login of somebody whose session is over; the vendor approves at once and delivers before it sends back. */
export async function login(person: Person, places: Places): Promise<LoginTimes> {
  const { browser } = person;
  // its session is over; what tells a known browser and device stays
  browser.forget((name) => name.startsWith('_'));
  const requestsBefore = browser.requests;
  const startedMs = performance.now();
  const begun = await begin(person, places);
  const leftMs = performance.now();
  const returnUrl = await passVendor(person, begun);
  const vendorMs = performance.now() - leftMs;
  const answer = await waitWithPage(person, await comeBack(person, returnUrl));
  await redeem(person, places.issuer, begun.request, answer);
  person.enrolled = true;
  return { totalMs: performance.now() - startedMs, vendorMs, requests: browser.requests - requestsBefore - 1 };
}

/** A whole login at a provider that shows no page; the person's name goes along as `login_hint`. */
export async function loginAtOnce(person: Person, { issuer }: Pick<Places, 'issuer'>): Promise<LoginTimes> {
  const { browser } = person;
  browser.forget((name) => name.startsWith('_'));
  const requestsBefore = browser.requests;
  const startedMs = performance.now();
  const request = newRequest(issuer, { more: { login_hint: person.identifier } });
  const answer = await openFirstPage(person, request);
  await redeem(person, issuer, request, answer);
  person.enrolled = true;
  return { totalMs: performance.now() - startedMs, vendorMs: 0, requests: browser.requests - requestsBefore };
}

/** A login of somebody whose session goes on: authorize and token. */
export async function loginWithSession(person: Person, { issuer }: Pick<Places, 'issuer'>): Promise<LoginTimes> {
  const { browser } = person;
  const requestsBefore = browser.requests;
  const startedMs = performance.now();
  const request = newRequest(issuer);
  const answer = await browser.request(request.url);
  if (!isAtClient(answer)) throw unexpected('a login with a session', answer);
  await redeem(person, issuer, request, answer);
  return { totalMs: performance.now() - startedMs, vendorMs: 0, requests: browser.requests - requestsBefore };
}

/** Tokens of a client, one for new ones among them, for somebody whose session goes on. */
export async function obtainTokens(person: Person, issuer: string, client: BenchClient): Promise<Tokens> {
  const more = { prompt: 'consent', login_hint: person.identifier };
  const request = newRequest(issuer, { client, scope: 'openid profile offline_access', more });
  const answer = await openFirstPage(person, request);
  return redeem(person, issuer, request, answer);
}

export function unexpected(where: string, answer: Answer): Error {
  const words = answer.text
    .replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .slice(0, 300);
  return new Error(`${where} answered ${answer.status}: ${words}`);
}
