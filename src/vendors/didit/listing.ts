// The vendor's list of sessions by status, for a sweep that catches what no webhook told. The contract names the filters and
// the paging, not the form of the answer: a bare list is read, or an object that holds one under `results` as the vendor's
// other lists do; anything else is out of contract. An entry is taken for its id and status alone, whatever else is in it.

import { VendorUnavailable } from '../../core/errors.ts';
import type { VerificationStatus } from '../../core/verdict-types.ts';
import type { IdentityVendor } from '../../login/ports.ts';
import type { Api } from './api.ts';
import { refusal } from './faults.ts';
import type { Answer } from './http.ts';
import { isObject, type Json } from './json.ts';
import { isSessionId, readStatus, wordOfStatus } from './wire.ts';

type Listed = Awaited<ReturnType<IdentityVendor['listVerifications']>>[number];

/** How many of the vendor's pages one of ours may cost; a list that needs more is not the list that was asked for. */
const MOST_PAGES = 5;

/**
 * Makes `listVerifications`. Entries that cannot be read, or stand otherwise than asked, are left out, and their places are
 * filled from what follows: a page shorter than `limit` must mean the end, or a sweep stops at the first odd entry. What was
 * moved up in this way comes again on the next page.
 */
export function createLister({
  api,
}: {
  readonly api: Pick<Api, 'listSessions'>;
}): IdentityVendor['listVerifications'] {
  return async function listVerifications({ status, offset, limit }) {
    const word = wordOfStatus(status);
    // there is no word to ask for what has no word
    if (word === undefined || limit < 1) return [];
    const found: Listed[] = [];
    let at = offset;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await api.listSessions({ status: word, offset: String(at), limit: String(limit) });
      if (answer.status >= 300) throw refusal('list', answer);
      const { entries, more } = readPage(answer, limit);
      found.push(...entries.flatMap((entry) => readEntry(entry, status)));
      if (found.length >= limit || !more) return found.slice(0, limit);
      at += entries.length;
    }
    throw outOfContract();
  };
}

/** `more`: whether anything follows, by the vendor's own word (`next`) where it gives one, else by the page being full. */
function readPage({ body }: Answer, limit: number): { readonly entries: readonly Json[]; readonly more: boolean } {
  const list = isObject(body) ? body.results : body;
  if (!Array.isArray(list)) throw outOfContract();
  const entries = list as readonly Json[];
  const next = isObject(body) ? body.next : undefined;
  const more = next === undefined ? entries.length >= limit : typeof next === 'string';
  return { entries, more: more && entries.length > 0 };
}

function readEntry(entry: Json, wanted: VerificationStatus): readonly Listed[] {
  if (!isObject(entry) || !isSessionId(entry.session_id)) return [];
  const status = readStatus(entry.status);
  return status === wanted ? [{ verificationId: entry.session_id, status }] : [];
}

function outOfContract(): VendorUnavailable {
  return new VendorUnavailable('list: the vendor answered out of contract');
}
