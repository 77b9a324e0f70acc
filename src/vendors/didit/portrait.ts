// Fetches a picture of a face from an address that stood in a decision. The address is the vendor's word, so it is treated
// as anybody's: a forged or mistaken one must not make us read what only we can reach (SSRF, T20). No key goes along, as
// these addresses carry their own signature.

import { lookup as resolve } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import got from 'got';
import { isJpeg } from '../../core/jpeg.ts';
import { isLoopbackAddress, isLoopbackHost, type OutgoingPolicy } from '../../core/outgoing.ts';
import type { PortraitReading } from '../../login/ports.ts';
import { collect, NoAnswer } from './http.ts';

/** What the vendor takes back at a create is 1 MB of base64: a larger picture could never be compared with. */
export const PORTRAIT_MAX_BYTES = 750_000;

/** An approved person waits for it: without a picture the vendor compares with its own. */
const TIMEOUT_MS = 2000;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface PortraitRules {
  readonly outgoing: OutgoingPolicy;
  /** the vendor itself is on this machine and speaks http (a stand-in): then its pictures may too */
  readonly loopback: boolean;
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
  readonly timeoutMs?: number;
}

/** Downloads one JPEG, or says in a word why not. Never throws. */
export async function fetchPortrait(address: string, rules: PortraitRules): Promise<PortraitReading> {
  try {
    const url = new URL(address);
    const target = await admit(url, rules);
    return typeof target === 'string' ? unusable(target) : await download(url, target, rules.timeoutMs ?? TIMEOUT_MS);
  } catch (error) {
    return unusable(error instanceof NoAnswer ? error.reason : 'bad-address');
  }
}

/** Judges the address; @returns where to connect, or why not */
async function admit(url: URL, rules: PortraitRules): Promise<ResolvedAddress | string> {
  const onLoopback = rules.loopback && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && onLoopback)) return 'not-https';
  if (url.username !== '' || url.password !== '') return 'bad-address';
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const found = await within(rules.timeoutMs ?? TIMEOUT_MS, (rules.resolve ?? resolveAll)(hostname)).catch(() => []);
  const [first] = found;
  if (first === undefined) return 'unresolvable';
  // one bad address among good ones is refused as well: which of them gets connected to is up to the resolver's owner
  const fit = found.every(({ address }) =>
    onLoopback ? isLoopbackAddress(address) : rules.outgoing.permits(hostname, address),
  );
  return fit ? first : 'forbidden-address';
}

async function resolveAll(hostname: string): Promise<readonly ResolvedAddress[]> {
  return resolve(hostname, { all: true });
}

async function download(url: URL, target: ResolvedAddress, timeoutMs: number): Promise<PortraitReading> {
  const stream = got.stream(url, {
    headers: { accept: 'image/jpeg', 'user-agent': 'selfie-oidc' },
    timeout: { request: timeoutMs },
    retry: { limit: 0 },
    // a redirect would lead past the judgement above
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    // connects to the very address that was judged: a name may resolve differently the second time
    dnsLookup: pinned(target),
    // no pooled connection, which may have been opened to another address of that name
    agent: { http: new http.Agent({ keepAlive: false }), https: new https.Agent({ keepAlive: false }) },
  });
  const bytes = await collect(stream, PORTRAIT_MAX_BYTES);
  const status = stream.response?.statusCode ?? 0;
  if (status !== 200) return unusable(status >= 300 && status < 400 ? 'redirect' : `status-${status}`);
  return isJpeg(bytes) ? { kind: 'jpeg', bytes: new Uint8Array(bytes) } : unusable('not-jpeg');
}

type LookupCallback = (error: Error | null, address: string | ResolvedAddress[], family?: number) => void;

/** Node asks for one address or for all, depending on how it connects. */
function pinned({ address, family }: ResolvedAddress): never {
  const lookup = (_host: string, options: { all?: boolean }, callback: LookupCallback) => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
  return lookup as never;
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new NoAnswer('timeout')), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function unusable(reason: string): PortraitReading {
  return { kind: 'unusable', reason };
}
