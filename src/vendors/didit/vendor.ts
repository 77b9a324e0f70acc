// Didit as an identity vendor: puts the parts of this folder together behind the port. Nothing is decided about a login
// here; an id, a verdict and typed errors are all that leaves.

import { VendorUnavailable } from '../../core/errors.ts';
import { isLoopbackHost, type OutgoingPolicy } from '../../core/outgoing.ts';
import type { Bus, Clock, IdentityVendor, Logger, Meter, Store } from '../../login/ports.ts';
import { createSharedNotes } from '../shared-notes.ts';
import { createApi } from './api.ts';
import { refusal } from './faults.ts';
import { inspectVendor, type Workflows } from './inspect.ts';
import { createLimiter, realTiming, type Timing } from './limits.ts';
import { createLister } from './listing.ts';
import { fetchPortrait, type PortraitRules } from './portrait.ts';
import { createOpener } from './session.ts';
import { createImporter } from './sharing.ts';
import { readDelivery } from './webhook.ts';
import { isSessionId, verdictOfDecision } from './wire.ts';

export interface DiditOptions {
  readonly apiKey: string;
  /** as UTF-8 text, newest first; any of them may have signed */
  readonly webhookSecrets: readonly string[];
  /** https, or http on loopback */
  readonly baseUrl: string;
  /** whose verdicts are ours; verdicts carry what the vendor named, the verdict check compares */
  readonly environment: 'live' | 'sandbox';
  /** `workflow_type` in a create: announced by the vendor, missing in its reference; left out by itself after a complaint */
  readonly sendWorkflowType?: boolean;
  readonly workflows: Workflows;
  readonly limits: { readonly createsPerMinute: number; readonly decisionsPerMinute: number };
  /** where processes count together, and leave each other notes */
  readonly store: Pick<Store, 'increment' | 'get' | 'update' | 'putIfAbsent' | 'delete'>;
  readonly bus: Bus;
  readonly outgoingPolicy: OutgoingPolicy;
  readonly clock: Clock;
  readonly meter?: Meter;
  readonly log?: Logger;
  /** for tests: milliseconds, sleeping and chance, name resolution, the time one request may take */
  readonly timing?: Timing;
  readonly resolve?: PortraitRules['resolve'];
  readonly timeoutMs?: number;
}

const ABOUT = { name: 'Didit', privacyUri: 'https://didit.me/terms/privacy-policy' } as const;

/** Documented for the whole key, beside those of create and decision. */
const READS_PER_MINUTE = 300;
const WRITES_PER_MINUTE = 300;

/** @throws TypeError for a base that would send the key in the clear, or a secret anyone could sign with */
export function createDiditVendor(options: DiditOptions): IdentityVendor {
  const { apiKey, webhookSecrets, workflows, limits, store, bus, clock, meter, log, timing = realTiming } = options;
  const baseUrl = new URL(options.baseUrl);
  const loopback = baseUrl.protocol === 'http:' && isLoopbackHost(baseUrl.hostname);
  if (baseUrl.protocol !== 'https:' && !loopback)
    throw new TypeError('the base URL must be https, or http on loopback');
  if (webhookSecrets.includes('')) throw new TypeError('a webhook secret is empty');

  const notes = createSharedNotes({ name: 'didit', store, bus, nowMs: timing.nowMs, log });
  const limiter = createLimiter({
    perMinute: {
      create: limits.createsPerMinute,
      decision: limits.decisionsPerMinute,
      read: READS_PER_MINUTE,
      write: WRITES_PER_MINUTE,
    },
    counters: store,
    notes,
    timing,
  });
  const api = createApi({
    apiKey,
    baseUrl,
    limiter,
    notes,
    store,
    timing,
    ...(meter === undefined ? {} : { meter }),
    ...(log === undefined ? {} : { log }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  const portraitRules: PortraitRules = {
    outgoing: options.outgoingPolicy,
    loopback,
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };

  return {
    about: ABOUT,
    openVerification: createOpener({
      api,
      enrolWorkflow: workflows.enrol,
      sendWorkflowType: options.sendWorkflowType ?? true,
    }),

    async readVerification(verificationId, { patient = false } = {}) {
      // an id of another form is unknown by definition, and must not reach a path
      if (!isSessionId(verificationId)) return undefined;
      const answer = await api.readDecision(verificationId, patient);
      if (answer.status === 404) return undefined;
      if (answer.status >= 300) throw refusal('decision', answer);
      const verdict = verdictOfDecision(answer.body, verificationId, clock.now());
      if (verdict === undefined) throw new VendorUnavailable('decision: the vendor answered out of contract');
      return verdict;
    },

    async deleteVerification(verificationId) {
      if (!isSessionId(verificationId)) return;
      const answer = await api.deleteSession(verificationId);
      if (answer.status >= 300 && answer.status !== 404) throw refusal('delete', answer);
    },

    async forgetSubject(subject) {
      // nobody has no name, and a list that names nobody is not to be sent to an endpoint that can delete all
      if (subject === '') return;
      const answer = await api.deleteUsers([subject]);
      if (answer.status >= 300 && answer.status !== 404) throw refusal('forget', answer);
    },

    listVerifications: createLister({ api }),
    importShared: createImporter({ api }),

    fetchPortrait: (url) => fetchPortrait(url, portraitRules),

    readDelivery: (delivery) =>
      readDelivery(delivery, {
        secrets: webhookSecrets,
        now: clock.now(),
        onSigned: (form) => log?.debug({ form }, 'webhook signature matched'),
      }),

    inspect: ({ webhookUrl }) => inspectVendor({ ...options, api, webhookUrl }),
  };
}
