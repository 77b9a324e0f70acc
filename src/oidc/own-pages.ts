// A client of our own: the person's own page asks for a fresh proof as any application does, through the authorization endpoint. What
// counts afterwards is the session that came of it; the code that comes along is good for nothing, as nobody holds the client's secret
// and no verifier fits the challenge.

import { randomBytes } from 'node:crypto';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { loginProof } from '../login/login-proof.ts';
import type { Revocation, SignedIn } from './revocation.ts';

/** Ours: no entry of a clients file may take it. */
export const OWN_CLIENT_ID = 'urn:selfie-oidc:account';

/** How old a proof may be at the most, in seconds, to look after one's own account. */
export const FRESH_SECONDS = 600;

const SIGNED_IN_PATH = '/account/signed-in';
const LOGIN_PROOF = loginProof('');

/** The entry as the library reads it: made anew at each start, so its secret is known to nobody and never was. */
export function ownClient(issuer: string): object {
  return {
    client_id: OWN_CLIENT_ID,
    // stands in sentences: "Sign in to your account"
    client_name: 'your account',
    client_uri: `${issuer}/account`,
    client_secret: randomBytes(32).toString('base64url'),
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [`${issuer}${SIGNED_IN_PATH}`],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    first_party: true,
  };
}

/** Who is signed in with this browser, as the session's own record says. */
export interface OwnSession {
  readonly uid: string;
  readonly accountId: string;
  readonly acr: string;
  /** epoch seconds */
  readonly authTime: number;
  /** the login that it came of, latest */
  readonly loginUid?: string;
}

export interface OwnPages {
  /** Where a browser proves anew who holds it. A skip is never enough: `prompt=login` and `max_age` ask for a new proof. */
  signInPath(state: string): string;
  /** @returns undefined when nobody is signed in with this browser */
  session(ctx: Context): Promise<OwnSession | undefined>;
  /** Asked after something was done for it. */
  isSignedIn(session: { readonly sessionUid: string; readonly account: { readonly id: string } }): Promise<boolean>;
}

export function createOwnPages(parts: {
  provider: Provider;
  issuer: string;
  revocation: Pick<Revocation, 'sessionsOf'>;
}): OwnPages {
  const { provider, issuer, revocation } = parts;
  return {
    async isSignedIn({ sessionUid, account }) {
      return (await provider.Session.findByUid(sessionUid))?.accountId === account.id;
    },

    signInPath(state) {
      const params = new URLSearchParams({
        client_id: OWN_CLIENT_ID,
        redirect_uri: `${issuer}${SIGNED_IN_PATH}`,
        response_type: 'code',
        scope: 'openid',
        prompt: 'login',
        max_age: String(FRESH_SECONDS),
        state,
        // a hash of nothing: there is no verifier
        code_challenge: randomBytes(32).toString('base64url'),
        code_challenge_method: 'S256',
      });
      return `/auth?${params}`;
    },

    async session(ctx) {
      const { uid, accountId, acr, loginTs } = await provider.Session.get(ctx as never);
      if (!accountId || !acr || !loginTs) return undefined;
      const signedIn = (await revocation.sessionsOf(accountId)).find((each) => each.uid === uid);
      const loginUid = signedIn && loginOf(signedIn);
      return { uid, accountId, acr, authTime: loginTs, ...(loginUid ? { loginUid } : {}) };
    },
  };
}

/** The login that a session came of, the latest where it was proven anew. */
export function loginOf({ proofs }: Pick<SignedIn, 'proofs'>): string | undefined {
  return proofs.findLast((proof) => proof.startsWith(LOGIN_PROOF))?.slice(LOGIN_PROOF.length);
}
