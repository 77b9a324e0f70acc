// What a User-Agent header tells: the family and class that are compared with the capture (T2), and a label that a person
// can recognise ("Firefox on Windows"). The header is the browser's word, so the label is built from names we know and
// never from its text (T27).

import Bowser from 'bowser';
import { type BrowserFamily, browserFamily } from '../core/browser-family.ts';
import { remembered } from '../core/memo.ts';

export interface Browser {
  readonly family: BrowserFamily;
  readonly platform: 'desktop' | 'mobile' | 'tablet' | 'unknown';
  /** for people: "Firefox on Windows", "an unknown browser" */
  readonly label: string;
}

const UNKNOWN: Browser = { family: 'other', platform: 'unknown', label: 'an unknown browser' };

/** A longer header is no browser's: the parser runs some hundred patterns over it. */
const MAX_LENGTH = 512;

/** Many people share a few hundred browsers. */
const REMEMBERED = 500;

/** Apps that show a page inside themselves: another cookie jar than the browser of the same engine (T24). */
const IN_APP = /;\s?wv\)|\b(?:FBAN|FBAV|Instagram|GSA|Line|MicroMessenger|TikTok|Snapchat)\//;

const FAMILY_LABELS: Record<Exclude<BrowserFamily, 'other'>, string> = {
  chrome: 'Chrome',
  edge: 'Edge',
  firefox: 'Firefox',
  safari: 'Safari',
  opera: 'Opera',
  samsung: 'Samsung Internet',
};

const SYSTEM_LABELS: Readonly<Record<string, string>> = {
  Windows: 'Windows',
  macOS: 'macOS',
  iOS: 'iOS',
  Android: 'Android',
  Linux: 'Linux',
  'Chrome OS': 'ChromeOS',
};

/** Reads a User-Agent header. Never throws; what it does not know is `other`, `unknown`. */
export function readBrowser(userAgent: string | undefined): Browser {
  if (userAgent === undefined || userAgent.trim() === '' || userAgent.length > MAX_LENGTH) return UNKNOWN;
  return parseBrowser(userAgent);
}

const parseBrowser = remembered((userAgent: string): Browser => {
  try {
    const parsed = Bowser.parse(userAgent);
    const family = browserFamily(IN_APP.test(userAgent) ? 'webview' : parsed.browser.name);
    const system = SYSTEM_LABELS[parsed.os.name ?? ''];
    return { family, platform: platformOf(parsed.platform.type), label: labelOf(family, system) };
  } catch {
    return UNKNOWN;
  }
}, REMEMBERED);

function platformOf(type: string | undefined): Browser['platform'] {
  return type === 'desktop' || type === 'mobile' || type === 'tablet' ? type : 'unknown';
}

function labelOf(family: BrowserFamily, system: string | undefined): string {
  const name = family === 'other' ? 'an unknown browser' : FAMILY_LABELS[family];
  return system === undefined ? name : `${name} on ${system}`;
}
