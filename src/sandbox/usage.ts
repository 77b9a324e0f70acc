/** What `npm run sandbox` says of itself, and of words it does not know. */

const USAGE = `usage: npm run -s sandbox

A stand-in for Didit as a process of its own, for trying things out and for tests. It looks at no face, keeps everything
in memory, and refuses to run in production. It stops on SIGTERM and Ctrl-C.

Read from the environment, with what holds otherwise:

  DEMO_VENDOR_PORT        3001; where it listens, on this machine only
  DIDIT_API_KEY           demo-didit-api-key
  DIDIT_WEBHOOK_SECRETS   that of the demo; of a list with commas the first one signs
  SANDBOX_WEBHOOK_URL     http://localhost:3000/webhooks/didit; where deliveries go
  DIDIT_ENVIRONMENT       sandbox, or live; whose verdicts these are
  DIDIT_WORKFLOW_ENROL, DIDIT_WORKFLOW_PASSIVE, DIDIT_WORKFLOW_ACTIVE
                          those of the demo

A provider that is to use it has the same values, and DIDIT_BASE_URL=http://localhost:3001.`;

export type Errand =
  | { readonly kind: 'start' }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'misused'; readonly text: string };

export function readErrand(args: readonly string[]): Errand {
  const [word] = args;
  if (word === undefined) return { kind: 'start' };
  if (args.length === 1 && ['--help', '-h', 'help'].includes(word)) return { kind: 'help', text: USAGE };
  return { kind: 'misused', text: `sandbox: takes nothing but --help, not ${JSON.stringify(word)}\n\n${USAGE}` };
}
