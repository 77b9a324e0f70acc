// The library answers two requests with a page whose only content is a form that an inline script submits: a logout where nobody is
// signed in, and a resume in a browser where somebody else has signed in meanwhile. Both are decided already, so the browser is
// led on instead: no page of ours needs inline code (design section 3).

import type { KoaContextWithOIDC } from 'oidc-provider';
import type { LibrarySession, Revocation } from './revocation.ts';

interface LogoutState {
  readonly state?: string;
  readonly postLogoutRedirectUri?: string;
}

/** Runs after the library; changes nothing unless it answered with one of the two. */
export async function leadOn(ctx: KoaContextWithOIDC, revocation: Revocation): Promise<void> {
  const { oidc } = ctx;
  const session = oidc?.session as (LibrarySession & { state?: LogoutState }) | undefined;
  if (!session?.state || ctx.status !== 200) return;
  const { postLogoutRedirectUri: target, state } = session.state;
  if (oidc.route === 'end_session' && !session.accountId) {
    // the address was compared with the client's entry when the logout began (T19)
    const url = new URL(target ?? oidc.urlFor('end_session_success'));
    if (target !== undefined && state !== undefined) url.searchParams.set('state', state);
    lead(ctx, url.href);
  } else if (oidc.route === 'resume' && target !== undefined && URL.parse(target)?.pathname === ctx.path) {
    await revocation.endSession(session);
    lead(ctx, target);
  }
}

function lead(ctx: KoaContextWithOIDC, href: string): void {
  ctx.redirect(href);
  ctx.status = 303;
}
