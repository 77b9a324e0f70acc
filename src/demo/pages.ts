// The pages of the demo client. Plain forms that work without script, and none is sent; one stylesheet. What a provider
// would never show its visitors (tokens) is shown here on purpose: a developer is looking.

import { errandSection } from './errand-view.ts';
import { type Html, html } from './html.ts';
import { instant, json, jwt, layout, list, text } from './page-parts.ts';
import type { SignInFault, SignInOptions, Tokens } from './relying-party.ts';
import type { SignedIn } from './sessions.ts';

const STRENGTHS = [
  ['urn:selfie-oidc:acr:selfie', 'Selfie: one still picture'],
  ['urn:selfie-oidc:acr:selfie-active', 'Active selfie: a challenge that moves'],
] as const;

const MEANINGS: Readonly<Record<string, string>> = {
  access_denied: 'It was given up or refused.',
  temporarily_unavailable: 'The provider cannot decide right now; trying later may work.',
  unmet_authentication_requirements: 'The strength that was insisted on could not be reached.',
  login_required: 'The provider would have to show a page, and this request forbade it.',
  consent_required: 'The provider would have to ask for consent, and this request forbade it.',
  interaction_required: 'The provider would have to show a page, and this request forbade it.',
  invalid_grant: 'What was handed in has expired, was used before, or was revoked. Sign in again.',
  invalid_client: 'The provider does not know this client, or not with this secret.',
  provider_unreachable: 'The provider does not answer. Start it, then try again.',
  state_mismatch: 'This answer belongs to no sign-in that this browser began here, so it was not looked at.',
};

export function homePage(view: { readonly issuer: string; readonly notice: string | undefined }): Html {
  return layout(
    'Demo client',
    html`
      ${view.notice !== undefined && html`<p class="notice" role="status">${view.notice}</p>`}
      <h1>An application that asks who you are</h1>
      <p>It sends you to <strong>${view.issuer}</strong>, where you show your face, and learns who you are by standard
        OpenID Connect. It never sees your picture.</p>
      ${requestForm('Sign in with a selfie', 'main')}`,
  );
}

export function signedInPage(view: {
  readonly signedIn: SignedIn;
  readonly confidential: boolean;
  /** address of the example API */
  readonly api: string;
}): Html {
  const { signedIn } = view;
  const { tokens, asked, userInfo, introspection, fault } = signedIn;
  const { claims } = tokens;
  const name = text(userInfo?.name) ?? text(userInfo?.preferred_username) ?? text(claims.preferred_username);
  return layout(
    'Signed in · Demo client',
    html`
      ${
        fault &&
        html`<p class="notice fault" role="alert"><strong>${fault.attempted} failed: <code>${fault.error}</code></strong>
        ${fault.description} ${MEANINGS[fault.error]}</p>`
      }
      <h1>${name === undefined ? 'You are signed in' : html`Signed in as ${name}`}</h1>
      <dl class="facts">
        <dt>Subject <code>sub</code></dt><dd>${claims.sub}</dd>
        <dt>Strength <code>acr</code></dt><dd>${text(claims.acr) ?? 'not told'}${asked.acrValues !== undefined && html`<br>asked for: ${asked.acrValues}`}</dd>
        <dt>Proven by <code>amr</code></dt><dd>${list(claims.amr) ?? 'not told'}</dd>
        <dt>Proven at <code>auth_time</code></dt><dd>${instant(claims.auth_time) ?? 'not told'}</dd>
      </dl>
      <form class="actions" action="/logout" method="post">
        <button name="logout" value="everywhere">Sign out</button>
        <button name="logout" value="here">Sign out of this client only</button>
      </form>

      ${errandSection({ signedIn, api: view.api })}

      <section aria-labelledby="id-token"><h2 id="id-token">ID token</h2>
        ${jwt(tokens.idToken)}
      </section>

      <section aria-labelledby="access-token"><h2 id="access-token">Access token</h2>
        ${accessToken(tokens)}
        ${
          view.confidential &&
          html`<form class="actions" action="/introspect" method="post">
          <button name="token" value="access_token">Introspect</button>
          ${tokens.refreshToken !== undefined && html`<button name="token" value="refresh_token">Introspect the refresh token</button>`}
        </form>`
        }
        ${introspection && html`<h3>Introspection</h3>${json(introspection)}`}
      </section>

      <section aria-labelledby="user-info"><h2 id="user-info">User info</h2>
        ${userInfo ? json(userInfo) : html`<p>Not fetched.</p>`}
        <form class="actions" action="/userinfo" method="post"><button name="fetch" value="1">Fetch again</button></form>
      </section>

      <section aria-labelledby="refresh-token"><h2 id="refresh-token">Refresh token</h2>
        ${
          tokens.refreshToken === undefined
            ? html`<p>None: the request did not ask for <code>offline_access</code>.</p>`
            : html`<p>Kept by this client's server. Used ${signedIn.refreshes} ${signedIn.refreshes === 1 ? 'time' : 'times'};
              each use replaces it.</p>
        <form class="actions" action="/refresh" method="post"><button name="refresh" value="1">Refresh the tokens</button></form>`
        }
      </section>

      <section aria-labelledby="ask-again"><h2 id="ask-again">Ask again</h2>
        <p>A new request to the provider, for a fresher or a stronger proof. A session there may answer it without a page.</p>
        ${requestForm('Sign in again', 'plain')}
      </section>`,
  );
}

export function faultPage(view: { readonly fault: SignInFault; readonly tryAgain?: string }): Html {
  const { error, description } = view.fault;
  return layout(
    'Sign-in failed · Demo client',
    html`
      <h1>This sign-in did not work</h1>
      <p>${MEANINGS[error] ?? 'The sign-in ended with an error.'}</p>
      <dl class="facts">
        <dt><code>error</code></dt><dd><code>${error}</code></dd>
        <dt><code>error_description</code></dt><dd>${description ?? 'none'}</dd>
      </dl>
      <p class="actions"><a class="button main" href="${view.tryAgain ?? '/'}">Try again</a> <a class="button" href="/">Start page</a></p>`,
  );
}

export function signedOutPage(view: { readonly confirmed: boolean }): Html {
  return layout(
    'Signed out · Demo client',
    html`
      <h1>You are signed out</h1>
      <p>${view.confirmed ? 'Of this client, and of the provider as you chose there.' : 'Of this client.'}</p>
      <p class="actions"><a class="button main" href="/">Start page</a></p>`,
  );
}

export function plainPage(title: string, message: string): Html {
  return layout(
    `${title} · Demo client`,
    html`<h1>${title}</h1><p>${message}</p><p class="actions"><a class="button" href="/">Start page</a></p>`,
  );
}

/** The address that begins the same sign-in again. */
export function loginPath(options: SignInOptions): string {
  const query = new URLSearchParams();
  if (options.loginHint !== undefined) query.set('login_hint', options.loginHint);
  if (options.acrValues !== undefined) query.set('acr_values', options.acrValues);
  if (options.essentialAcr) query.set('essential', '1');
  if (options.freshSelfie) query.set('prompt', 'login');
  if (options.offline) query.set('offline', '1');
  if (options.maxAgeSeconds !== undefined) query.set('max_age', String(options.maxAgeSeconds));
  return query.size > 0 ? `/login?${query}` : '/login';
}

/** What the person can ask for, as the parameters it becomes. */
function requestForm(label: string, look: 'main' | 'plain'): Html {
  return html`
    <form action="/login" method="get">
      <button class="${look}" name="sign_in" value="1">${label}</button>
      <details>
        <summary>Options of the request</summary>
        <label for="login_hint">Who is signing in (<code>login_hint</code>)</label>
        <input id="login_hint" name="login_hint" maxlength="254" autocomplete="username" autocapitalize="none" spellcheck="false">
        <label for="acr_values">How strong (<code>acr_values</code>)</label>
        <select id="acr_values" name="acr_values">
          <option value="">Whatever the provider asks for</option>
          ${STRENGTHS.map(([value, name]) => html`<option value="${value}">${name}</option>`)}
        </select>
        <label class="check"><input type="checkbox" name="essential" value="1"><span>Insist on that strength, or fail</span></label>
        <label class="check"><input type="checkbox" name="prompt" value="login"><span>A new selfie, even when signed in there (<code>prompt=login</code>)</span></label>
        <label class="check"><input type="checkbox" name="offline" value="1"><span>A refresh token too (<code>offline_access</code>, asks for consent)</span></label>
        <label for="max_age">Oldest acceptable proof in seconds (<code>max_age</code>)</label>
        <input id="max_age" name="max_age" inputmode="numeric" pattern="[0-9]{1,9}">
      </details>
    </form>`;
}

function accessToken(tokens: Tokens): Html {
  const expires = instant(tokens.accessTokenExpiresAt);
  return html`
    ${tokens.accessToken.split('.').length === 3 ? jwt(tokens.accessToken) : html`<pre class="raw" tabindex="0">${tokens.accessToken}</pre>`}
    <p>${tokens.scope !== undefined && html`Scope: <code>${tokens.scope}</code>. `}${expires && html`Expires at ${expires}.`}</p>`;
}
