// Readers of settings that are secrets, in whole or in part. Outside production they need only be usable; in
// production a weak one stops the start. They speak of entries by number and never of what those hold.

import { PUBLISHED_SECRETS } from './demo.ts';
import { bad, good, type Reading } from './faults.ts';
import { isLoopbackHost } from './network.ts';
import { entries, type Reader, splitList } from './readers.ts';

function indexesWhere<T>(list: readonly T[], test: (item: T, index: number) => boolean): number[] {
  return list.flatMap((item, index) => (test(item, index) ? [index] : []));
}

/** The checks that every list of secrets shares; undefined when nothing is wrong. */
function judgeList(
  parts: readonly string[],
  leastLength: number,
  production: boolean,
  fix: string,
): Reading<never> | undefined {
  if (parts.length === 0) return bad('holds no entry', fix);
  const twice = indexesWhere(parts, (part, index) => parts.indexOf(part) !== index);
  if (twice.length > 0) return bad(`repeats an earlier one ${entries(twice)}`, 'write each one once, newest first');
  const short = indexesWhere(parts, (part) => part.length < leastLength);
  if (production && short.length > 0) return bad(`has fewer than ${leastLength} characters ${entries(short)}`, fix);
  const known = indexesWhere(parts, (part) => PUBLISHED_SECRETS.has(part));
  if (production && known.length > 0) return bad(`is a published example ${entries(known)}`, fix);
  return undefined;
}

/** Letters all alike pass the length and guard little. */
function warnIfDull(parts: readonly string[], production: boolean): string | undefined {
  return production && parts.some((part) => new Set(part).size < 8)
    ? 'has an entry made of fewer than eight different characters: is it random?'
    : undefined;
}

export const readCookieKeys: Reader<string[]> = (text, { production }) => {
  const parts = splitList(text);
  const fault = judgeList(parts, 32, production, 'make one with: openssl rand -base64 48');
  return fault ?? good(parts, warnIfDull(parts, production));
};

export const readWebhookSecrets: Reader<string[]> = (text, { production }) => {
  const parts = splitList(text);
  const fault = judgeList(
    parts,
    16,
    production,
    "copy the secret of the webhook destination from the vendor's console",
  );
  return fault ?? good(parts, warnIfDull(parts, production));
};

/** AES-256 keys: exactly 32 bytes each, base64url (an `=` at the end is forgiven). Wrong lengths are wrong everywhere. */
export const readDataKeys: Reader<Uint8Array[]> = (text, { production }) => {
  const parts = splitList(text);
  const fix = "make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='";
  const fault = judgeList(parts, 1, production, fix);
  if (fault) return fault;
  const malformed = indexesWhere(parts, (part) => !/^[A-Za-z0-9_-]+={0,2}$/.test(part));
  if (malformed.length > 0) return bad(`is not base64url ${entries(malformed)}`, fix);
  const keys = parts.map((part) => new Uint8Array(Buffer.from(part, 'base64url')));
  const wrong = indexesWhere(keys, (key) => key.length !== 32);
  if (wrong.length > 0) return bad(`is not exactly 32 bytes ${entries(wrong)}`, fix);
  const dull = indexesWhere(keys, (key) => new Set(key).size < 8);
  if (production && dull.length > 0) return bad(`is not random ${entries(dull)}`, fix);
  return good(keys);
};

function singleSecret(leastLength: number, fix: string): Reader<string> {
  return (text, { production }) => {
    if (/[^\x21-\x7e]/.test(text)) return bad('holds spaces or characters outside ASCII', fix);
    if (production && text.length < leastLength) return bad(`has fewer than ${leastLength} characters`, fix);
    if (production && PUBLISHED_SECRETS.has(text)) return bad('is a published example', fix);
    return good(text);
  };
}

export const readApiKey = singleSecret(8, "copy the key from the vendor's console");
export const readMetricsToken = singleSecret(16, 'make one with: openssl rand -hex 24');

export const readSmtpUrl: Reader<string> = (text) => {
  const url = URL.parse(text);
  const fix = 'write smtps://user:password@mail.example.org:465 (smtp: for STARTTLS), the password percent-encoded';
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '')
    return bad('is not an smtp or smtps URL', fix);
  // the mail library would take options from here, "do not verify certificates" among them
  if (url.search !== '' || url.hash !== '' || !/^\/?$/.test(url.pathname))
    return bad('has more behind its host and port, where nothing may be', fix);
  const plain = url.protocol === 'smtp:' && url.password !== '' && !isLoopbackHost(url.hostname);
  return good(text, plain ? 'sends the password over a connection that begins unencrypted: prefer smtps' : undefined);
};

export const readMailFrom: Reader<string> = (text) => {
  const address = /^(?:[^<>"\r\n]*<([^<>\s]+)>|([^<>\s]+))$/.exec(text);
  const mailbox = address?.[1] ?? address?.[2] ?? '';
  if (/^[^@\s]+@[^@\s]+$/.test(mailbox)) return good(text);
  return bad('is not a mail address', 'write login@example.org or: Example Login <login@example.org>');
};

/** A URL as it may be printed: no password, no query. */
export function maskUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) return '[secret]';
  if (url.host === '') return text;
  const user = url.username === '' ? '' : `${url.username}${url.password === '' ? '' : ':[secret]'}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}`;
}
