// Which texts are mail addresses to us. Stricter than RFC 5321: no quoted local parts, comments, routes or lists, so that
// an address is one recipient and nothing else, in the envelope as in the header.

import { domainToASCII } from 'node:url';

/** As RFC 5321 §4.5.3.1 allows a path, less its angle brackets. */
const MAX_LENGTH = 254;

/** No space, control or format character, and none of `<>()[],;:"\`, each of which means something to a mail server. */
const LOCAL = /^[^\s\p{C}<>()[\],;:"\\@]{1,64}$/u;
const DOMAIN = /^(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i;

/** True for one plain address, `somebody@example.org`; letters of any alphabet, host names of one label too. */
export function isMailAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || text.length > MAX_LENGTH) return false;
  return LOCAL.test(text.slice(0, at)) && DOMAIN.test(domainOf(text));
}

/** The part after the @, as DNS writes it; empty when no host can have that name. */
export function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  return /[\s\p{C}%]/u.test(domain) ? '' : domainToASCII(domain);
}
