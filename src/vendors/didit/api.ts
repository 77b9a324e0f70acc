// The calls to the vendor, each with its path, budget, deadline and number of tries. What comes back is an Answer that the
// vendor really gave (a 2xx or a 4xx); everything else ended here as VendorUnavailable.

import { VendorUnavailable } from '../../core/errors.ts';
import type { Logger, Meter } from '../../login/ports.ts';
import type { SharedNotes } from '../shared-notes.ts';
import { type Breaker, type BreakerOptions, createBreaker } from './breaker.ts';
import { type Answer, type ApiRequest, exchange, NoAnswer } from './http.ts';
import { type Limiter, readRetryAfter, type Timing } from './limits.ts';
import { type Call, PLANS } from './plans.ts';

export interface Api {
  createSession(body: Readonly<Record<string, unknown>>): Promise<Answer>;
  readDecision(sessionId: string, patient: boolean): Promise<Answer>;
  deleteSession(sessionId: string): Promise<Answer>;
  /** @param query as the vendor names and spells it */
  listSessions(query: Readonly<Record<string, string>>): Promise<Answer>;
  importShared(body: Readonly<Record<string, unknown>>): Promise<Answer>;
  deleteUsers(vendorData: readonly string[]): Promise<Answer>;
  readWorkflow(workflowId: string): Promise<Answer>;
  readDestinations(): Promise<Answer>;
}

export interface ApiOptions {
  readonly apiKey: string;
  readonly baseUrl: URL;
  readonly limiter: Limiter;
  readonly notes: SharedNotes;
  readonly store: BreakerOptions['store'];
  readonly timing: Timing;
  readonly meter?: Meter;
  readonly log?: Logger;
  /** for one request; a whole call has its deadline below */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5000;
/** Full jitter up to these, after the first, the second … try. */
const BACKOFF_MS: readonly number[] = [400, 1000];
/** How long a create waits when the vendor runs low and wants a slower pace; a poll just comes again later. */
const MOST_PACING_MS = 2000;
/** Three whole logins that found nobody, and then only a short while: people are waiting. */
const BREAKER = { failuresToOpen: 9, openMs: 3000 };
/** What a look for which nobody waits at the screen may use of its budget. */
const PATIENT_SHARE = 0.5;
/** With less than this left before the deadline a further try only costs. */
const LEAST_MS = 250;

export function createApi(options: ApiOptions): Api {
  const { apiKey, baseUrl, limiter, notes, store, timing, meter, log, timeoutMs = TIMEOUT_MS } = options;
  const base = baseUrl.href.replace(/\/+$/, '');
  const breakers = new Map<Call, Breaker>();

  function breakerOf(call: Call): Breaker {
    // one for each call: a login needs no decision endpoint as long as webhooks come
    const breaker =
      breakers.get(call) ?? createBreaker({ name: call, nowMs: timing.nowMs, notes, store, log, ...BREAKER });
    breakers.set(call, breaker);
    return breaker;
  }

  async function send(
    call: Call,
    method: ApiRequest['method'],
    path: string,
    { json, share = 1 }: { json?: ApiRequest['json']; share?: number } = {},
  ): Promise<Answer> {
    const { tries, deadlineMs } = PLANS[call];
    const endsAtMs = timing.nowMs() + deadlineMs;
    const request = { method, url: `${base}${path}`, headers: { 'x-api-key': apiKey }, ...(json && { json }) };
    for (let attempt = 1; ; attempt++) {
      const outcome = await sendOnce(call, request, Math.min(timeoutMs, endsAtMs - timing.nowMs()), share);
      if (outcome.kind === 'answer') return outcome.answer;
      const unavailable = new VendorUnavailable(`${call}: ${outcome.reason}`, outcome);
      if (outcome.kind === 'final' || attempt >= tries) throw unavailable;
      const backoffMs = timing.random() * (BACKOFF_MS[attempt - 1] ?? 1000);
      const pauseMs = Math.max(backoffMs, (outcome.retryAfterSeconds ?? 0) * 1000);
      if (timing.nowMs() + pauseMs + LEAST_MS > endsAtMs) throw unavailable;
      await timing.sleep(pauseMs);
    }
  }

  /** One try: room, then the wire. */
  async function sendOnce(
    call: Call,
    request: Omit<ApiRequest, 'timeoutMs'>,
    limitMs: number,
    share: number,
  ): Promise<Outcome> {
    const breaker = breakerOf(call);
    const admission = await breaker.admit();
    if (admission.kind === 'open') {
      meter?.count('vendor_requests', { call, result: 'held-back' });
      return {
        kind: 'final',
        reason: 'held back after a row of failures',
        retryAfterSeconds: admission.retryAfterSeconds,
      };
    }
    let full: Awaited<ReturnType<Limiter['take']>>;
    try {
      full = await takeRoom(call, share);
    } catch (error) {
      breaker.withdrawn();
      throw error;
    }
    if (full !== undefined) {
      breaker.withdrawn();
      meter?.count('vendor_requests', { call, result: 'over-budget' });
      return { kind: 'final', reason: 'no room in the request budget', ...full };
    }

    const startedMs = timing.nowMs();
    const outcome = await talk(call, { ...request, timeoutMs: Math.max(1, Math.floor(limitMs)) });
    meter?.observe('vendor_request', (timing.nowMs() - startedMs) / 1000, { call });
    meter?.count('vendor_requests', { call, result: resultOf(outcome) });
    if (outcome.kind !== 'answer') log?.warn({ call, reason: outcome.reason }, 'vendor call failed');
    if (outcome.kind === 'again' || outcome.kind === 'broken') breaker.failed();
    else breaker.succeeded();
    if (outcome.kind === 'broken') return { ...outcome, kind: 'final' };
    return admission.probe && outcome.kind === 'again' ? { ...outcome, kind: 'final' } : outcome;
  }

  /** A decision is counted among reads as well: the documents disagree on which of the two limits it falls under. */
  async function takeRoom(call: Call, share: number): ReturnType<Limiter['take']> {
    const { budget } = PLANS[call];
    const full = await limiter.take(budget, call === 'create' ? MOST_PACING_MS : 0, share);
    return full ?? (budget === 'decision' ? await limiter.take('read') : undefined);
  }

  async function talk(call: Call, request: ApiRequest): Promise<Talk> {
    let answer: Answer;
    try {
      answer = await exchange(request);
    } catch (error) {
      if (error instanceof NoAnswer) return { kind: 'again', reason: error.reason, cause: error };
      throw error;
    }
    limiter.heed(PLANS[call].budget, answer);
    const { status } = answer;
    const retryAfterSeconds = readRetryAfter(answer.headers, timing.nowMs());
    const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    if (status === 429) return { kind: 'final', reason: 'the vendor answered 429', ...wait };
    if (status >= 500) return { kind: 'again', reason: `the vendor answered ${status}`, ...wait };
    if (status < 200 || (status >= 300 && status < 400)) {
      return { kind: 'broken', reason: `the vendor answered ${status}` };
    }
    if (status < 300 && PLANS[call].json && answer.body === undefined) {
      return { kind: 'broken', reason: 'the vendor answered something else than JSON' };
    }
    return { kind: 'answer', answer };
  }

  return {
    createSession: (body) => send('create', 'POST', '/v3/session/', { json: body }),
    readDecision: (id, patient) =>
      send('decision', 'GET', `/v3/session/${id}/decision/`, { share: patient ? PATIENT_SHARE : 1 }),
    deleteSession: (id) => send('delete', 'DELETE', `/v3/session/${id}/delete/`),
    // always patient: a sweep must not take the reads that logins need
    listSessions: (query) => send('list', 'GET', `/v3/sessions/?${encodeQuery(query)}`, { share: PATIENT_SHARE }),
    importShared: (body) => send('import', 'POST', '/v3/session/import-shared/', { json: body }),
    // by name only; the same call would empty the application if it were sent `delete_all`
    deleteUsers: (vendorData) =>
      send('forget', 'POST', '/v3/users/delete/', { json: { vendor_data_list: vendorData } }),
    readWorkflow: (id) => send('workflow', 'GET', `/v3/workflows/${encodeURIComponent(id)}/`),
    readDestinations: () => send('destinations', 'GET', '/v3/webhook/destinations/'),
  };
}

/** A space as `%20`: plus signs are for forms, and "In Review" is one of the vendor's words. */
function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
}

interface Failure {
  readonly reason: string;
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** `again`: another try may do. `final`: it will not, for now. */
type Outcome = { readonly kind: 'answer'; readonly answer: Answer } | ({ readonly kind: 'again' | 'final' } & Failure);
/** `broken`: an answer nobody can read, a failure of the vendor's that a retry does not mend. */
type Talk = Outcome | ({ readonly kind: 'broken' } & Failure);

function resultOf(talk: Talk): string {
  if (talk.kind !== 'answer') return 'unavailable';
  if (talk.answer.status < 300) return 'ok';
  return talk.answer.status === 404 ? 'not-found' : 'refused';
}
