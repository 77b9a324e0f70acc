import { describe, expect, test } from '@jest/globals';
import { createMeter } from '../../src/telemetry/metrics.ts';

const quiet = { processMetrics: false };

describe('metrics', () => {
  test('have exactly the published names and labels', async () => {
    const { meter, exposition } = createMeter(quiet);
    meter.count('logins', { outcome: 'success' });
    meter.count('verifications', { reason: 'login', outcome: 'accepted' });
    meter.count('webhooks', { result: 'accepted' });
    meter.count('vendor_requests', { call: 'create', result: 'ok' });
    meter.count('skips');
    meter.count('reviews_held');
    meter.observe('decision_to_redirect', 0.2);
    meter.observe('webhook_acknowledged', 0.002);
    meter.observe('vendor_request', 0.3, { call: 'create' });
    const { text, contentType } = await exposition();
    expect(contentType).toMatch(/^text\/plain/);
    for (const line of [
      'selfie_oidc_logins_total{outcome="success"} 1',
      'selfie_oidc_verifications_total{reason="login",outcome="accepted"} 1',
      'selfie_oidc_webhooks_total{result="accepted"} 1',
      'selfie_oidc_vendor_requests_total{call="create",result="ok"} 1',
      'selfie_oidc_skips_total 1',
      'selfie_oidc_reviews_held_total 1',
      'selfie_oidc_decision_to_redirect_seconds_count 1',
      'selfie_oidc_webhook_acknowledged_seconds_bucket{le="0.002"} 1',
      'selfie_oidc_vendor_request_seconds_sum{call="create"} 0.3',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  test('those without labels stand at nought before anything happened', async () => {
    const { text } = await createMeter(quiet).exposition();
    expect(text).toContain('selfie_oidc_skips_total 0');
    expect(text).toContain('selfie_oidc_reviews_held_total 0');
  });

  test('T18 a label says nothing from outside its set', async () => {
    const { meter, exposition } = createMeter(quiet);
    meter.count('logins', { outcome: 'anna@example.org' });
    meter.count('logins');
    meter.count('webhooks', { result: 'unsigned', person: 'anna' });
    const { text } = await exposition();
    expect(text).toContain('selfie_oidc_logins_total{outcome="other"} 2');
    expect(text).toContain('selfie_oidc_webhooks_total{result="unsigned"} 1');
    expect(text).not.toContain('anna');
  });

  test('a clock that was set back makes no negative time, and nonsense no series', async () => {
    const { meter, exposition } = createMeter(quiet);
    meter.observe('decision_to_redirect', -3);
    meter.observe('decision_to_redirect', Number.NaN);
    const { text } = await exposition();
    expect(text).toContain('selfie_oidc_decision_to_redirect_seconds_sum 0');
    expect(text).toContain('selfie_oidc_decision_to_redirect_seconds_count 1');
  });

  test('two meters in one process count apart, and tell of the process', async () => {
    const first = createMeter();
    const second = createMeter();
    first.meter.count('skips');
    expect((await first.exposition()).text).toContain('selfie_oidc_skips_total 1');
    expect((await second.exposition()).text).toContain('selfie_oidc_skips_total 0');
    expect((await first.exposition()).text).toContain('process_resident_memory_bytes');
  });
});
