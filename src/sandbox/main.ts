/** The stand-in as a process of its own: `npm run sandbox`; what it reads from the environment is in usage.ts. */
import { DEMO_DEFAULTS } from './demo-defaults.ts';
import { SandboxInProduction, startSandbox } from './sandbox.ts';
import { readErrand } from './usage.ts';

const env = process.env;
const text = (name: string, otherwise: string): string => env[name] || otherwise;

const errand = readErrand(process.argv.slice(2));
if (errand.kind === 'start') await start();
else if (errand.kind === 'help') console.log(errand.text);
else {
  console.error(errand.text);
  process.exitCode = 2;
}

async function start(): Promise<void> {
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
    // at once: a delivery that is under way would keep the process until it is answered
    const stop = (): void => void sandbox.close().then(() => process.exit(0));
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    console.log(`stand-in ${sandbox.url}`);
    console.log(`webhooks ${sandbox.settings().webhookUrl}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = error instanceof SandboxInProduction ? 2 : 1;
  }
}
