// What each address of the demo client does: signing in and out, and what can be done with the tokens of whoever is signed in.

import { randomBytes } from 'node:crypto';
import { ERRAND_PATH, type ErrandName, type Errands } from './errands.ts';
import type { Html } from './html.ts';
import type { createLogoutTokenReader } from './logout-token.ts';
import { faultPage, homePage, loginPath, signedInPage, signedOutPage } from './pages.ts';
import type { RelyingParty, SignInFault, SignInOptions, Tokens } from './relying-party.ts';
import type { BrowserSession, PendingVisit, SessionStore, SignedIn } from './sessions.ts';

export interface Visit {
  readonly url: URL;
  readonly form: URLSearchParams;
  readonly session: BrowserSession;
}

/** A `session` in it takes the place of the one that the visit came with. */
export type Answer =
  | { readonly kind: 'page'; readonly status: number; readonly page: Html; readonly session?: BrowserSession }
  | { readonly kind: 'redirect'; readonly to: string; readonly session?: BrowserSession }
  | { readonly kind: 'empty'; readonly status: number };

export type Route = (visit: Visit) => Promise<Answer>;

/** By method and path. */
export type Routes = Readonly<Record<string, Route>>;

interface Parts {
  readonly relyingParty: RelyingParty;
  readonly sessions: SessionStore;
  readonly errands: Errands;
  readonly readLogoutToken: ReturnType<typeof createLogoutTokenReader>;
  readonly issuer: string;
  readonly api: string;
  readonly confidential: boolean;
}

export function createRoutes(parts: Parts): Routes {
  return { ...signInRoutes(parts), ...tokenRoutes(parts), ...signOutRoutes(parts) };
}

function signInRoutes({ relyingParty, sessions, errands, issuer, api, confidential }: Parts): Routes {
  async function signIn(session: BrowserSession, pending: PendingVisit, tokens: Tokens): Promise<Answer> {
    const signedIn: SignedIn = { asked: pending.options, tokens, refreshes: 0 };
    const renewed = sessions.renew({ ...session, signedIn, notice: undefined });
    try {
      signedIn.userInfo = await relyingParty.fetchUserInfo(tokens);
    } catch (error) {
      signedIn.fault = { ...relyingParty.faultOf(error), attempted: 'Fetching the user info' };
    }
    return { kind: 'redirect', to: '/', session: renewed };
  }

  return {
    'GET /': async ({ session }) => {
      const { notice, signedIn } = session;
      session.notice = undefined;
      return page(200, signedIn ? signedInPage({ signedIn, confidential, api }) : homePage({ issuer, notice }));
    },

    'GET /login': async ({ session, url }) => {
      const options = readOptions(url.searchParams);
      try {
        const { url: authorize, pending } = await relyingParty.begin(options);
        sessions.remember(session, pending);
        return { kind: 'redirect', to: authorize.href };
      } catch (error) {
        return failed(503, relyingParty.faultOf(error), options);
      }
    },

    'GET /callback': async ({ session, url }) => {
      const state = url.searchParams.get('state');
      const pending = state === null ? undefined : session.pending.get(state);
      if (state === null || !pending) {
        const description = 'the answer carries no state that this browser was given';
        return failed(400, { error: 'state_mismatch', description });
      }
      session.pending.delete(state);
      const { errand, options } = pending;
      try {
        const tokens = await relyingParty.complete(url, pending);
        if (errand === undefined) return await signIn(session, pending, tokens);
        // it can do more from here on, so it gets a new name too (T23)
        const renewed = sessions.renew(session);
        return await attempt(renewed, errand.name, () => errands.resume(renewed, errand, tokens));
      } catch (error) {
        const fault = relyingParty.faultOf(error);
        if (errand === undefined || !session.signedIn) return failed(400, fault, options);
        session.signedIn.fault = { ...fault, attempted: ATTEMPTED[errand.name] };
        return { kind: 'redirect', to: ERRAND_PATH };
      }
    },

    'POST /balance': ({ session }) => attempt(session, 'balance', () => errands.begin(session, 'balance')),
    'POST /transfer': ({ session }) => attempt(session, 'transfer', () => errands.begin(session, 'transfer')),
  };

  /** Runs an errand as far as it goes; what goes wrong is shown beside the answers there were. */
  async function attempt(session: BrowserSession, name: ErrandName, act: () => Promise<string>): Promise<Answer> {
    if (session.signedIn) delete session.signedIn.fault;
    try {
      return { kind: 'redirect', to: await act(), session };
    } catch (error) {
      if (session.signedIn) session.signedIn.fault = { ...relyingParty.faultOf(error), attempted: ATTEMPTED[name] };
      return { kind: 'redirect', to: ERRAND_PATH, session };
    }
  }
}

const ATTEMPTED: Readonly<Record<ErrandName, string>> = { balance: 'Reading the balance', transfer: 'The transfer' };

function tokenRoutes({ relyingParty }: Parts): Routes {
  /** Does something with the tokens of whoever is signed in; what goes wrong is shown beside them. */
  function withTokens(attempted: string, act: (signedIn: SignedIn, form: URLSearchParams) => Promise<void>): Route {
    return async ({ session, form }) => {
      const { signedIn } = session;
      if (signedIn) {
        delete signedIn.fault;
        try {
          await act(signedIn, form);
        } catch (error) {
          signedIn.fault = { ...relyingParty.faultOf(error), attempted };
        }
      }
      return { kind: 'redirect', to: '/' };
    };
  }

  return {
    'POST /userinfo': withTokens('Fetching the user info', async (signedIn) => {
      delete signedIn.userInfo;
      signedIn.userInfo = await relyingParty.fetchUserInfo(signedIn.tokens);
    }),

    'POST /introspect': withTokens('Introspection', async (signedIn, form) => {
      delete signedIn.introspection;
      const { accessToken, refreshToken } = signedIn.tokens;
      signedIn.introspection =
        form.get('token') === 'refresh_token' && refreshToken !== undefined
          ? await relyingParty.introspect(refreshToken, 'refresh_token')
          : await relyingParty.introspect(accessToken, 'access_token');
    }),

    'POST /refresh': withTokens('Refreshing', async (signedIn) => {
      signedIn.refreshing ??= (async () => {
        signedIn.tokens = await relyingParty.refresh(signedIn.tokens);
        signedIn.refreshes++;
        delete signedIn.introspection;
      })();
      try {
        await signedIn.refreshing;
      } finally {
        delete signedIn.refreshing;
      }
    }),
  };
}

function signOutRoutes({ relyingParty, sessions, readLogoutToken }: Parts): Routes {
  return {
    'POST /logout': async ({ session, form }) => {
      const { signedIn } = session;
      session.signedIn = undefined;
      if (!signedIn || form.get('logout') === 'here') return { kind: 'redirect', to: '/signed-out' };
      try {
        const state = randomBytes(16).toString('base64url');
        const to = await relyingParty.endSessionUrl(signedIn.tokens, state);
        session.logoutState = state;
        return { kind: 'redirect', to: to.href };
      } catch (error) {
        return failed(503, relyingParty.faultOf(error));
      }
    },

    'GET /signed-out': async ({ session, url }) => {
      const confirmed = session.logoutState !== undefined && url.searchParams.get('state') === session.logoutState;
      session.logoutState = undefined;
      return page(200, signedOutPage({ confirmed }));
    },

    'POST /backchannel-logout': async ({ form }) => {
      try {
        sessions.forget(await readLogoutToken(form.get('logout_token') ?? ''));
        return { kind: 'empty', status: 200 };
      } catch {
        return { kind: 'empty', status: 400 };
      }
    },
  };
}

function page(status: number, content: Html): Answer {
  return { kind: 'page', status, page: content };
}

function failed(status: number, fault: SignInFault, options?: SignInOptions): Answer {
  return page(status, faultPage({ fault, ...(options && { tryAgain: loginPath(options) }) }));
}

function readOptions(query: URLSearchParams): SignInOptions {
  const loginHint = query.get('login_hint')?.trim();
  const acrValues = query.get('acr_values')?.trim();
  const maxAge = query.get('max_age')?.trim() ?? '';
  return {
    freshSelfie: query.get('prompt') === 'login',
    offline: query.has('offline'),
    essentialAcr: query.has('essential'),
    ...(loginHint && { loginHint }),
    ...(acrValues && { acrValues }),
    ...(/^\d{1,9}$/.test(maxAge) && { maxAgeSeconds: Number(maxAge) }),
  };
}
