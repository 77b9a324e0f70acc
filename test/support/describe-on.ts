// Suites that need a server: skipped with a reason where there is none, unless CI_SERVERS=required.

import { describe } from '@jest/globals';
import { type Engine, hasOwn, MISSING } from './servers.ts';

const REQUIRED = process.env.CI_SERVERS === 'required';

/** Runs a suite on an engine's shared server, or skips it and says why. */
export function describeOn(engine: Engine, body: () => void): void {
  describeUnless(MISSING[engine], `on ${engine}`, body);
}

/** Runs a suite that starts servers of its own, or skips it and says why. */
export function describeWithOwn(engine: 'redis' | 'postgres', name: string, body: () => void): void {
  describeUnless(hasOwn(engine) ? undefined : `no ${engine} is installed here`, name, body);
}

function describeUnless(reason: string | undefined, name: string, body: () => void): void {
  if (reason !== undefined && !REQUIRED) {
    process.stderr.write(`skipped: ${name}: ${reason}\n`);
    describe.skip(`${name} (${reason})`, body);
  } else describe(name, body);
}
