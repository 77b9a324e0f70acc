// What an answer that is no success means for a login: whose fault it is, and whether asking again helps. The vendor's own
// words stay out of our errors, since they may quote what we sent; the names of fields and the status are enough to act on.

import {
  type AppError,
  SharedVerificationRefused,
  VendorPortraitMissing,
  VendorRefused,
  VendorSubjectBlocked,
} from '../../core/errors.ts';
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

/**
 * The error for a 4xx at the import of a shared session. The vendor answers 401 and 403 both about the token (bad or expired;
 * meant for another application, or imported before) and about our own key, and documents the words of one of them only: the
 * sentence of a 403 for a missing, wrong or unprivileged key. That sentence, and words that name a key or credit, are ours to
 * mend; every other 401, 403 or 404 is the token's. A key that fails in words of another kind is thus taken for a bad token
 * here, and for what it is at the next call of any other kind.
 */
export function importFault(answer: Answer): AppError {
  const said = wordsOf(answer);
  const ofToken = TOKEN_REFUSED.has(answer.status) && !OURS_TO_MEND.test(said) && !complainsOfWorkflow(answer, said);
  if (!ofToken && !complainsOf(answer, 'share_token')) return new VendorRefused(describe('import', answer));
  return new SharedVerificationRefused(`import: the vendor does not hand it over (${answer.status})`);
}

const TOKEN_REFUSED: ReadonlySet<number> = new Set([401, 403, 404]);
const OURS_TO_MEND =
  /permission to perform this action|authentication credentials|api[ _-]?key|not enough credit|insufficient (?:balance|credit)/i;

function complainsOfWorkflow(answer: Answer, said: string): boolean {
  return faultFields(answer).some((name) => name.startsWith('workflow')) || /\bworkflow\b/i.test(said);
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
