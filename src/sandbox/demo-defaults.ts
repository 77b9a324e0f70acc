/** Values the stand-in and whoever talks to it agree on when nothing is configured. No secrets: they open a toy. */
export const DEMO_DEFAULTS = {
  apiKey: 'demo-didit-api-key',
  /** 43 characters, as the vendor's are. */
  webhookSecret: 'demo-didit-webhook-secret-opens-only-a-toy-',
  workflows: {
    enrol: '5e1f1e00-0000-4000-8000-000000000001',
    passive: '5e1f1e00-0000-4000-8000-000000000002',
    active: '5e1f1e00-0000-4000-8000-000000000003',
  },
} as const;
