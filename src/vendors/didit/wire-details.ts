// The particulars of a decision: the device that did the capture, and whom the document names. Personal data, all of it:
// nothing in here is logged.

import { isIP } from 'node:net';
import type { CaptureAnalysis, Identity } from '../../core/verdict-types.ts';
import type { Json, JsonObject } from './json.ts';

/** What was seen of one device. Each field may be missing, and one that is not as documented is left out. */
export function readAnalysis(item: JsonObject): CaptureAnalysis {
  const { ip_address: address, ip_country_code: country, platform, browser_family: browserFamily } = item;
  const anonymising = readFlag(item.is_vpn_or_tor);
  const dataCentre = readFlag(item.is_data_center);
  return {
    ...(typeof address === 'string' && isIP(address) !== 0 ? { address } : {}),
    ...(typeof country === 'string' && /^[A-Za-z]{2}$/.test(country) ? { country: country.toUpperCase() } : {}),
    ...(platform === 'mobile' || platform === 'tablet' || platform === 'desktop' ? { platform } : {}),
    ...(typeof browserFamily === 'string' && browserFamily !== '' ? { browserFamily: browserFamily.slice(0, 80) } : {}),
    ...(anonymising === undefined ? {} : { anonymising }),
    ...(dataCentre === undefined ? {} : { dataCentre }),
  };
}

/** A flag out of contract is taken for raised: it is there to warn. */
function readFlag(value: Json | undefined): boolean | undefined {
  return value === undefined || value === null ? undefined : value !== false;
}

/** Who the document names; undefined when it names nobody. Only what a scope can release or a match needs is taken. */
export function readIdentity(document: JsonObject): Identity | undefined {
  const fields = {
    givenName: readText(document.first_name),
    familyName: readText(document.last_name),
    fullName: readText(document.full_name),
    birthDate: readText(document.date_of_birth, /^\d{4}-\d{2}-\d{2}$/),
    gender: readText(document.gender),
    documentNumber: readText(document.document_number),
    documentIssuer: readText(document.issuing_state, /^[A-Z]{3}$/),
    nationality: readText(document.nationality, /^[A-Z]{3}$/),
  };
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return known.length === 0 ? undefined : (Object.fromEntries(known) as Identity);
}

function readText(value: Json | undefined, form = /\S/): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return text.length <= 300 && form.test(text) ? text : undefined;
}
