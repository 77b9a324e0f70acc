// `check --vendor`: what is found in a console that does not fit the configuration.

import { describe, expect, test } from '@jest/globals';
import { VendorUnavailable } from '../../src/core/errors.ts';
import { readJson } from '../../src/vendors/didit/canonical.ts';
import { inspectVendor } from '../../src/vendors/didit/inspect.ts';
import type { Json } from '../../src/vendors/didit/json.ts';
import { OTHER_SECRET, SECRET } from './deliveries.ts';
import { WORKFLOWS } from './didit.ts';

const URL_OF_OURS = 'https://id.example/webhooks/didit';
const good = {
  uuid: 'd1',
  url: URL_OF_OURS,
  enabled: true,
  webhook_version: 'v3',
  subscribed_events: ['status.updated', 'data.updated'],
};

function workflow(method: string | undefined, features = ['LIVENESS', 'FACE_MATCH']): unknown {
  return { features: features.map((feature) => ({ feature, config: { face_liveness_method: method } })) };
}

function answer(body: unknown, status = 200) {
  const reading = readJson(JSON.stringify(body ?? null));
  return Promise.resolve({ status, headers: {}, body: reading.ok ? reading.value : (undefined as Json | undefined) });
}

async function inspect(parts: { workflows?: Record<string, unknown>; destinations?: unknown; status?: number }) {
  const workflows: Record<string, unknown> = {
    [WORKFLOWS.enrol]: workflow('PASSIVE'),
    [WORKFLOWS.passive]: workflow('passive'),
    [WORKFLOWS.active]: workflow('ACTIVE_3D'),
    ...parts.workflows,
  };
  const found = await inspectVendor({
    api: {
      readWorkflow: (id) => (workflows[id] === null ? answer({ detail: 'Not found.' }, 404) : answer(workflows[id])),
      readDestinations: () => answer(parts.destinations ?? [good], parts.status),
    },
    workflows: WORKFLOWS,
    webhookSecrets: [SECRET],
    webhookUrl: URL_OF_OURS,
  });
  return found
    .filter(({ level }) => level !== 'ok')
    .map(({ level, subject, message }) => `${level} ${subject}: ${message}`);
}

test('what fits is said to fit', async () => {
  expect(await inspect({})).toEqual([]);
  expect(await inspect({ destinations: { results: [{ ...good, secret_shared_key: SECRET }] } })).toEqual([]);
});

describe('workflows', () => {
  test.each([
    [
      'missing',
      { [WORKFLOWS.active]: null },
      'fault workflow active: not known to the vendor, or outside the scope of the API key (404)',
    ],
    [
      'too weak',
      { [WORKFLOWS.active]: workflow('PASSIVE') },
      'fault workflow active: liveness is passive; it must be ACTIVE_3D or FLASHING',
    ],
    [
      'stronger than needed',
      { [WORKFLOWS.passive]: workflow('FLASHING') },
      'warning workflow passive: liveness is flashing, stronger than needed',
    ],
    [
      'without a match',
      { [WORKFLOWS.passive]: workflow('PASSIVE', ['LIVENESS']) },
      'warning workflow passive: no face match is seen in it: its approvals would be refused',
    ],
    [
      'unreadable',
      { [WORKFLOWS.passive]: ['?'] },
      'warning workflow passive: the liveness method could not be read; look in the console',
    ],
  ])('%s', async (_what, workflows, finding) => {
    expect(await inspect({ workflows })).toEqual([finding]);
  });
});

describe('the webhook destination', () => {
  test.each([
    [
      'of another URL',
      [{ ...good, url: `${URL_OF_OURS}/` }],
      `fault webhook: no destination has the URL ${URL_OF_OURS}`,
    ],
    ['none', [], `fault webhook: no destination has the URL ${URL_OF_OURS}`],
    ['disabled', [{ ...good, enabled: false }], 'fault webhook: the destination is disabled'],
    ['old', [{ ...good, webhook_version: 'v2' }], 'fault webhook: the destination does not send version v3'],
    [
      'of other events',
      [{ ...good, subscribed_events: ['data.updated'] }],
      'fault webhook: the destination is not subscribed to status.updated',
    ],
    [
      'of too few events',
      [{ ...good, subscribed_events: ['status.updated'] }],
      'warning webhook: data.updated is worth subscribing to',
    ],
    [
      'of another secret',
      [{ ...good, secret_shared_key: OTHER_SECRET }],
      "fault webhook: the destination's secret is not among DIDIT_WEBHOOK_SECRETS",
    ],
    ['in no list', 'x', 'warning webhook: the list of destinations could not be read'],
  ])('%s', async (_what, destinations, finding) => {
    expect(await inspect({ destinations })).toEqual([finding]);
  });

  test('no secret is printed', async () => {
    const findings = await inspect({ destinations: [{ ...good, secret_shared_key: OTHER_SECRET }] });
    expect(findings.join()).not.toContain(OTHER_SECRET);
  });

  test('refused is a finding', async () => {
    expect(await inspect({ status: 403, destinations: { detail: 'x' } })).toEqual(['fault webhook: refused (403)']);
  });
});

test('a vendor that cannot be reached is a finding for each question', async () => {
  const down = () => Promise.reject(new VendorUnavailable('workflow: econnrefused'));
  const findings = await inspectVendor({
    api: { readWorkflow: down, readDestinations: down },
    workflows: { enrol: 'a', passive: 'b' },
    webhookSecrets: [],
    webhookUrl: URL_OF_OURS,
  });
  expect(findings.map(({ level, subject }) => `${level} ${subject}`)).toEqual([
    'fault workflow enrol',
    'fault workflow passive',
    'fault webhook',
  ]);
});
