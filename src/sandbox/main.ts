/**
 * The stand-in as a process of its own: `npm run sandbox`. Read from the environment:
 *
 *     DEMO_VENDOR_PORT        3001
 *     DIDIT_API_KEY           demo-didit-api-key
 *     DIDIT_WEBHOOK_SECRETS   see demo-defaults.ts; of a comma list the first one signs
 *     SANDBOX_WEBHOOK_URL     http://localhost:3000/webhooks/didit
 *     DIDIT_ENVIRONMENT       sandbox
 *     DIDIT_WORKFLOW_ENROL, DIDIT_WORKFLOW_PASSIVE, DIDIT_WORKFLOW_ACTIVE
 */
import { DEMO_DEFAULTS } from './demo-defaults.ts';
import { SandboxInProduction, startSandbox } from './sandbox.ts';

const env = process.env;
const text = (name: string, otherwise: string): string => env[name] || otherwise;

try {
  const sandbox = await startSandbox({
    port: Number(text('DEMO_VENDOR_PORT', '3001')),
    apiKey: text('DIDIT_API_KEY', DEMO_DEFAULTS.apiKey),
    webhookSecrets: text('DIDIT_WEBHOOK_SECRETS', DEMO_DEFAULTS.webhookSecret)
      .split(',')
      .map((secret) => secret.trim()),
    webhookUrl: text('SANDBOX_WEBHOOK_URL', 'http://localhost:3000/webhooks/didit'),
    environment: env.DIDIT_ENVIRONMENT === 'live' ? 'live' : 'sandbox',
    workflows: {
      enrol: text('DIDIT_WORKFLOW_ENROL', DEMO_DEFAULTS.workflows.enrol),
      passive: text('DIDIT_WORKFLOW_PASSIVE', DEMO_DEFAULTS.workflows.passive),
      active: text('DIDIT_WORKFLOW_ACTIVE', DEMO_DEFAULTS.workflows.active),
    },
  });
  const stop = (): void => void sandbox.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  console.log(`stand-in ${sandbox.url}`);
  console.log(`webhooks ${sandbox.settings().webhookUrl}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof SandboxInProduction ? 2 : 1;
}
