// Sign-ins of people who have been here before: browsers that move from network to network, and do what the pages ask, no more. Tells how
// many faces a sign-in took, of which kind, and what the client was told.

import type { JWTPayload } from 'jose';
import { Browser, buttonsOf, fieldsOf, type Page, wordsOf } from './browser.ts';
import { isAtClient, until, withoutSession } from './story.ts';
import { exchange, type Request, returnUrlOf, type Tokens, WORKFLOWS, type World } from './world.ts';

export type Kind = 'enrol' | 'passive' | 'active' | 'other';
type SettleOptions = NonNullable<Parameters<World['sandbox']['settle']>[2]>;

/** A login that was begun at a client, and the page it led to. */
export interface Opened {
  readonly browser: Browser;
  readonly request: Request;
  readonly uid: string;
  readonly page: Page;
}

export interface How {
  /** typed where a name is asked for */
  readonly who?: string;
  readonly params?: Record<string, string>;
  readonly client?: string;
  readonly settle?: SettleOptions;
}

export interface Entered extends Opened {
  /** what was shown at the vendor, in order */
  readonly faces: readonly Kind[];
  /** the vendor's sessions behind them */
  readonly sessionIds: readonly string[];
  /** where it ended: the way back to the client, or a page */
  readonly end: Page;
}

export interface SignedIn extends Entered {
  readonly tokens: Tokens;
  readonly claims: JWTPayload;
}

/** What the first page says the button will lead to. */
export function methodOn(page: Page): 'none' | 'passive' | 'active' {
  const words = wordsOf(page);
  if (!buttonsOf(page).includes('begin=here')) throw new Error(`no first page: ${page.status} ${words.slice(0, 200)}`);
  if (words.includes('no selfie is needed')) return 'none';
  return words.includes('small movement') ? 'active' : 'passive';
}

/** From now on this browser's requests come from there: needs a world that trusts one proxy. */
export function moveTo(browser: Browser, address: string): Browser {
  browser.headers['x-forwarded-for'] = address;
  return browser;
}

export function browserAt(address: string): Browser {
  return moveTo(new Browser(), address);
}

/** The same browser without a session, perhaps in another place. */
export function comeAgain(browser: Browser, address = browser.headers['x-forwarded-for']): Browser {
  const copy = withoutSession(browser);
  return address === undefined ? copy : moveTo(copy, address);
}

/** All cookies of a browser, from now on apart, perhaps in another place. */
export function copyOf(browser: Browser, address = browser.headers['x-forwarded-for']): Browser {
  const copy = new Browser({ userAgent: browser.userAgent });
  for (const cookie of browser.cookies()) copy.setCookie(cookie);
  return address === undefined ? copy : moveTo(copy, address);
}

let networks = 0;

/** An address in a network of its own, where nobody has been. */
export function newAddress(): string {
  networks += 1;
  return `11.${networks >> 8}.${networks & 255}.5`;
}

export type Visits = ReturnType<typeof createVisits>;

export function createVisits(world: World) {
  const isOutside = (location: string) =>
    location.startsWith(world.redirectUri) || location.startsWith(world.sandbox.url);

  async function open(browser: Browser, { params, client }: How = {}): Promise<Opened> {
    const request = await world.authorize(params, client);
    const page = await browser.get(request.url, isOutside);
    const uid =
      browser.visited.findLast((url) => url.includes('/interaction/'))?.match(/\/interaction\/([^/?]+)/)?.[1] ?? '';
    return { browser, request, uid, page };
  }

  /** Presses the button of a first page: only what it asks for is filled in. */
  async function press({ browser, page }: Pick<Opened, 'browser' | 'page'>, who?: string): Promise<Page> {
    const fields = fieldsOf(page);
    const pressed = await browser.press(
      page,
      { name: 'begin', value: 'here' },
      {
        ...(fields.includes('identifier') && who !== undefined ? { identifier: who } : {}),
        ...(fields.includes('biometric_consent') ? { biometric_consent: 'yes' } : {}),
      },
    );
    return browser.follow(pressed, isOutside);
  }

  function sessionAt(page: Page) {
    return world.sandbox.sessions().find(({ url }) => url === page.headers.get('location'));
  }

  /** Shows the face in this very browser, and comes back with the verdict there, as far as it leads. */
  async function showFace(browser: Browser, sessionId: string, scenario = 'approve', settle?: SettleOptions) {
    const address = browser.headers['x-forwarded-for'];
    await world.sandbox.open(sessionId, { userAgent: browser.userAgent, ...(address ? { address } : {}) });
    await world.sandbox.settle(sessionId, scenario, settle);
    const { attempts } = world.app.parts;
    await until('the verdict', async () => {
      const attempt = await attempts.find((await attempts.ownerOf(sessionId)) ?? '');
      return attempt?.verifications.some(({ id, conclusion }) => id === sessionId && conclusion !== undefined);
    });
    return browser.get(returnUrlOf(world.sandbox.session(sessionId)), isOutside);
  }

  /** Does what the pages ask, from an opened login to its end. */
  async function complete(opened: Opened, { who, settle }: How = {}): Promise<Entered> {
    const sessionIds: string[] = [];
    let end = opened.page;
    for (let steps = 0; steps < 4 && !isAtClient(world, end) && buttonsOf(end).includes('begin=here'); steps += 1) {
      end = await press({ browser: opened.browser, page: end }, who);
      const session = sessionAt(end);
      if (!session) continue;
      sessionIds.push(session.id);
      end = await showFace(opened.browser, session.id, 'approve', settle);
    }
    return { ...opened, faces: sessionIds.map((id) => kindOf(world.sandbox.session(id).workflowId)), sessionIds, end };
  }

  async function enter(browser: Browser, how: How = {}): Promise<Entered> {
    return complete(await open(browser, how), how);
  }

  async function redeem(entered: Entered): Promise<SignedIn> {
    if (!isAtClient(world, entered.end)) {
      throw new Error(
        `not at the client: ${entered.end.status} ${entered.end.url} ${wordsOf(entered.end).slice(0, 300)}`,
      );
    }
    const location = entered.end.headers.get('location') ?? '';
    const tokens = await exchange(await world.client(entered.request.clientId), entered.request, location);
    return { ...entered, tokens, claims: { ...tokens.claims() } as JWTPayload };
  }

  /** A whole sign-in, with tokens. */
  async function signIn(browser: Browser, how: How = {}): Promise<SignedIn> {
    return redeem(await enter(browser, how));
  }

  async function journalOf(uid: string): Promise<{ event: string; reasons: readonly string[] }[]> {
    const lines = [];
    for await (const { event, attempt, reasons } of world.app.parts.journal.entries()) {
      if (attempt === uid) lines.push({ event, reasons });
    }
    return lines;
  }

  async function ledgerLines(): Promise<number> {
    let count = 0;
    for await (const _ of world.app.parts.ledger.entries()) count += 1;
    return count;
  }

  async function accountIdOf(who: string): Promise<string> {
    const account = await world.app.parts.accounts.findByIdentifier(who);
    if (!account) throw new Error(`nobody is ${who}`);
    return account.id;
  }

  return {
    open,
    press,
    sessionAt,
    showFace,
    complete,
    enter,
    redeem,
    signIn,
    journalOf,
    ledgerLines,
    accountIdOf,
  };
}

function kindOf(workflowId: string): Kind {
  const [kind] = Object.entries(WORKFLOWS).find(([, id]) => id === workflowId) ?? ['other'];
  return kind as Kind;
}
