// The part of the demo client's page about the example API: what can be asked of it, and how the last thing asked went, each
// answer as it came.

import type { Errand, ErrandName } from './errands.ts';
import { type Html, html } from './html.ts';
import { jwt } from './page-parts.ts';
import type { ApiAnswer } from './relying-party.ts';
import type { SignedIn } from './sessions.ts';

const TITLES: Readonly<Record<ErrandName, string>> = { balance: 'Read the balance', transfer: 'Transfer 100' };

const REASONS: Readonly<Record<string, string>> = {
  insufficient_user_authentication: 'The API wants a stronger or a more recent proof of who is there.',
  insufficient_scope: 'The token does not allow this.',
  invalid_token: 'The API does not take this token.',
};

export function errandSection({ signedIn, api }: { readonly signedIn: SignedIn; readonly api: string }): Html {
  const { apiTokens, errand } = signedIn;
  return html`
      <section aria-labelledby="api"><h2 id="api">An API that asks for more</h2>
        <p>The example API at <code>${api}</code> is content with a token to tell the balance. Before it moves money, it
          wants an active selfie of the last five minutes: this client reads that from its refusal, and sends you to the
          provider for it.</p>
        <div class="actions">
          <form action="/balance" method="post"><button name="errand" value="balance">${TITLES.balance}</button></form>
          <form action="/transfer" method="post"><button name="errand" value="transfer">${TITLES.transfer}</button></form>
        </div>
        ${errand && outcome(errand)}
        ${apiTokens && html`<details><summary>The token for the API</summary>${jwt(apiTokens.accessToken)}</details>`}
      </section>`;
}

function outcome({ name, answers }: Errand): Html {
  return html`
        <div role="status"><h3>${TITLES[name]}</h3>
        ${answers.length === 0 && html`<p>The API was not asked: there is no token for it.</p>`}
        <ol>${answers.map((answer) => html`<li>${told(answer)}</li>`)}</ol></div>`;
}

function told({ status, body, challenge, wwwAuthenticate }: ApiAnswer): Html {
  const isDone = status >= 200 && status < 300;
  const reason = REASONS[challenge?.error ?? ''];
  return html`<p><strong>${isDone ? 'Done' : 'Refused'}: <code>${status}${challenge?.error && ` ${challenge.error}`}</code></strong>
          ${reason}</p>
          ${wwwAuthenticate && html`<pre tabindex="0">WWW-Authenticate: ${wwwAuthenticate}</pre>`}
          ${body !== '' && html`<pre tabindex="0">${body}</pre>`}`;
}
