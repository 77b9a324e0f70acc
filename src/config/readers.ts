// How one setting's text becomes a value. A reader never repeats what it was given, unless it is a word or a number
// that cannot be a secret: an operator's typing mistake must not put a key into a log.

import { bad, good, quote, type Reading } from './faults.ts';
import { nearest } from './nearest.ts';
import { isHostName, isLoopbackHost, readRange } from './network.ts';

export interface Mode {
  readonly production: boolean;
}

export type Reader<T> = (text: string, mode: Mode) => Reading<T>;

export function word<const T extends string>(...words: readonly T[]): Reader<T> {
  return (text) => {
    const found = words.find((candidate) => candidate === text);
    if (found !== undefined) return good(found);
    const meant = nearest(text, words);
    return bad(
      `${quote(text)} is not one of ${words.join(', ')}`,
      meant ? `did you mean ${meant}?` : `write one of ${words.join(', ')}`,
    );
  };
}

export const readBoolean: Reader<boolean> = (text) => {
  if (text === 'true') return good(true);
  if (text === 'false') return good(false);
  return bad(`${quote(text)} is neither true nor false`, 'write true or false');
};

export function wholeNumber(least: number, most: number): Reader<number> {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return good(value);
    return bad(
      `${quote(text)} is not a whole number from ${least} to ${most}`,
      `write a number from ${least} to ${most}`,
    );
  };
}

/** Words between commas (or, in a file, on lines of their own), trimmed; empty ones are dropped. */
export function splitList(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** "in entry 2 of the list": which members are meant, without saying what they hold. */
export function entries(indexes: readonly number[]): string {
  const numbers = indexes.map((index) => index + 1);
  if (numbers.length === 1) return `in entry ${numbers[0]} of the list`;
  return `in entries ${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1)} of the list`;
}

export const readText: Reader<string> = (text) => good(text);

/** Where this server can be bound: an address, or `localhost`, or a name of this machine. */
export const readHost: Reader<string> = (text) => {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (readRange(bare) !== undefined && !bare.includes('/')) return good(bare);
  if (isHostName(bare)) return good(bare);
  return bad(
    'is neither an address nor a host name',
    'write an address to listen on, without scheme and port: 0.0.0.0',
  );
};

/** An origin and nothing more: oidc-provider is not mounted under a path here. */
export const readIssuer: Reader<string> = (text, { production }) => {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(text)) {
    return bad('is not an http or https URL', 'write the public address: https://login.example.org');
  }
  if (url.username !== '' || url.password !== '') {
    return bad('holds a user name or a password', 'write scheme, host and port only');
  }
  const right = production ? `https://${url.host}` : url.origin;
  if (production && url.protocol !== 'https:') {
    return bad('must be https in production', `write ${right} and end TLS in front of this server`);
  }
  if (text.includes('?') || text.includes('#')) return bad('has a query or a fragment', `write ${right}`);
  if (url.pathname !== '/') {
    return bad('has a path, under which this provider cannot be mounted', `write ${right}, on a host name of its own`);
  }
  if (text.endsWith('/')) return bad('ends in a slash', `write ${right}`);
  if (url.origin !== text) {
    return bad('is not written as a browser writes it (lower case, no default port)', `write ${right}`);
  }
  const plain = url.protocol === 'http:' && !isLoopbackHost(url.hostname);
  return good(
    text,
    plain ? 'http on a host that is not this machine: browsers send Secure cookies over https only' : undefined,
  );
};

/** An https base, or http on this machine; given back without the slash at the end. */
export const readVendorBase: Reader<string> = (text) => {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    return bad('is not an https URL', 'write https://verification.didit.me or leave it out');
  if (url.username !== '' || url.password !== '')
    return bad('holds a user name or a password', 'write scheme, host and port only');
  if (text.includes('?') || text.includes('#'))
    return bad('has a query or a fragment', 'write scheme, host and, if need be, a path');
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    return bad('is http on a host that is not this machine', 'write https; plain http is for loopback only');
  const base = url.href.replace(/\/+$/, '');
  const version = /\/v\d+$/.exec(base)?.[0];
  if (version !== undefined)
    return bad(`ends in ${version}, which is added to it for each request`, `write ${base.slice(0, -version.length)}`);
  return good(base);
};

/** A workflow's id as the vendor's console shows it. */
export const readWorkflow: Reader<string> = (text) => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text))
    return bad('is not a workflow id', "copy the workflow's id (a UUID, not its name) from the vendor's console");
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
  return good(
    text,
    uuid
      ? undefined
      : 'is not a UUID, as workflow ids of this vendor are: make sure that it is the id and not the name',
  );
};

/** How many proxies stand in front, or which. `0` is none. */
export const readTrustProxy: Reader<{ hops: number } | { cidrs: string[] } | undefined> = (text) => {
  const fix = 'write how many proxies stand in front (1), or their addresses: 10.0.0.0/8, 192.0.2.7';
  if (/^\d+$/.test(text)) {
    const hops = Number(text);
    return hops > 16 ? bad(`${quote(text)} proxies are more than 16`, fix) : good(hops === 0 ? undefined : { hops });
  }
  const parts = splitList(text);
  const ranges = parts.map(readRange);
  const wrong = ranges.flatMap((range, index) => (range === undefined ? [index] : []));
  if (parts.length === 0) return bad('holds no entry', fix);
  if (wrong.length > 0) return bad(`is neither a number of proxies nor address ranges: ${entries(wrong)}`, fix);
  if (ranges.some((range) => range?.bits === 0)) return bad('believes every address there is', fix);
  return good({ cidrs: ranges.flatMap((range) => (range ? [range.cidr] : [])) });
};

/** Hosts and ranges; never everything at once, which would be a switch that turns the guard off. */
export const readOutgoingAllow: Reader<string[]> = (text) => {
  const parts = splitList(text);
  const fix = 'write hosts or ranges, without scheme and port: logout.internal, 10.1.2.0/24';
  const wrong = parts.flatMap((part, index) => (readRange(part) === undefined && !isHostName(part) ? [index] : []));
  if (wrong.length > 0) return bad(`is neither host name nor address range ${entries(wrong)}`, fix);
  if (parts.some((part) => readRange(part)?.bits === 0)) return bad('allows every address there is', fix);
  return good(parts.map((part) => readRange(part)?.cidr ?? part.toLowerCase()));
};
