// Addresses in a client's entry: where a browser may be sent back to, and where this server calls.

import { bad, good, type Reading } from './faults.ts';
import { isAllowedOutgoing, isLoopbackHost, isSpecialUseHost } from './network.ts';

const EXACT_LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const DANGEROUS_SCHEMES = new Set([
  'javascript:',
  'vbscript:',
  'data:',
  'blob:',
  'file:',
  'about:',
  'filesystem:',
  'ws:',
  'wss:',
  'ftp:',
]);

/**
 * Judges one redirect URI. Comparison is exact at login time, so a wildcard would match nothing, and a fragment is
 * where the answer goes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8252 §7, native apps
 */
export function readRedirectUri(uri: string, applicationType: 'web' | 'native'): Reading<string> {
  const url = URL.parse(uri);
  if (url === null) return bad('is not an absolute address', 'write it whole: https://app.example.org/callback');
  if (uri.includes('#')) return bad('has a fragment', 'leave out # and what follows');
  if (uri.includes('*')) return bad('has a wildcard', 'write each address whole, one entry for each');
  if (url.username !== '' || url.password !== '') return bad('holds a user name or a password', 'leave them out');
  if (DANGEROUS_SCHEMES.has(url.protocol))
    return bad('has a scheme that must not receive a login', 'write an https address');
  if (url.protocol === 'https:') {
    const loopbackApp = applicationType === 'native' && EXACT_LOOPBACK.has(url.hostname);
    return loopbackApp
      ? bad('is https on loopback, which a native app cannot prove to own', 'write http for loopback')
      : good(uri);
  }
  if (url.protocol === 'http:') {
    return EXACT_LOOPBACK.has(url.hostname)
      ? good(uri)
      : bad(
          'is http on a host that is not this machine',
          'write https; plain http is for localhost, 127.0.0.1 and [::1] only',
        );
  }
  if (applicationType === 'web')
    return bad('has a private scheme', 'write an https address, or application_type: native');
  if (!url.protocol.includes('.'))
    return bad(
      'has a private scheme without a dot, which another app may own',
      'name it after a domain of yours: com.example.app:/callback',
    );
  return good(uri);
}

/** Judges an address a person's browser may open from our pages: https, or http on loopback. */
export function readPageUri(uri: string): Reading<string> {
  const url = URL.parse(uri);
  const plain = url?.protocol === 'http:' && isLoopbackHost(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !plain))
    return bad('is not an https address', 'write an https address');
  return url.username === '' && url.password === ''
    ? good(uri)
    : bad('holds a user name or a password', 'leave them out');
}

/** Judges an address that this server calls. What is special-use is refused at call time unless the operator named it. */
export function readCalledUri(uri: string, outgoingAllow: readonly string[]): Reading<string> {
  const url = URL.parse(uri);
  if (url === null || !/^https?:$/.test(url.protocol)) return bad('is not an https address', 'write an https address');
  if (uri.includes('#')) return bad('has a fragment', 'leave out # and what follows');
  if (url.username !== '' || url.password !== '') return bad('holds a user name or a password', 'leave them out');
  const allowed = isAllowedOutgoing(url.hostname, outgoingAllow);
  if (url.protocol === 'http:' && !allowed && !isLoopbackHost(url.hostname)) {
    return bad(
      'is http on a host that OUTGOING_ALLOW does not name',
      `write https, or add ${url.hostname} to OUTGOING_ALLOW`,
    );
  }
  const refused = isSpecialUseHost(url.hostname) && !allowed;
  return good(
    uri,
    refused
      ? `is a special-use address, and calls to it are refused until OUTGOING_ALLOW names ${url.hostname}`
      : undefined,
  );
}
