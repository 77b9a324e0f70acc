// What follows from a login that is spent: told, noted, cleaned up; by the finish itself, or after it died by the job at the end of the
// attempt's time (R6).

import type { Account } from '../core/account.ts';
import { type Strength, strengthOf } from '../core/assurance.ts';
import { bestProof, isSkipped, type LoginAttempt } from '../core/attempt.ts';
import type { Binding } from '../core/binding.ts';
import { bindingOf } from './bind.ts';
import { type Ending, LAPSE } from './ending.ts';
import type { Notices } from './notices.ts';
import type { Job } from './ports.ts';
import type { JourneyParts } from './rules.ts';

/** How long a finish has to do what follows from it, before somebody else does it. */
const FOLLOW_SECONDS = 30;

/** Writes down by what the face was tied to this browser; once, with the line of the end where it comes to that. */
export type TellBinding = () => Promise<void>;

export interface FollowUp {
  tellerOf(attempt: LoginAttempt, binding: Binding | undefined): TellBinding;
  /**
   * What follows from a login: told, then noted, and only then the job at the end of the attempt's time is called off. Where the process
   * dies in between that job does the rest: a line may stand there twice, and none is lost.
   */
  follow(attempt: LoginAttempt, account: Account, strength: Strength, tellBinding: TellBinding): Promise<void>;
  /** The job at the end of an attempt's time: it lapses, or what a finish that died has left undone is done (R6). */
  lapse(job: Job): Promise<void>;
}

export function createFollowUp(parts: JourneyParts & { ending: Ending; notices: Notices }): FollowUp {
  const { accounts, attempts, clock, ending, jobs, journal, meter, notices, rules } = parts;

  function tellerOf({ uid }: LoginAttempt, binding: Binding | undefined): TellBinding {
    let told: Promise<void> | undefined;
    return async () => {
      if (binding?.kind === 'bound')
        await (told ??= journal.record({ event: 'login.bound', attempt: uid, by: binding.by }));
    };
  }

  async function follow(
    attempt: LoginAttempt,
    account: Account,
    strength: Strength,
    tellBinding: TellBinding,
  ): Promise<void> {
    const { uid, clientId, reasons } = attempt;
    const { acr } = strength;
    const isSkip = isSkipped(attempt);
    await Promise.all([
      notices.signedIn(account, attempt),
      ending.cleanUp(attempt),
      tellBinding(),
      journal.record({ event: 'login.finished', attempt: uid, account: account.id, client: clientId, acr, reasons }),
      // no verification, so no line of its own on the bill: counted as what was saved
      isSkip ? parts.ledger.skip() : undefined,
    ]);
    await noteSignIn(account, attempt, strength);
    await jobs.cancel(LAPSE, uid);
    meter.count('logins', { outcome: isSkip ? 'skipped' : 'success' });
    if (isSkip) meter.count('skips');
  }

  async function lapse(job: Job): Promise<void> {
    const attempt = await attempts.find(job.id);
    if (attempt?.state !== 'spent') return ending.lapse(job);
    const { uid, accountId = '', finishedAt = 0, proofs, factors } = attempt;
    const dueAt = finishedAt + FOLLOW_SECONDS;
    if (clock.now() < dueAt) return jobs.giveBack(job, { dueAtMs: dueAt * 1000 });
    const account = await accounts.find(accountId);
    const strength = strengthOf(bestProof(attempt), factors);
    const isNoted = account && (await parts.activity.findSignIn(accountId, uid)) !== undefined;
    if (account && strength && !isNoted) {
      const binding = proofs.length > 0 ? bindingOf(attempt, rules) : undefined;
      return follow(attempt, account, strength, tellerOf(attempt, binding));
    }
    await ending.cleanUp(attempt);
    await jobs.cancel(LAPSE, uid);
  }

  async function noteSignIn(account: Account, attempt: LoginAttempt, { acr }: Strength): Promise<void> {
    const { address, label: browser } = attempt.origin;
    const { place } = parts.networks.look(address);
    const { uid, clientId, reasons, finishedAt: at = clock.now() } = attempt;
    await parts.activity.noteSignIn(account.id, { at, uid, clientId, acr, browser, address, reasons }, place);
  }

  return { tellerOf, follow, lapse };
}
