// Was the face shown by whoever holds this browser? A relayed selfie is treated as an attack until shown otherwise (T2):
// the victim's true face passes every check of the vendor, so what tells them apart is where it was captured.

import { sameAddress } from './address.ts';
import { type BrowserFamily, browserFamily, sameBrowserFamily } from './browser-family.ts';
import type { Anonymising } from './risk.ts';
import type { CaptureAnalysis } from './verdict-types.ts';

export type Platform = 'desktop' | 'mobile' | 'tablet' | 'unknown';

/** The browser that began the login, as we saw it. */
export interface LoginOrigin {
  readonly address: string;
  readonly browserFamily: BrowserFamily;
  readonly platform: Platform;
  /** "Firefox on Windows", for people */
  readonly label: string;
  /** alpha-2, where an operator's table tells */
  readonly country?: string;
  /** what the operator's tables say of the network; undefined where none tells */
  readonly anonymising?: Anonymising;
  readonly startedAt: number;
}

export interface BindingFacts {
  readonly origin: LoginOrigin;
  readonly captures: readonly CaptureAnalysis[];
  /** the return token came back in the browser that began */
  readonly returnedHere: boolean;
  /** the return token was shown in a browser that did not begin */
  readonly returnedElsewhere: boolean;
  /** the number shown on the capturing device was typed in the starting browser */
  readonly confirmed: boolean;
}

export type Binding =
  | { readonly kind: 'bound'; readonly by: 'same-device' | 'return' | 'number' }
  /** nothing contradicts yet: come back through the capture, or type the number */
  | { readonly kind: 'unproven' }
  /** the capture was elsewhere: only the number helps */
  | { readonly kind: 'elsewhere'; readonly reasons: readonly string[] }
  /** policy `cross_device: off` and the capture was elsewhere */
  | { readonly kind: 'refused'; readonly reasons: readonly string[] };

export function judgeBinding(facts: BindingFacts, crossDevice: 'confirm' | 'off'): Binding {
  const { origin, captures, returnedElsewhere } = facts;
  // whoever it was that came back has no cookie of the login: behind one address in an office two browsers of a kind look the same
  const isHere = captures.length > 0 && captures.every((capture) => isSameDevice(origin, capture));
  if (isHere && !returnedElsewhere) return { kind: 'bound', by: 'same-device' };
  if (facts.confirmed && crossDevice === 'confirm') return { kind: 'bound', by: 'number' };
  const reasons = [...new Set(captures.flatMap((capture) => contradictions(origin, capture)))];
  if (facts.returnedHere && reasons.length === 0) return { kind: 'bound', by: 'return' };
  if (returnedElsewhere) reasons.push('returned-elsewhere');
  if (reasons.length === 0) return { kind: 'unproven' };
  return crossDevice === 'off' ? { kind: 'refused', reasons } : { kind: 'elsewhere', reasons };
}

/**
 * Exact address, or the same IPv6 /64, with the same device class and browser family. IPv4 here and IPv6 there is not the
 * same, but no contradiction either: a dual-stack person who comes back through the return is let on.
 */
function isSameDevice(origin: LoginOrigin, capture: CaptureAnalysis): boolean {
  return (
    capture.address !== undefined &&
    sameAddress(origin.address, capture.address) &&
    capture.platform !== undefined &&
    capture.platform === origin.platform &&
    sameBrowserFamily(origin.browserFamily, browserFamily(capture.browserFamily))
  );
}

/** What the analysis says against "it was this browser", although the return came back here. */
function contradictions(origin: LoginOrigin, capture: CaptureAnalysis): string[] {
  const reasons: string[] = [];
  const sameNetwork = capture.address !== undefined && sameAddress(origin.address, capture.address);
  if (!sameNetwork && Boolean(capture.anonymising) !== isHidden(origin.anonymising))
    reasons.push('anonymising-one-side');
  if (origin.country && capture.country && origin.country !== capture.country) reasons.push('other-country');
  // a phone, and no tablet: one of those asks for pages as a desktop does, and is told from it by the vendor alone
  const isPhone = capture.platform === 'mobile';
  if (isPhone && (origin.platform === 'desktop' || origin.platform === 'unknown')) reasons.push('phone-for-desktop');
  return reasons;
}

/** The vendor's flag means VPN or Tor; a data centre is another one, and no contradiction. */
function isHidden(network: Anonymising | undefined): boolean {
  return network === 'tor' || network === 'vpn' || network === 'proxy';
}
