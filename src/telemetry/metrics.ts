// Counters and histograms for Prometheus, by the names operators' dashboards know (design section 9). Every label value
// comes from a closed set: a stranger can neither fill the memory with new series nor put a name into one (T18).

import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Meter } from '../login/ports.ts';
import type { Series } from './summed-series.ts';

type CounterName = Parameters<Meter['count' | 'add']>[0];
type HistogramName = Parameters<Meter['observe']>[0];
type Labels = Readonly<Record<string, readonly string[]>>;

/** What a label may say; anything else is counted as `other`. */
const VALUES = {
  loginOutcome:
    words(`success skipped aborted denied preempted lapsed refused wrong-numbers renewal-waits revoked limited
    conflict vendor-down failed`),
  verificationReason: words('login enrol re-enrol step-up'),
  verificationOutcome:
    words(`opened accepted check-failed approved declined in-review awaiting-user resubmitted not-started
    in-progress not-finished abandoned expired kyc-expired unknown dropped burnt vendor_unavailable vendor_refused`),
  webhookResult: words(`accepted replay ignored unknown-session unsigned bad-signature stale syntax duplicate-keys
    not-a-number number-range lone-surrogate too-deep not-utf8 not-an-object no-session content-type content-encoding
    too-large not-stored`),
  vendorCall: words('create decision delete workflow destinations image list import forget'),
  vendorResult: words('ok not-found refused unavailable held-back over-budget'),
};

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

const COUNTERS: Record<CounterName, { readonly help: string; readonly labels: Labels }> = {
  logins: { help: 'Logins that ended, by how', labels: { outcome: VALUES.loginOutcome } },
  verifications: {
    help: 'Verifications at the vendor, by why they were opened and how they ended',
    labels: { reason: VALUES.verificationReason, outcome: VALUES.verificationOutcome },
  },
  webhooks: { help: 'Deliveries received, by what became of them', labels: { result: VALUES.webhookResult } },
  vendor_requests: {
    help: 'Requests to the vendor, by call and result',
    labels: { call: VALUES.vendorCall, result: VALUES.vendorResult },
  },
  skips: { help: 'Logins let in by a known device without a selfie', labels: {} },
  reviews_held: { help: 'Attempts held because a person at the vendor reviews them', labels: {} },
  spent: {
    help: 'What the verifications cost that the vendor bills, by our reckoning and in its currency, by why they were opened',
    labels: { reason: VALUES.verificationReason },
  },
  saved: { help: 'What logins without a selfie did not cost, in the same currency', labels: {} },
};

const HISTOGRAMS: Record<
  HistogramName,
  { readonly help: string; readonly labels: Labels; readonly buckets: number[] }
> = {
  decision_to_redirect: {
    help: 'Seconds from the decision to the redirect of the waiting browser',
    labels: {},
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300],
  },
  webhook_acknowledged: {
    help: 'Seconds from a delivery to its answer',
    labels: {},
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5],
  },
  vendor_request: {
    help: 'Seconds a request to the vendor took, retries apart',
    labels: { call: VALUES.vendorCall },
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20],
  },
};

/** All series in the text format that `contentType` names. */
export type Exposition = () => Promise<{ readonly contentType: string; readonly text: string }>;

export interface Metrics {
  readonly meter: Meter;
  readonly exposition: Exposition;
  /** the same as data, for adding up with those of other processes (`summed-series.ts`) */
  series(): Promise<Series>;
}

/**
 * A meter with a registry of its own, so that two providers in one process (the tests) do not share series.
 *
 * @param options.processMetrics memory, CPU, event loop lag of the process; on unless told otherwise
 */
export function createMeter(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });

  const counters = mapValues(
    COUNTERS,
    ({ help, labels }, name) =>
      new Counter({ name: `selfie_oidc_${name}_total`, help, labelNames: Object.keys(labels), registers: [registry] }),
  );
  const histograms = mapValues(
    HISTOGRAMS,
    ({ help, labels, buckets }, name) =>
      new Histogram({
        name: `selfie_oidc_${name}_seconds`,
        help,
        labelNames: Object.keys(labels),
        buckets,
        registers: [registry],
      }),
  );

  return {
    meter: {
      count: (name, labels) => counters[name].inc(closed(COUNTERS[name].labels, labels)),
      add(name, amount, labels) {
        if (Number.isFinite(amount) && amount > 0) counters[name].inc(closed(COUNTERS[name].labels, labels), amount);
      },
      observe(name, seconds, labels) {
        // a clock that was set back makes a negative time; a sum must not shrink
        if (Number.isFinite(seconds)) {
          histograms[name].observe(closed(HISTOGRAMS[name].labels, labels), Math.max(0, seconds));
        }
      },
    },
    series: () => registry.getMetricsAsJSON(),
    exposition: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Exactly the labels a metric has, each from its set. */
function closed(allowed: Labels, given: Readonly<Record<string, string>> = {}): Record<string, string> {
  return mapValues(allowed, (values, label) => {
    const value = given[label] ?? '';
    return values.includes(value) ? value : 'other';
  });
}

function mapValues<K extends string, V, R>(from: Readonly<Record<K, V>>, make: (value: V, key: K) => R): Record<K, R> {
  const entries = (Object.entries(from) as [K, V][]).map(([key, value]) => [key, make(value, key)]);
  return Object.fromEntries(entries) as Record<K, R>;
}
