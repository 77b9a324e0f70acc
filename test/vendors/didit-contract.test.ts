// Didit held to the contract of an identity vendor, against the stand-in in each shape the vendor's pages give.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RawDelivery } from '../../src/login/ports.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { identityVendorContract, type VendorUnderTest } from '../contract/identity-vendor.ts';
import { SECRET } from './deliveries.ts';
import { diditAt } from './didit.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

const KEY = 'the-right-key';
const WORKFLOWS = {
  enrol: '5e1f1e00-0000-4000-8000-000000000001',
  passive: '5e1f1e00-0000-4000-8000-000000000002',
  active: '5e1f1e00-0000-4000-8000-000000000003',
};

type StandInSettings = NonNullable<Parameters<typeof startSandbox>[0]['settings']>;

/** Both sides have one clock; a test may move it. */
let ahead = 0;
const now = () => Math.floor(Date.now() / 1000) + ahead;

async function standIn(settings: StandInSettings = {}): Promise<{ sandbox: Sandbox; receiver: LocalServer }> {
  const receiver = await startLocalServer();
  receiver.answer({ status: 202 });
  const sandbox = await startSandbox({
    apiKey: KEY,
    webhookSecrets: [SECRET],
    webhookUrl: `${receiver.url}/webhooks/didit`,
    environment: 'live',
    workflows: WORKFLOWS,
    otherApplications: [{ name: 'partner' }, { name: 'somebody-else' }],
    now,
    settings,
  });
  return { sandbox, receiver };
}

function vendorAt(url: string, apiKey: string) {
  return diditAt(url, { apiKey, clock: { now }, workflows: WORKFLOWS, environment: 'live' }).vendor;
}

async function setup(settings?: StandInSettings): Promise<VendorUnderTest> {
  const { sandbox, receiver } = await standIn(settings);
  return {
    vendor: vendorAt(sandbox.url, KEY),
    refused: vendorAt(sandbox.url, 'a-wrong-key'),
    workflowId: WORKFLOWS.enrol,
    webhookUrl: `${receiver.url}/webhooks/didit`,
    async settle(verificationId, outcome): Promise<RawDelivery> {
      await sandbox.settle(verificationId, outcome === 'approved' ? 'approve' : 'decline_liveness_attack');
      await sandbox.idle();
      const last = receiver.asked.at(-1);
      if (last === undefined) throw new Error('the stand-in sent nothing');
      return { headers: last.headers as RawDelivery['headers'], body: new TextEncoder().encode(last.text) };
    },
    async overturn(verificationId) {
      await sandbox.review(verificationId, 'Declined', 'lost');
    },
    async share(how) {
      const to = how === 'with-somebody-else' ? 'somebody-else' : 'own';
      const { shareToken } = await sandbox.share({ to, ttlSeconds: 60 });
      if (how === 'too-long-ago') ahead += 60;
      return shareToken;
    },
    keeps: (subject) => sandbox.users().some(({ vendorData }) => vendorData === subject),
    setDown(down) {
      if (down) sandbox.fault('all', { status: 502, times: null });
      else sandbox.clearFaults();
    },
    async close() {
      await sandbox.close();
      await receiver.close();
    },
  };
}

identityVendorContract('Didit', () => setup());
identityVendorContract('Didit in version 2 shapes', () =>
  setup({
    decisionShape: 'v2',
    createShape: 'seed',
    metadataShape: 'string',
    wrongKeyStatus: 401,
    deleteStatus: 204,
    listShape: 'bare',
  }),
);

describe('Didit beyond the contract', () => {
  let sandbox: Sandbox;
  let receiver: LocalServer;
  beforeAll(async () => {
    ({ sandbox, receiver } = await standIn({ refuseWorkflowType: true, rateHeadersAlways: true }));
  });
  afterAll(async () => {
    await sandbox.close();
    await receiver.close();
  });
  const request = (subject: string, workflowId: string) => ({
    workflowId,
    subject,
    returnUrl: 'https://id.example/interaction/u/return/t',
    metadata: { purpose: 'login' },
  });

  test('a selfie without a known face is a missing portrait, and goes on once there is one', async () => {
    const vendor = vendorAt(sandbox.url, KEY);
    await expect(vendor.openVerification(request('ana', WORKFLOWS.passive))).rejects.toMatchObject({
      code: 'vendor_portrait_missing',
    });
    const { verificationId } = await vendor.openVerification(request('ana', WORKFLOWS.enrol));
    await sandbox.settle(verificationId, 'approve');
    for (const [workflowId, method] of [
      [WORKFLOWS.passive, 'passive'],
      [WORKFLOWS.active, 'active-3d'],
    ] as const) {
      const opened = await vendor.openVerification(request('ana', workflowId));
      await sandbox.settle(opened.verificationId, 'approve');
      const verdict = await vendor.readVerification(opened.verificationId);
      expect(verdict).toMatchObject({ status: 'approved', liveness: [{ status: 'approved', method }], documents: [] });
    }
  });

  test('a blocked person is told apart from a refused key', async () => {
    const vendor = vendorAt(sandbox.url, KEY);
    await sandbox.setUserStatus('eve', 'BLOCKED');
    await expect(vendor.openVerification(request('eve', WORKFLOWS.enrol))).rejects.toMatchObject({
      code: 'vendor_subject_blocked',
    });
  });

  test('a create whose answer was lost ends in the same, single session', async () => {
    const vendor = vendorAt(sandbox.url, KEY);
    sandbox.fault('create', { lost: true });
    const { verificationId } = await vendor.openVerification(request('bob', WORKFLOWS.enrol));
    const his = sandbox.sessions().filter(({ vendorData }) => vendorData === 'bob');
    expect(his.map(({ id }) => id)).toEqual([verificationId]);
  });

  test.each(['v3', 'v2', 'seed', 'blog'] as const)('a decision in the shape %s is read', async (decisionShape) => {
    const vendor = vendorAt(sandbox.url, KEY);
    sandbox.configure({ decisionShape });
    const { verificationId } = await vendor.openVerification(request(`shape-${decisionShape}`, WORKFLOWS.enrol));
    await sandbox.settle(verificationId, 'approve');
    const verdict = await vendor.readVerification(verificationId);
    sandbox.configure({ decisionShape: 'v3' });
    expect(verdict).toMatchObject({
      status: 'approved',
      liveness: [{ status: 'approved' }],
      faceMatches: [{ status: 'approved' }],
    });
  });

  test('a stale or badly signed delivery is refused, a stale one with the session to look at', async () => {
    const vendor = vendorAt(sandbox.url, KEY);
    const reading = async (webhookMode: 'stale' | 'badly_signed') => {
      sandbox.configure({ webhookMode });
      const { verificationId } = await vendor.openVerification(request(webhookMode, WORKFLOWS.enrol));
      await sandbox.settle(verificationId, 'approve');
      await sandbox.idle();
      sandbox.configure({ webhookMode: 'normal' });
      const last = receiver.asked.at(-1);
      const headers = last?.headers as RawDelivery['headers'];
      return { verificationId, reading: vendor.readDelivery({ headers, body: new TextEncoder().encode(last?.text) }) };
    };
    const stale = await reading('stale');
    expect(stale.reading).toEqual({ kind: 'refused', status: 401, reason: 'stale', lookAt: stale.verificationId });
    expect((await reading('badly_signed')).reading).toEqual({ kind: 'refused', status: 401, reason: 'bad-signature' });
  });
});
