/**
 * Which device did the capture: read from the browser that opened the hosted page, or chosen by a test. It becomes the
 * `ip_analyses` of the decision, section 9 of the contract.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from './types.ts';

export interface CaptureFacts {
  /** Which browser, by the cookie the hosted page set in it. */
  readonly device: string;
  readonly address: string;
  readonly browserFamily: string | null;
  readonly osFamily: string | null;
  readonly platform: 'mobile' | 'tablet' | 'desktop';
  readonly brand: string | null;
  readonly model: string | null;
  readonly countryCode: string | null;
  readonly country: string | null;
  readonly city: string | null;
  readonly vpnOrTor: boolean;
  readonly dataCenter: boolean;
}

/** Names of ready-made captures, as the hosted page's form offers them. */
export const CAPTURE_PRESETS: Readonly<Record<string, { title: string; facts: Partial<CaptureFacts> | null }>> = {
  as_is: { title: 'This browser', facts: {} },
  phone: {
    title: 'A phone in another place',
    facts: {
      device: 'preset-phone',
      address: '203.0.113.77',
      browserFamily: 'Mobile Safari',
      osFamily: 'iOS',
      platform: 'mobile',
      brand: 'Apple',
      model: 'iPhone',
      countryCode: 'ES',
      country: 'Spain',
      city: 'Madrid',
    },
  },
  phone_same_address: {
    title: 'A phone on the same network',
    facts: {
      device: 'preset-phone',
      browserFamily: 'Chrome Mobile',
      osFamily: 'Android',
      platform: 'mobile',
      brand: 'Google',
      model: 'Pixel',
    },
  },
  other_address: { title: 'The same kind of browser, another address', facts: { address: '203.0.113.78' } },
  other_country: {
    title: 'The same kind of browser, another country',
    facts: { address: '198.51.100.9', countryCode: 'BR', country: 'Brazil', city: 'Recife' },
  },
  vpn: { title: 'Behind a VPN or Tor', facts: { address: '192.0.2.66', vpnOrTor: true, dataCenter: true } },
  vpn_as_is: { title: 'This browser and address, known as VPN or Tor', facts: { vpnOrTor: true } },
  data_center_as_is: { title: 'This browser and address, in a data centre', facts: { dataCenter: true } },
  none: { title: 'No analysis at all', facts: null },
};

/** What a request tells of its browser: the names are those of the common user agent families. */
export function describeBrowser(device: string, address: string, userAgent: string): CaptureFacts {
  const tablet = /iPad|Tablet|Android(?!.*Mobile)/.test(userAgent);
  const mobile = !tablet && /Mobile|iPhone|Android/.test(userAgent);
  return {
    device,
    address: address.replace(/^::ffff:/, ''),
    browserFamily: firstMatch(userAgent, BROWSERS),
    osFamily: firstMatch(userAgent, SYSTEMS),
    platform: tablet ? 'tablet' : mobile ? 'mobile' : 'desktop',
    brand: /iPhone|iPad|Macintosh/.test(userAgent) ? 'Apple' : null,
    model: userAgent.match(/iPhone|iPad/)?.[0] ?? null,
    countryCode: null,
    country: null,
    city: null,
    vpnOrTor: false,
    dataCenter: false,
  };
}

/** One item of `ip_analyses`, Approved. Fields nobody asked for are null, as the contract allows. */
export function ipAnalysis(facts: CaptureFacts): JsonObject {
  const print = createHash('sha256').update(`${facts.device}|${facts.browserFamily}|${facts.osFamily}`).digest('hex');
  return {
    node_id: 'feature_ip_analysis',
    status: 'Approved',
    device_brand: facts.brand,
    device_model: facts.model,
    browser_family: facts.browserFamily,
    os_family: facts.osFamily,
    platform: facts.platform,
    device_fingerprint: print.slice(0, 32),
    ip_address: facts.address,
    ip_country: facts.country,
    ip_country_code: facts.countryCode,
    ip_state: null,
    ip_city: facts.city,
    latitude: null,
    longitude: null,
    isp: null,
    organization: null,
    is_vpn_or_tor: facts.vpnOrTor,
    is_data_center: facts.dataCenter,
    time_zone: null,
    time_zone_offset: null,
    ip: null,
    id_document: null,
    poa_document: null,
    warnings: [],
    matches: [],
  };
}

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/FxiOS|Firefox\//, 'Firefox'],
  [/(Chrome|CriOS)\/.*Mobile/, 'Chrome Mobile'],
  [/Chrome\/|CriOS\//, 'Chrome'],
  [/Mobile.*Safari\//, 'Mobile Safari'],
  [/Safari\//, 'Safari'],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'Mac OS X'],
  [/CrOS/, 'Chrome OS'],
  [/Linux/, 'Linux'],
];

function firstMatch(userAgent: string, table: readonly (readonly [RegExp, string])[]): string | null {
  return table.find(([pattern]) => pattern.test(userAgent))?.[1] ?? null;
}
