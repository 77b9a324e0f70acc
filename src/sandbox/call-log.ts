/** What the API was asked, for tests to look at: portraits appear as length and hash only, keys as "there was one". */
import type { CallName } from './faults.ts';
import { sha256 } from './pictures.ts';
import type { JsonObject } from './types.ts';

export interface ApiCall {
  /** Epoch seconds, by the stand-in's clock. */
  readonly at: number;
  readonly call: CallName;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** The JSON sent; `portrait_image` is replaced by `{ bytes, sha256, base64_length }` of what it holds. */
  readonly body: unknown;
  readonly apiKey: 'right' | 'wrong' | 'none';
  readonly userAgent: string;
  /** What was answered; 0 while under way, or when nothing was. */
  status: number;
}

export type CallLog = ReturnType<typeof createCallLog>;

export function createCallLog() {
  const calls: ApiCall[] = [];
  return {
    add(call: ApiCall): ApiCall {
      calls.push(call);
      return call;
    },
    all: (): readonly ApiCall[] => [...calls],
    clear(): void {
      calls.length = 0;
    },
  };
}

/** A request body fit to be kept. */
export function withoutPortrait(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const portrait: unknown = (body as JsonObject).portrait_image;
  if (typeof portrait !== 'string') return body;
  const bytes = Buffer.from(portrait, 'base64');
  return { ...body, portrait_image: { bytes: bytes.length, sha256: sha256(bytes), base64_length: portrait.length } };
}
