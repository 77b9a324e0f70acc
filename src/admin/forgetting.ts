// The background part of a removal: a job that goes on, a step at the vendor a run, until nothing of the person is left there.

import type { Job, Logger } from '../login/ports.ts';
import type { Handler } from '../login/work.ts';
import {
  closeErasure,
  type Erasure,
  type ErasureParts,
  endHere,
  erasureKey,
  FORGET,
  finishIfDone,
  forgetOnceMore,
  type Kept,
  keepErasure,
  type Step,
  tryStep,
} from './erasure.ts';

/** One call a second: the vendor's rate is shared with people who sign in. */
const SPACING_MS = 1000;
const RETRY_MS = [5_000, 30_000, 120_000, 600_000];
/** After those, for as long as it takes: a person was told that their face goes. */
const SLOW_RETRY_MS = 3_600_000;

interface Payload {
  /** how often the step at the vendor has failed */
  readonly tries?: number;
}

/** Handles jobs of kind `FORGET`: one step at the vendor a run. A removal that a crash cut short is finished here as well. */
export function createForgetting(parts: ErasureParts & { readonly log: Logger }): Handler {
  const { store, sealer, jobs, clock, log } = parts;

  async function goOn(hash: string, erasure: Erasure): Promise<void> {
    await keepErasure(parts, hash, erasure);
    if (await finishIfDone(parts, hash, erasure)) return;
    await jobs.schedule({ kind: FORGET, id: hash, dueAtMs: clock.now() * 1000 + SPACING_MS });
  }

  async function goOver(hash: string, erasure: Erasure, doneAt: number): Promise<void> {
    const steps = await forgetOnceMore(parts, erasure);
    if (steps.length > 0) {
      const more = steps.flatMap((step) => (step.kind === 'verification' ? [step.verificationId] : []));
      return goOn(hash, { ...erasure, verifications: [...erasure.verifications, ...more], steps });
    }
    await closeErasure(parts, hash, doneAt);
    await jobs.cancel(FORGET, hash);
  }

  return async function forget(job: Job) {
    const { tries = 0 } = (job.payload ?? {}) as Payload;
    const kept = await store.get<Kept>(erasureKey(job.id));
    if (kept?.sealed === undefined) return jobs.cancel(FORGET, job.id);
    const found: Erasure = JSON.parse(sealer.openText(kept.sealed, erasureKey(job.id)));
    if ('doneAt' in kept) return goOver(job.id, found, kept.doneAt);
    if (!found.isEndedHere) await endHere(parts, found);
    const erasure = { ...found, isEndedHere: true };
    const [step, ...rest] = erasure.steps;
    if (!step) return goOn(job.id, erasure);
    const failure = await tryStep(parts, step);
    if (!failure) return goOn(job.id, { ...erasure, steps: rest });
    const delayMs = RETRY_MS[tries] ?? SLOW_RETRY_MS;
    const level = tries < RETRY_MS.length ? 'warn' : 'error';
    log[level](
      { account: erasure.accountId, err: failure, left: erasure.steps.length },
      'not yet erased at the vendor',
    );
    // what fails by itself does not hold up the rest
    await keepErasure(parts, job.id, { ...erasure, steps: later(step, rest) });
    const payload: Payload = { tries: tries + 1 };
    await jobs.schedule({ kind: FORGET, id: job.id, dueAtMs: clock.now() * 1000 + delayMs, payload });
  };
}

/** Behind the others, before the last: the person's entry goes once more when all else is gone. */
function later(step: Step, rest: readonly Step[]): readonly Step[] {
  const last = rest.at(-1);
  return last ? [...rest.slice(0, -1), step, last] : [step];
}
