// The stand-in's hand, over HTTP: what it has, and what shall go wrong at it.

import { send } from '../bench/web-client.ts';
import type { CallName, FaultSpec } from '../src/sandbox/faults.ts';
import type { SessionSnapshot } from '../src/sandbox/snapshot.ts';

export interface Vendor {
  sessions(): Promise<readonly SessionSnapshot[]>;
  fault(call: CallName, spec: FaultSpec): Promise<void>;
  clearFaults(): Promise<void>;
  /** sends what mode `late` held */
  release(): Promise<void>;
}

export function vendorAt(url: string): Vendor {
  async function ask<T>(path: string, method: 'GET' | 'POST' | 'DELETE' = 'GET', body?: object): Promise<T> {
    const answer = await send(`${url}/_control/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
    });
    if (answer.status !== 200) throw new Error(`the stand-in's ${path} answered ${answer.status}: ${answer.text}`);
    return JSON.parse(answer.text) as T;
  }
  return {
    sessions: () => ask('sessions'),
    fault: (call, spec) => ask('faults', 'POST', { call, ...spec }),
    clearFaults: () => ask('faults', 'DELETE'),
    release: () => ask('release', 'POST'),
  };
}

/** The attempt that a session was opened for last, as its metadata says. */
export function attemptOf({ metadata }: SessionSnapshot): string {
  const sent = typeof metadata === 'string' ? JSON.parse(metadata) : metadata;
  return String((sent as { attempt_id?: string } | null)?.attempt_id);
}
