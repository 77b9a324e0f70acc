// What an answer that is no success means for a login: whose fault it is, and whether asking again helps. The vendor's own
// words stay out of our errors, since they may quote what we sent; the names of fields and the status are enough to act on.

import { type AppError, VendorPortraitMissing, VendorRefused, VendorSubjectBlocked } from '../../core/errors.ts';
import type { Answer } from './http.ts';
import { isObject } from './json.ts';

/** The names a 400 is keyed by; none for a bare list, text, or a page. */
export function faultFields(answer: Answer): readonly string[] {
  if (!isObject(answer.body)) return [];
  return Object.keys(answer.body).filter((name) => /^[a-z_]{1,40}$/.test(name));
}

/** Whether a 400 complains of this field, keyed by it or naming it in a sentence. */
export function complainsOf(answer: Answer, field: string): boolean {
  if (answer.status !== 400) return false;
  return faultFields(answer).includes(field) || new RegExp(`\\b${field}\\b`).test(wordsOf(answer));
}

/**
 * The error for a 3xx or 4xx at a create that no second try can mend.
 *
 * @param sentPortrait without a portrait of ours, a complaint about it means that the vendor keeps no face either
 */
export function createFault(answer: Answer, sentPortrait: boolean): AppError {
  const fields = faultFields(answer);
  const message = describe('create', answer);
  if (answer.status !== 400 || fields.some((name) => name.startsWith('workflow_'))) return new VendorRefused(message);
  if (fields.includes('vendor_data')) return new VendorSubjectBlocked(message);
  if (fields.includes('portrait_image')) {
    const none = /no stored face|portrait image is required/i.test(wordsOf(answer));
    return none || !sentPortrait ? new VendorPortraitMissing(message) : new VendorRefused(message);
  }
  return new VendorRefused(message);
}

export function refusal(call: string, answer: Answer): VendorRefused {
  return new VendorRefused(describe(call, answer));
}

/** Status and field names, nothing of the vendor's text. */
function describe(call: string, answer: Answer): string {
  const fields = faultFields(answer);
  const hint = HINTS[answer.status];
  return [
    `${call}: the vendor answered ${answer.status}`,
    ...(fields.length === 0 ? [] : [`about ${fields.join(', ')}`]),
    ...(hint === undefined ? [] : [`(${hint})`]),
  ].join(' ');
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'check DIDIT_API_KEY and the credit',
  402: 'check the credit',
  403: 'check DIDIT_API_KEY, its scopes and addresses, and the credit',
};

function wordsOf(answer: Answer): string {
  return answer.body === undefined ? '' : JSON.stringify(answer.body).slice(0, 4000);
}
