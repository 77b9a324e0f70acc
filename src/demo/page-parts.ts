// How values are shown on the pages of the demo client: the frame of a page, tokens, JSON, instants.

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type Html, html } from './html.ts';

export function layout(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">
</head>
<body>
<header><p><a href="/">Demo client</a> <span>not a real application: it shows what a client receives</span></p></header>
<main>${body}</main>
</body>
</html>
`;
}

export function jwt(token: string): Html {
  const raw = html`<details><summary>As sent</summary><pre class="raw" tabindex="0">${token}</pre></details>`;
  try {
    return html`${json(decodeJwt(token))}<details><summary>Header</summary>${json(decodeProtectedHeader(token))}</details>${raw}`;
  } catch {
    return raw;
  }
}

export function json(value: unknown): Html {
  return html`<pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function list(value: unknown): string | undefined {
  return Array.isArray(value) ? value.join(', ') : undefined;
}

export function instant(seconds: unknown): Html | undefined {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
  const iso = new Date(seconds * 1000).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}
