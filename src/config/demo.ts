// The demo's fixed values: outside production and without a key of the vendor's, the provider talks to a stand-in on
// this machine. The values are public, so production refuses each of them.

export const DEMO_DIDIT = {
  apiKey: 'demo-api-key-not-a-secret',
  webhookSecret: 'demo-webhook-secret-not-a-real-secret-00001',
  workflows: {
    enrol: '0de00000-0000-4000-8000-000000000001',
    passive: '0de00000-0000-4000-8000-000000000002',
    active: '0de00000-0000-4000-8000-000000000003',
  },
} as const;

/** The client that comes with the demo, beside those of the clients file. */
export const DEMO_CLIENT = 'demo';

/** Values that stand in this repository and hence in every attacker's hands. */
export const PUBLISHED_SECRETS: ReadonlySet<string> = new Set([DEMO_DIDIT.apiKey, DEMO_DIDIT.webhookSecret]);
