#!/usr/bin/env node
// The command line: `npm run cli -- COMMAND` here, `selfie-oidc COMMAND` in the image. It reads arguments and prints; what is done is
// in `admin/`, and works beside a provider that runs on the same storage.

import { nearest } from '../config/nearest.ts';
import { AppError } from '../core/errors.ts';
import { redactText } from '../telemetry/redact.ts';
import { type Command, FAILED, Failure, MISUSED, Misuse, readArguments, SUCCESS, usageOf } from './command.ts';
import { accounts } from './commands/accounts.ts';
import { attempts } from './commands/attempts.ts';
import { check } from './commands/check.ts';
import { costs } from './commands/costs.ts';
import { exportCommand } from './commands/export.ts';
import { importCommand } from './commands/import.ts';
import { invite } from './commands/invite.ts';
import { journal } from './commands/journal.ts';
import { keys } from './commands/keys.ts';
import { migrate } from './commands/migrate.ts';
import { recovery } from './commands/recovery.ts';
import { serve } from './commands/serve.ts';
import type { Output } from './output.ts';
import { confirmAtTerminal } from './terminal.ts';
import { readVersion } from './version.ts';

const COMMANDS: readonly Command[] = [
  serve,
  check,
  migrate,
  accounts,
  recovery,
  invite,
  attempts,
  keys,
  costs,
  journal,
  exportCommand,
  importCommand,
];

/** Runs one command line. @returns the exit code */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    const command = COMMANDS.find((each) => each.name === rest[0]);
    for (const line of command ? usageOf(command) : usage()) output.out(line);
    return SUCCESS;
  }
  if (name === '--version' || name === '-v') {
    output.out(`selfie-oidc ${await readVersion()}`);
    return SUCCESS;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    output.err(explainUnknown(name));
    for (const line of usage()) output.err(line);
    return MISUSED;
  }
  try {
    const { values, words } = readArguments(command, rest);
    if (values.help === true) {
      for (const line of usageOf(command)) output.out(line);
      return SUCCESS;
    }
    return await command.run({ ...output, env, json: values.json === true, values, words });
  } catch (error) {
    return explain(error, command, output);
  }
}

function explain(error: unknown, command: Command, output: Output): number {
  if (error instanceof Misuse) {
    output.err(`${command.name}: ${error.message}`);
    for (const line of usageOf(command)) output.err(line);
    return MISUSED;
  }
  const isTold = error instanceof Failure || error instanceof AppError;
  const message = error instanceof Error ? error.message : String(error);
  output.err(`${command.name}: ${isTold ? message : redactText(`unexpected failure: ${message}`)}`);
  return FAILED;
}

function explainUnknown(name: string | undefined): string {
  if (name === undefined) return 'say what to do.';
  const meant = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  const kind = name.startsWith('-') ? 'option' : 'command';
  return `unknown ${kind} ${JSON.stringify(name)}${meant ? `; did you mean ${meant}?` : ''}`;
}

function usage(): string[] {
  return [
    'usage: selfie-oidc COMMAND [OPTIONS]',
    '',
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`),
    '',
    '  --help      this text; COMMAND --help for one command',
    '  --version   the version',
    '',
    'Every command takes --json. Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration.',
  ];
}

if (import.meta.main) {
  // whoever reads may stop reading: `journal | head`
  process.stdout.on('error', () => process.exit(process.exitCode ?? SUCCESS));
  const confirm = confirmAtTerminal();
  process.exitCode = await run(process.argv.slice(2), process.env, {
    ...(confirm ? { confirm } : {}),
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  });
}
