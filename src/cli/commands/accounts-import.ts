// `accounts import` and `accounts import-shared`: people who need no document check here, as there has been one elsewhere.

import { dirname, resolve } from 'node:path';
import type { ImportedLine } from '../../admin/import-account.ts';
import { type ImportOutcome, importAccounts } from '../../admin/import-accounts.ts';
import type { LineFault } from '../../admin/import-line.ts';
import { importShared, resumeShared, type SharedImport } from '../../admin/import-shared.ts';
import type { Parts } from '../../app-parts.ts';
import { readIdentifier } from '../../core/identifier.ts';
import { type Call, FAILED, Failure, MISUSED, Misuse, SUCCESS } from '../command.ts';
import { printable } from '../output.ts';
import { withParts } from '../work.ts';
import { readInput, readSecret } from './read-input.ts';

export async function importFile(call: Call, file: string): Promise<number> {
  const isDryRun = call.values['dry-run'] === true;
  const text = await readInput(file);
  const folder = file === '-' ? process.cwd() : dirname(resolve(file));
  const work = async (parts: Parts) => {
    const told = ({ line, identifier, id, result }: ImportedLine) => {
      if (call.json) call.out(JSON.stringify({ line, identifier, id: id ?? null, result }));
    };
    const { portrait, reEnrolment } = parts.config.policy;
    const outcome = await importAccounts(parts, { text, folder, portrait, isDryRun, told });
    const code = report(call, outcome, isDryRun);
    const asksForMore = reEnrolment.sameNationality || reEnrolment.match === 'document' || reEnrolment.match === 'both';
    if (outcome.kind === 'done' && outcome.imported > 0 && asksForMore) {
      call.err(
        'note: re_enrolment asks a later document check for what no import can know: nobody imported can pass one',
      );
    }
    return code;
  };
  return withParts(call, work, { makes: !isDryRun });
}

function report(call: Call, outcome: ImportOutcome, isDryRun: boolean): number {
  if (outcome.kind === 'busy') {
    throw new Failure(
      `another import is under way; if it was killed, the same command goes on in ${outcome.seconds} seconds`,
    );
  }
  if (outcome.kind === 'refused') {
    const count = outcome.faults.length === 1 ? '1 fault' : `${outcome.faults.length} faults`;
    printLines(call, `The file has ${count}; nothing was imported.`, outcome.faults);
    return MISUSED;
  }
  const { imported, unchanged, unmatchable, late, isStopped } = outcome;
  if (call.json)
    call.out(JSON.stringify({ result: 'done', imported, unchanged, failed: late.length, dry_run: isDryRun }));
  else call.out(`${isDryRun ? 'would import' : 'imported'} ${imported}, unchanged ${unchanged}`);
  if (unmatchable > 0) {
    call.err(`note: ${unmatchable} without name and birth date: a later document check cannot tell that it is theirs`);
  }
  if (late.length > 0) printLines(call, 'These were not imported, as something changed meanwhile:', late);
  if (isStopped) call.err('stopped: another import has begun meanwhile; import the file again');
  return late.length > 0 || isStopped ? FAILED : SUCCESS;
}

function printLines(call: Call, head: string, faults: readonly LineFault[]): void {
  if (call.json) for (const fault of faults) call.out(JSON.stringify({ level: 'fault', ...fault }));
  else {
    call.err(head);
    for (const { line, problem, fix } of faults) call.err(printable(`  line ${line}: ${problem}`) + `\n    → ${fix}`);
  }
}

export async function importSharedOne(call: Call, typed: string): Promise<number> {
  const reading = readIdentifier(typed);
  if (reading.kind === 'refused') throw new Misuse(`the identifier: ${reading.message}`);
  const { identifier } = reading;
  const { copy, 'token-file': file = '-', distrust } = call.values as Record<string, string | undefined>;
  if (copy !== undefined) {
    if (call.values['token-file'] !== undefined || distrust)
      throw new Misuse('--copy stands alone: its token is spent');
    return withParts(call, async (parts) =>
      tell(call, identifier, await resumeShared(sharing(parts), { identifier, verificationId: copy })),
    );
  }
  if (file === '-' && process.stdin.isTTY) call.err('paste the share token, then Enter and Ctrl-D');
  const shareToken = await readSecret('share token', file);
  const trustReview = call.values.distrust !== true;
  const work = async (parts: Parts) =>
    tell(call, identifier, await importShared(sharing(parts), { identifier, shareToken, trustReview }));
  return withParts(call, work, { makes: true });
}

function sharing(parts: Parts) {
  const { didit, policy } = parts.config;
  const { portrait, verdict } = policy;
  return {
    ...parts,
    rules: { workflowId: didit.workflows.enrol, environment: didit.environment, portrait, verdict },
  };
}

function tell(call: Call, identifier: string, outcome: SharedImport): number {
  if (call.json) {
    call.out(JSON.stringify({ identifier, ...toJson(outcome) }));
    return outcome.kind === 'imported' ? SUCCESS : FAILED;
  }
  switch (outcome.kind) {
    case 'imported':
      call.out(`imported ${printable(identifier)} (${outcome.account.id})`);
      if (outcome.account.portrait.kind === 'vendor') {
        call.err('note: no picture of the face is kept here: a selfie is compared with the one at the vendor');
      }
      return SUCCESS;
    case 'taken':
      throw new Failure('that identifier has an account already; nothing was imported');
    case 'waiting': {
      const next = `go on with: accounts import-shared ${identifier} --copy ${outcome.verificationId}`;
      throw new Failure(
        outcome.why === 'review'
          ? `a person at the vendor has to review it first; when that is done, ${next}`
          : `the vendor did not say how it stands; later, ${next}`,
      );
    }
    case 'refused': {
      const copy = outcome.isDeleted
        ? 'the copy at the vendor is deleted'
        : 'the copy at the vendor could not be deleted now: delete it in the console';
      throw new Failure(`it is not good enough for an account (${outcome.reasons.join(', ')}); ${copy}`);
    }
    case 'unknown':
      throw new Failure('no copy with that id waits for that identifier');
  }
}

function toJson(outcome: SharedImport): Record<string, unknown> {
  switch (outcome.kind) {
    case 'imported':
      return { result: 'imported', id: outcome.account.id, face: outcome.account.portrait.kind };
    case 'waiting':
      return { result: 'waiting', why: outcome.why, copy: outcome.verificationId };
    case 'refused':
      return { result: 'refused', reasons: outcome.reasons, deleted: outcome.isDeleted };
    default:
      return { result: outcome.kind };
  }
}
