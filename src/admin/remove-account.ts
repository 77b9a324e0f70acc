// Removes an account and what it allowed. That it is wanted is written down first, so that a crash at any point leaves it to the running
// provider, which finishes it. Then nobody can sign in with it, what was allowed ends, the traces go, and at last what the vendor has.

import type { Account } from '../core/account.ts';
import { picturesOf } from '../login/faces.ts';
import { hashToken, newToken } from '../login/tokens.ts';
import {
  type Ended,
  type Erasure,
  type ErasureParts,
  endHere,
  FORGET,
  finishIfDone,
  keepErasure,
  type Step,
  stepsAtVendor,
  tryStep,
  verificationsOf,
} from './erasure.ts';
import { IMPORTED } from './import-account.ts';

export interface Removal extends Ended {
  /** tells `readErasure` how far the vendor is; whoever has it learns nothing else */
  readonly receipt: string;
  readonly vendor: {
    /** what the person was called there */
    readonly subject: string;
    /** of what the vendor has, what the running provider still has to delete; 0: nothing is left there */
    readonly queued: number;
  };
}

/** Longer than removing takes: what the provider finds to be done then was left by a crash. */
const GRACE_MS = 30_000;

/**
 * Safe to repeat, also while another removal of the same account is under way.
 *
 * @param by `person`: somebody waits at a page, so all that is the vendor's is left to the background
 * @param receipt chosen beforehand by whoever may have to ask twice
 * @returns undefined when there is no such account
 */
export async function removeAccount(
  parts: ErasureParts,
  id: string,
  by: 'operator' | 'person',
  receipt = newToken(),
): Promise<Removal | undefined> {
  const account = await parts.accounts.find(id);
  if (!account) return undefined;
  const hash = hashToken(receipt);
  const nowMs = parts.clock.now() * 1000;
  let erasure = await planErasure(parts, account, by);
  await parts.jobs.schedule({ kind: FORGET, id: hash, dueAtMs: nowMs + GRACE_MS });
  await keepErasure(parts, hash, erasure);
  const ended = await endHere(parts, erasure);
  erasure = { ...erasure, isEndedHere: true };
  if (by === 'operator') erasure = await tryNow(parts, erasure);
  await keepErasure(parts, hash, erasure);
  if (!(await finishIfDone(parts, hash, erasure))) {
    await parts.jobs.schedule({ kind: FORGET, id: hash, dueAtMs: nowMs });
  }
  return { ...ended, receipt, vendor: { subject: account.subject, queued: erasure.steps.length } };
}

async function planErasure(parts: ErasureParts, account: Account, by: Erasure['by']): Promise<Erasure> {
  const { id, subject, enrolledBy, pending } = account;
  const opened = await verificationsOf(parts, id);
  const all = new Set([enrolledBy.verificationId, ...(pending ? [pending.verificationId] : []), ...opened]);
  const verifications = [...all].filter((verificationId) => !verificationId.startsWith(IMPORTED));
  return {
    accountId: id,
    subject,
    by,
    isEndedHere: false,
    verifications,
    portraits: picturesOf(account),
    steps: stepsAtVendor(subject, verifications),
  };
}

/** The document check and the face: an operator is told whether the vendor answers. */
async function tryNow(parts: ErasureParts, erasure: Erasure): Promise<Erasure> {
  const isForget = ({ kind }: Step) => kind === 'subject';
  let steps = erasure.steps;
  for (const step of erasure.steps.slice(0, erasure.steps.findIndex(isForget) + 1)) {
    if ((await tryStep(parts, step)) !== undefined) break;
    steps = steps.slice(1);
  }
  return { ...erasure, steps };
}
