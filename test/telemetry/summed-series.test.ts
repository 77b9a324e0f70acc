// Several processes' metrics as one: nothing is counted twice, and no total falls.

import { expect, test } from '@jest/globals';
import { createMeter } from '../../src/telemetry/metrics.ts';
import { createSummedSeries } from '../../src/telemetry/summed-series.ts';

async function linesOf(sum: ReturnType<typeof createSummedSeries>): Promise<string[]> {
  return (await sum.exposition()).text.split('\n');
}

test('counts and histograms are added, by their labels; the format is that of one process', async () => {
  const [one, two] = [createMeter({ processMetrics: false }), createMeter({ processMetrics: false })];
  const sum = createSummedSeries();
  one.meter.count('logins', { outcome: 'success' });
  two.meter.count('logins', { outcome: 'success' });
  two.meter.count('logins', { outcome: 'denied' });
  one.meter.observe('vendor_request', 0.3, { call: 'create' });
  two.meter.observe('vendor_request', 4, { call: 'create' });
  for (const [id, { series }] of [one, two].entries()) sum.put(id, await series());
  const lines = await linesOf(sum);
  for (const line of [
    '# TYPE selfie_oidc_logins_total counter',
    'selfie_oidc_logins_total{outcome="success"} 2',
    'selfie_oidc_logins_total{outcome="denied"} 1',
    'selfie_oidc_skips_total 0',
    'selfie_oidc_vendor_request_seconds_bucket{le="0.5",call="create"} 1',
    'selfie_oidc_vendor_request_seconds_bucket{le="+Inf",call="create"} 2',
    'selfie_oidc_vendor_request_seconds_sum{call="create"} 4.3',
    'selfie_oidc_vendor_request_seconds_count{call="create"} 2',
  ]) {
    expect(lines).toContain(line);
  }
  const alone = (await one.exposition()).text.split('\n').filter((line) => line.startsWith('#'));
  expect(lines.filter((line) => line.startsWith('#'))).toEqual(alone);
});

test('what a process says anew takes the place of what it said; what it counted stays when it ends', async () => {
  const sum = createSummedSeries();
  const first = createMeter({ processMetrics: false });
  first.meter.count('skips');
  sum.put(1, await first.series());
  first.meter.count('skips');
  sum.put(1, await first.series());
  expect(await linesOf(sum)).toContain('selfie_oidc_skips_total 2');
  const second = createMeter({ processMetrics: false });
  second.meter.count('skips');
  sum.put(2, await second.series());
  const [one, two] = [sum.end(1), sum.end(2)];
  // also while it is being added up
  expect(await linesOf(sum)).toContain('selfie_oidc_skips_total 3');
  await Promise.all([one, two]);
  await sum.end(1);
  expect(await linesOf(sum)).toContain('selfie_oidc_skips_total 3');
  const third = createMeter({ processMetrics: false });
  third.meter.count('skips');
  sum.put(3, await third.series());
  expect(await linesOf(sum)).toContain('selfie_oidc_skips_total 4');
});

test('of a process its memory goes with it, its time on the processor was spent', async () => {
  const valueOf = async (sum: ReturnType<typeof createSummedSeries>, name: string) => {
    const line = (await linesOf(sum)).find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ')[1]);
  };
  const meter = createMeter();
  const sum = createSummedSeries();
  const series = await meter.series();
  sum.put(1, series);
  const alone = await valueOf(sum, 'process_resident_memory_bytes');
  sum.put(2, series);
  expect(await valueOf(sum, 'process_resident_memory_bytes')).toBe(2 * Number(alone));
  const spent = await valueOf(sum, 'process_cpu_seconds_total');
  await Promise.all([sum.end(1), sum.end(2)]);
  expect(await valueOf(sum, 'process_resident_memory_bytes')).toBeUndefined();
  expect(await valueOf(sum, 'process_cpu_seconds_total')).toBe(spent);
});
