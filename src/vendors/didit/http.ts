// One request and its answer, bounded in time and size, redirects never followed (a key must not travel to another host).
// What the answer means is decided elsewhere; that there was none is `NoAnswer`.

import type { Readable } from 'node:stream';
import got from 'got';
import { readJson } from './canonical.ts';
import type { Json } from './json.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** undefined when it was no JSON: an HTML page, an empty body, a repeated key */
  readonly body: Json | undefined;
}

/** A decision with every feature has some 100 kB. */
const MAX_ANSWER_BYTES = 4_194_304;

/** Nothing usable came back: refused, reset, too slow, too large. `reason` is a short code without an address in it. */
export class NoAnswer extends Error {
  readonly reason: string;
  constructor(reason: string) {
    // not with got's error as its cause: that one carries the request, key and all, into whatever log prints it
    super(`no answer: ${reason}`);
    this.name = 'NoAnswer';
    this.reason = reason;
  }
}

/** What all calls share is checked by got once, and not with each of them. */
const client = got.extend({
  headers: { accept: 'application/json', 'user-agent': 'selfie-oidc' },
  retry: { limit: 0 },
  followRedirect: false,
  throwHttpErrors: false,
});

/** @throws NoAnswer */
export async function exchange(request: ApiRequest): Promise<Answer> {
  const stream = client.stream(request.url, {
    method: request.method,
    headers: request.headers,
    ...(request.json === undefined ? {} : { json: request.json }),
    timeout: { request: request.timeoutMs },
  });
  // got keeps a stream of a method that may have a body open until somebody ends it
  if (request.method === 'DELETE') stream.end();
  const bytes = await collect(stream, MAX_ANSWER_BYTES);
  const response = stream.response;
  if (response === undefined) throw new NoAnswer('no-response');
  return { status: response.statusCode, headers: response.headers, body: readBody(bytes) };
}

/**
 * Reads a stream to its end, or breaks off: an endless answer must not fill the memory.
 *
 * @throws NoAnswer
 */
export function collect(stream: Readable, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  return new Promise((resolve, reject) => {
    stream.on('data', (bytes: Buffer) => {
      total += bytes.byteLength;
      parts.push(bytes);
      if (total <= maxBytes) return;
      reject(new NoAnswer('too-large'));
      // and with the stream its connection
      stream.destroy();
    });
    stream.once('end', () => resolve(Buffer.concat(parts, total)));
    stream.once('error', (error) => reject(error instanceof NoAnswer ? error : new NoAnswer(reasonOf(error))));
    // after an end or an error it says nothing new
    stream.once('close', () => reject(new NoAnswer('cut-off')));
  });
}

function readBody(bytes: Buffer): Json | undefined {
  const reading = readJson(bytes.toString('utf8'));
  return reading.ok && !reading.duplicateKeys ? reading.value : undefined;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';
  return /^[A-Z0-9_]{1,40}$/.test(code) ? code.toLowerCase() : 'failed';
}
