// A person who wants to be signed in and does not give up: whenever the provider dies under a request, the same address is asked
// again when it is back, as by pressing reload, and where that leads nowhere the person starts again at the client. All that was
// seen is kept for whoever judges it.

import { setTimeout as delay } from 'node:timers/promises';
import { CLIENT } from '../../bench/folders.ts';
import {
  askForTokens,
  codeIn,
  isAtClient,
  leadsToVendor,
  newRequest,
  openFirstPage,
  type Person,
  type Places,
  pressBegin,
  type Request,
  type Tokens,
  tokensIn,
  uidOf,
  unexpected,
} from '../../bench/login-flow.ts';
import type { Answer } from '../../bench/web-client.ts';

export interface Seen {
  /** requests for authorization that the person made */
  readonly starts: number;
  /** every answer with tokens */
  readonly won: readonly Tokens[];
  /** every code that came to the client, with the request it is for; each was asked for until somebody answered */
  readonly codes: readonly { readonly code: string; readonly request: Request }[];
  /** visits to the vendor's page that ended in an approval */
  readonly selfies: number;
  /** answers of 500 and such that a provider in good health must not give */
  readonly faults: readonly string[];
}

export interface WalkOptions {
  readonly places: Places;
  /** is the provider gone, it is started again; resolves when it answers. Rejects when it was not gone. */
  revive(): Promise<void>;
  /** asked once the provider is back: what the person holds must be worth nothing yet */
  readonly afterRevival?: (approved: boolean) => Promise<void>;
  /** how long a page that says it waits is looked at again */
  readonly patienceMs?: number;
}

const MOST_STARTS = 5;
const MOST_PRESSES = 3;
const MOST_HOPS = 12;
const MOST_WAIT_SECONDS = 6;
const LOOK_AGAIN_MS = 150;
const PATIENCE_MS = 7_200;

/** @throws Error when the person was not let in however often they started again */
export async function walk(person: Person, options: WalkOptions): Promise<Seen> {
  const { places, revive, afterRevival, patienceMs = PATIENCE_MS } = options;
  const mostSteps = Math.ceil(patienceMs / LOOK_AGAIN_MS);
  const { browser } = person;
  const won: Tokens[] = [];
  const codes: { code: string; request: Request }[] = [];
  const faults: string[] = [];
  let starts = 0;
  let selfies = 0;

  async function surviving<T>(ask: () => Promise<T>, again = ask): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isNetwork(error)) throw error;
    }
    await revive();
    await afterRevival?.(selfies > 0);
    return again();
  }

  /** Follows redirects one by one, so that a reload asks for the address that failed. */
  async function goTo(url: string): Promise<Answer> {
    let answer = await surviving(() => browser.request(url));
    for (let hops = 0; hops < MOST_HOPS; hops += 1) {
      const { location } = answer;
      if (location === undefined || location.startsWith(CLIENT.redirectUri) || leadsToVendor(answer, places))
        return answer;
      answer = await surviving(() => browser.request(location));
    }
    throw new Error(`redirects without an end at ${url}`);
  }

  async function redeem(request: Request, answer: Answer): Promise<boolean> {
    const code = codeIn(answer);
    if (code === undefined) return false;
    codes.push({ code, request });
    const reply = await surviving(() => askForTokens(places.issuer, request, code));
    if (reply.status === 200) {
      won.push(tokensIn(reply));
      return true;
    }
    if (reply.status >= 500) faults.push(`token: ${reply.status}`);
    return false;
  }

  /** From wherever the browser is to the client. @returns false when this way is at its end, and a new start is needed */
  async function goOn(request: Request, arrived: Answer): Promise<boolean> {
    let page = arrived;
    let pressed = 0;
    for (let steps = 0; steps < mostSteps; steps += 1) {
      if (isAtClient(page)) return redeem(request, page);
      if (leadsToVendor(page, places)) {
        const { location } = await browser.request(page.location);
        // the session is gone at the vendor: it was another attempt's
        if (location === undefined) return false;
        selfies += 1;
        page = await goTo(location);
        continue;
      }
      if (page.status === 409) {
        await delay(1000 * Math.min(MOST_WAIT_SECONDS, Number(/(\d+) seconds?/.exec(page.text)?.[1] ?? 1)));
        return false;
      }
      if (page.status >= 500) faults.push(`${new URL(page.url).pathname.split('/').at(-1)}: ${page.status}`);
      if (page.status !== 200) return false;
      const isWaiting = page.text.includes('data-events=');
      if (isWaiting && selfies > 0) {
        await delay(LOOK_AGAIN_MS);
        page = await goTo(page.url);
        continue;
      }
      // the button leads back to its own page: an opening that died is waited for there; the client is the quicker way
      if (pressed === MOST_PRESSES) return false;
      pressed += 1;
      const uid = uidOf(page);
      const asked = page;
      const outcome = await surviving(
        () => pressBegin(person, asked),
        () => browser.request(`${places.issuer}/interaction/${uid}`),
      );
      const isElsewhere = outcome.location !== undefined && !leadsToVendor(outcome, places) && !isAtClient(outcome);
      page = isElsewhere ? await goTo(String(outcome.location)) : outcome;
    }
    throw unexpected('a page without an end', page);
  }

  while (starts < MOST_STARTS && won.length === 0) {
    starts += 1;
    const request = newRequest(places.issuer);
    const page = await surviving(() => openFirstPage(person, request));
    await goOn(request, page);
  }
  if (won.length === 0) throw new Error(`not let in after ${starts} starts (${faults.join(', ') || 'no fault seen'})`);
  return { starts, won, codes, selfies, faults };
}

function isNetwork(error: unknown): boolean {
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  return /^(?:ECONNRESET|ECONNREFUSED|EPIPE)$/.test(code) || message === 'aborted';
}
