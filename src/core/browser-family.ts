// One name a browser family, whatever it is called by the vendor ("Chrome Mobile iOS") or by a user-agent parser
// ("Microsoft Edge"). The comparison of capture and login (T2) rests on it, so a family nobody knows equals nothing.

export type BrowserFamily = 'chrome' | 'edge' | 'firefox' | 'safari' | 'opera' | 'samsung' | 'other';

/** First match wins: Edge, Opera and Samsung name Chrome too, and several name Safari. */
const KNOWN: readonly (readonly [BrowserFamily, RegExp])[] = [
  // in-app browsers are not the browser whose engine they borrow: they share no cookies with it
  [
    'other',
    /\b((wk)?webview|facebook|instagram|google search|gsa|line|tiktok|snapchat|duckduckgo|brave|vivaldi|yandex)\b/,
  ],
  ['edge', /\b(edge|edg|edga|edgios)\b/],
  ['samsung', /\bsamsung( ?browser| internet)?\b/],
  ['opera', /\b(opera|opr|opios|opt)\b/],
  ['firefox', /\b(firefox|fxios)\b/],
  ['chrome', /\b(chrome|chromium|crios|headlesschrome)\b/],
  ['safari', /\bsafari\b/],
];

/** The family behind a name that a vendor or a parser gives: "Mobile Safari" → safari, anything unknown → other. */
export function browserFamily(name: string | null | undefined): BrowserFamily {
  const plain = (name ?? '').toLowerCase().replace(/[_-]+/g, ' ');
  return KNOWN.find(([, pattern]) => pattern.test(plain))?.[0] ?? 'other';
}

/**
 * Whether two browsers are known and of one family; each may be given as a family or as somebody's name for it. `other`
 * equals nothing, not even itself: two unknown browsers prove no sameness (T2).
 */
export function sameBrowserFamily(a: string | null | undefined, b: string | null | undefined): boolean {
  const family = browserFamily(a);
  return family !== 'other' && family === browserFamily(b);
}
