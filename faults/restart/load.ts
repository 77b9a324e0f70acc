// People who sign in all the time, each as a browser does it, and a client that checks every ID token against the keys it knows. A
// live page whose stream ends comes back, as its script does.

import { setTimeout as delay } from 'node:timers/promises';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { CLIENT } from '../../bench/folders.ts';
import {
  begin,
  comeBack,
  isAtClient,
  listen,
  newPerson,
  type Person,
  type Places,
  redeem,
  reload,
  unexpected,
} from '../../bench/login-flow.ts';
import { type Answer, send } from '../../bench/web-client.ts';

export interface Load {
  readonly logins: number;
  /** each is a login that somebody had to begin again */
  readonly failed: readonly string[];
  readonly idTokens: readonly string[];
}

const RELOADS = 40;
const COME_BACK_MS = 100;
const PAUSE_MS = 40;
/** Of every so many logins the webhook of one is lost. */
const LOST_EVERY = 5;

export class Client {
  readonly #issuer: string;
  #known: JSONWebKeySet = { keys: [] };

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  /** Asks for the keys only when one is new to it, as clients' libraries do. */
  async verify(idToken: string): Promise<void> {
    const { kid } = decodeProtectedHeader(idToken);
    if (!this.#known.keys.some((key) => key.kid === kid)) await this.readKeys();
    await jwtVerify(idToken, createLocalJWKSet(this.#known), { issuer: this.#issuer, audience: CLIENT.id });
  }

  async readKeys(): Promise<void> {
    this.#known = JSON.parse((await send(`${this.#issuer}/jwks`)).text) as JSONWebKeySet;
  }
}

async function waitAndComeBack(person: Person, arrived: Answer): Promise<Answer> {
  let page = arrived;
  for (let loads = 0; loads < RELOADS; loads += 1) {
    if (isAtClient(page)) return page;
    const stream = await listen(person, page).catch(() => undefined);
    try {
      while ((await stream?.next()) === 'waiting');
    } catch {
      // the instance that had the stream is going: the page asks again, and another answers
    } finally {
      stream?.close();
    }
    await delay(COME_BACK_MS);
    page = await reload(person, page);
  }
  throw unexpected('the waiting page', page);
}

async function signIn(person: Person, places: Places, client: Client, webhook: 'normal' | 'lost'): Promise<string> {
  person.browser.forget((name) => name.startsWith('_'));
  const begun = await begin(person, places);
  const { location } = await person.browser.form(begun.hostedUrl, { outcome: 'approve', webhook });
  const end = await waitAndComeBack(person, await comeBack(person, String(location)));
  const { idToken, accessToken } = await redeem(person, places.issuer, begun.request, end);
  await client.verify(idToken);
  const me = await send(`${places.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  if (me.status !== 200) throw unexpected('user info', me);
  return idToken;
}

/** Everybody signs in again and again until `work` is done. */
export async function underLoad(people: number, places: Places, work: () => Promise<void>): Promise<Load> {
  const failed: string[] = [];
  const idTokens: string[] = [];
  let isOver = false;
  let logins = 0;
  const client = new Client(places.issuer);
  const lanes = Array.from({ length: people }, async () => {
    let person = newPerson();
    while (!isOver) {
      logins += 1;
      try {
        idTokens.push(await signIn(person, places, client, logins % LOST_EVERY === 0 ? 'lost' : 'normal'));
      } catch (error) {
        failed.push((error as Error).message.slice(0, 160));
        person = newPerson();
      }
      await delay(PAUSE_MS);
    }
  });
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all(lanes);
  }
  return { logins, failed, idTokens };
}
