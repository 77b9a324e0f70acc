// Who may come to the pages of one's own (`/account`): whoever proved lately, in this browser, whose they are. Everybody else is sent
// through the authorization endpoint first, bound to this browser by a state; forms must be our own (T23).

import { timingSafeEqual } from 'node:crypto';
import type { Context } from 'koa';
import type { Account } from '../../core/account.ts';
import { acrSatisfies } from '../../core/assurance.ts';
import type { Clock } from '../../login/ports.ts';
import type { AccountStore } from '../../login/stores.ts';
import { newToken } from '../../login/tokens.ts';
import { FRESH_SECONDS, type OwnPages } from '../../oidc/own-pages.ts';
import type { Cookies } from '../cookies.ts';
import { type Csrf } from '../middleware/csrf.ts';
import { createFormReader, type Fields } from '../own-form.ts';
import type { Reply } from '../reply.ts';

/** Somebody who looks after their own account. */
export interface AccountSession {
  readonly account: Account;
  readonly sessionUid: string;
  readonly acr: string;
  /** epoch seconds */
  readonly authTime: number;
  /** the login that this session came of */
  readonly loginUid?: string;
  /** for the hidden field `csrf` of every form */
  readonly csrf: string;
}

export interface AccountAccessParts {
  readonly ownPages: OwnPages;
  readonly accounts: Pick<AccountStore, 'find'>;
  readonly clock: Clock;
  readonly csrf: Csrf;
  readonly cookies: Pick<Cookies, 'accountState' | 'setAccountState'>;
  readonly reply: Reply;
  readonly issuer: string;
}

export interface AccountAccess {
  /** @returns undefined when it is answered already: the browser is on its way to sign in */
  open(ctx: Context): Promise<AccountSession | undefined>;
  /** A form, and who sent it. @returns undefined when it is answered already: it is not ours, or nobody's, or not of this session */
  openPost(ctx: Context): Promise<{ readonly session: AccountSession; readonly fields: Fields } | undefined>;
  /** The halves of `openPost`: a form from our own site, @returns undefined when it is answered already … */
  readFields(ctx: Context): Promise<Fields | undefined>;
  /** … and of this session; answers when it is not. */
  isOurs(ctx: Context, session: AccountSession, fields: Fields): boolean;
  /** Asked after something was done: a session may have been ended meanwhile. */
  isSignedIn(session: AccountSession): Promise<boolean>;
  /** Off to a new proof; afterwards back to that page, if it is one of those below. */
  signIn(ctx: Context, page?: string): void;
  /** The way back from there. */
  signedIn(ctx: Context): Promise<void>;
}

/** Where a proof can lead: never an address from a request (T19). */
const PAGES: readonly string[] = ['', 'delete', 'passkey'];
const DEVICE = 'urn:selfie-oidc:acr:device';

/** Enough for what cannot be undone, or what another way in could take from the person. A code by mail or from support is not. */
export function isStrong({ acr }: Pick<AccountSession, 'acr'>): boolean {
  return acrSatisfies(acr, 'urn:selfie-oidc:acr:selfie') || acrSatisfies(acr, 'phr');
}

export function createAccountAccess(parts: AccountAccessParts): AccountAccess {
  const { ownPages, accounts, clock, csrf, cookies, reply, issuer } = parts;

  async function find(ctx: Context): Promise<AccountSession | undefined> {
    const session = await ownPages.session(ctx);
    // a known device proves no person, whatever the age of the selfie that made it known
    if (!session || session.acr === DEVICE || clock.now() - session.authTime > FRESH_SECONDS) return undefined;
    const account = await accounts.find(session.accountId);
    if (account?.standing !== 'good') return undefined;
    const { uid: sessionUid, acr, authTime, loginUid } = session;
    return { account, sessionUid, acr, authTime, ...(loginUid ? { loginUid } : {}), csrf: csrf.issue(sessionUid) };
  }

  function signIn(ctx: Context, page = ''): void {
    // one state for all tabs of a browser: each can come back
    const secret = cookies.accountState(ctx) ?? newToken();
    cookies.setAccountState(ctx, secret);
    reply.onTo(ctx, ownPages.signInPath(`${secret}.${PAGES.includes(page) ? page : ''}`));
  }

  const readFields = createFormReader({ reply, issuer: issuer });

  function isOurs(ctx: Context, session: AccountSession, fields: Fields): boolean {
    if (csrf.check(session.sessionUid, fields.csrf)) return true;
    const message = 'This form is out of date, or did not come from our page. Open your account and try once more.';
    reply.refusal(ctx, 403, 'form_not_ours', message);
    return false;
  }

  async function open(ctx: Context): Promise<AccountSession | undefined> {
    const session = await find(ctx);
    const page = ctx.path.replace(/^\/account\/?/, '');
    if (!session) signIn(ctx, page);
    return session;
  }

  return {
    open,

    async openPost(ctx) {
      // the form first: whoever sends it slowly keeps no session that was ended meanwhile (T14)
      const fields = await readFields(ctx);
      const session = fields && (await open(ctx));
      return session && isOurs(ctx, session, fields) ? { session, fields } : undefined;
    },

    readFields,
    isOurs,
    isSignedIn: ownPages.isSignedIn,
    signIn,

    async signedIn(ctx) {
      const { state, error } = ctx.query;
      const [secret = '', page = ''] = typeof state === 'string' ? state.split('.') : [];
      const expected = cookies.accountState(ctx);
      // somebody else's answer must not lead this browser anywhere (login CSRF)
      if (expected === undefined || !isSame(secret, expected))
        return reply.page(ctx, 403, 'account-sign-in', { reason: 'not-here' });
      if (error !== undefined) {
        const reason = error === 'temporarily_unavailable' || error === 'server_error' ? 'unavailable' : 'refused';
        return reply.page(ctx, reason === 'refused' ? 403 : 503, 'account-sign-in', { reason });
      }
      // no circle: what is too old when it comes is told, not sent round again
      if (!(await find(ctx))) return reply.page(ctx, 403, 'account-sign-in', { reason: 'too-old' });
      reply.onTo(ctx, PAGES.includes(page) && page !== '' ? `/account/${page}` : '/account');
    },
  };
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
