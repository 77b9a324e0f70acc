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

const NOW = 1_795_000_000;
const SESSION = '33333333-3333-4333-8333-333333333333';
const inStep = { clock: { now: () => NOW }, environment: 'live' } as const;

function workflow(method: string | undefined, features = ['LIVENESS', 'FACE_MATCH'], type?: string): unknown {
  return {
    ...(type && { workflow_type: type }),
    features: features.map((feature) => ({ feature, config: { face_liveness_method: method } })),
  };
}

function answer(body: unknown, status = 200, at = NOW) {
  const reading = readJson(JSON.stringify(body ?? null));
  const headers = { date: new Date(at * 1000).toUTCString() };
  return Promise.resolve({ status, headers, body: reading.ok ? reading.value : (undefined as Json | undefined) });
}

interface Console {
  workflows?: Record<string, unknown>;
  destinations?: unknown;
  status?: number;
  sessions?: unknown;
  decision?: unknown;
  at?: number;
}

async function inspect(parts: Console) {
  const workflows: Record<string, unknown> = {
    [WORKFLOWS.enrol]: workflow('PASSIVE'),
    [WORKFLOWS.passive]: workflow('passive'),
    [WORKFLOWS.active]: workflow('ACTIVE_3D'),
    ...parts.workflows,
  };
  const found = await inspectVendor({
    api: {
      readWorkflow: (id) => (workflows[id] === null ? answer({ detail: 'Not found.' }, 404) : answer(workflows[id])),
      readDestinations: () => answer(parts.destinations ?? [good], parts.status, parts.at),
      listSessions: () => answer(parts.sessions ?? { results: [{ session_id: SESSION }] }),
      readDecision: (id) => answer(id === SESSION && (parts.decision ?? { environment: 'live' })),
    },
    ...inStep,
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
      'of enrolment, without a match',
      { [WORKFLOWS.enrol]: workflow('PASSIVE', ['OCR', 'LIVENESS']) },
      'warning workflow enrol: no face match is seen in it: its approvals would be refused',
    ],
    [
      'of enrolment, without liveness',
      { [WORKFLOWS.enrol]: workflow('PASSIVE', ['OCR', 'FACE_MATCH']) },
      'warning workflow enrol: no liveness is seen in it: its approvals would be refused',
    ],
    [
      'of enrolment, without a document',
      { [WORKFLOWS.enrol]: workflow('PASSIVE', undefined, 'biometric_authentication') },
      'warning workflow enrol: its type is "biometric_authentication": the first login of a person needs a document check, kyc',
    ],
    [
      'of a login, with a document',
      { [WORKFLOWS.passive]: workflow('PASSIVE', undefined, 'kyc') },
      'warning workflow passive: its type is kyc: every login would ask for a document',
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

describe('the environment of the key', () => {
  test.each([
    [
      'another',
      { decision: { environment: 'sandbox' } },
      'fault environment: DIDIT_ENVIRONMENT is live, and the API key makes sessions of sandbox: no verdict would count',
    ],
    ['not told', { decision: {} }, 'warning environment: could not be read'],
    [
      'of nothing yet',
      { sessions: [] },
      'warning environment: not known before there is a session at the vendor: ask again after the first',
    ],
  ])('%s', async (_what, parts, finding) => {
    expect(await inspect(parts)).toEqual([finding]);
  });
});

test.each([
  [NOW - 14, []],
  [NOW + 20, ['warning clock: this machine is 20 s behind the vendor: tokens break']],
  [NOW - 400, ['fault clock: this machine is 400 s ahead of the vendor: no webhook is fresh']],
  [Number.NaN, []],
])('a clock that does not agree with the one of the answers, %s', async (at, findings) => {
  expect(await inspect({ at })).toEqual(findings);
});

test('a vendor that cannot be reached is a finding for each question', async () => {
  const down = () => Promise.reject(new VendorUnavailable('workflow: econnrefused'));
  const findings = await inspectVendor({
    api: { readWorkflow: down, readDestinations: down, listSessions: down, readDecision: down },
    ...inStep,
    workflows: { enrol: 'a', passive: 'b' },
    webhookSecrets: [],
    webhookUrl: URL_OF_OURS,
  });
  expect(findings.map(({ level, subject }) => `${level} ${subject}`)).toEqual([
    'fault workflow enrol',
    'fault workflow passive',
    'fault webhook',
    'fault environment',
  ]);
});
