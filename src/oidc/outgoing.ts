// Requests of the library to addresses that a client's entry names: logout endpoints, key sets, sector files (T20). The address is
// judged after it was resolved and connected to as judged; redirects are not followed; time and size are bounded.

import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import got from 'got';
import type { OutgoingPolicy } from '../core/outgoing.ts';

const TIMEOUT_MS = 2_500;
const MAX_BYTES = 512 * 1024;
/** Statuses that carry no body (Fetch §2.2.3): a Response refuses one. */
const WITHOUT_BODY = new Set([101, 204, 205, 304]);

export class OutgoingRefused extends Error {
  readonly code = 'outgoing_refused';
}

/** A `fetch` for oidc-provider's configuration. @throws OutgoingRefused for a special-use address that is not allowed */
export function createGuardedFetch(policy: OutgoingPolicy) {
  return async function guardedFetch(target: URL | string | Request, options: RequestInit = {}): Promise<Response> {
    const url = new URL(target instanceof Request ? target.url : target);
    const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const addresses = await inTime(lookup(hostname, { all: true }), `${url.host} could not be resolved in time`);
    const [address] = addresses;
    // one bad address among good ones is refused as well: which is connected to is up to whoever runs the name
    if (!address || !addresses.every((each) => policy.permits(hostname, each.address))) {
      throw new OutgoingRefused(`${url.host} is a special-use address; name it in OUTGOING_ALLOW if it is yours`);
    }
    const stream = got.stream(url, {
      method: (options.method ?? 'GET') as 'GET' | 'POST',
      headers: Object.fromEntries(new Headers(options.headers)),
      ...(options.body === undefined || options.body === null ? {} : { body: String(options.body) }),
      timeout: { request: TIMEOUT_MS },
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      dnsLookup: pinnedTo(address) as never,
      agent: { http: new http.Agent({ keepAlive: false }), https: new https.Agent({ keepAlive: false }) },
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) {
        stream.destroy();
        throw new OutgoingRefused(`${url.host} answered with more than ${MAX_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
    const status = stream.response?.statusCode ?? 502;
    const headers = new Headers();
    for (const [name, value] of Object.entries(stream.response?.headers ?? {})) {
      if (typeof value === 'string') headers.set(name, value);
    }
    return new Response(WITHOUT_BODY.has(status) ? null : Buffer.concat(chunks), { status, headers });
  };
}

/** A resolver may take half a minute to give up, and `lookup` takes no signal. */
async function inTime<T>(work: Promise<T>, problem: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(problem)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Callback = (error: null, address: string | { address: string; family: number }[], family?: number) => void;

function pinnedTo({ address, family }: { address: string; family: number }) {
  return (_hostname: string, options: { all?: boolean }, callback: Callback) => {
    if (options.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}
