// The background part of a removal: a job that goes on, a step at the vendor a run, until nothing of the person is left there.

import type { Job, Logger } from '../login/ports.ts';
import type { Handler } from '../login/work.ts';
import {
  type Erasure,
  type ErasureParts,
  endHere,
  erasureKey,
  FORGET,
  finishIfDone,
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

/** Handles jobs of kind `FORGET`: one step at the vendor a run. A removal that a crash cut short is finished here as well. */
export function createForgetting(parts: ErasureParts & { readonly log: Logger }): Handler {
  const { store, sealer, jobs, clock, log } = parts;

  async function goOn(hash: string, erasure: Erasure): Promise<void> {
    await keepErasure(parts, hash, erasure);
    if (await finishIfDone(parts, hash, erasure)) return;
    await jobs.schedule({ kind: FORGET, id: hash, dueAtMs: clock.now() * 1000 + SPACING_MS });
  }

  return async function forget(job: Job) {
    const kept = await store.get<Kept>(erasureKey(job.id));
    if (!kept || 'doneAt' in kept) return jobs.cancel(FORGET, job.id);
    const found: Erasure = JSON.parse(sealer.openText(kept.sealed, erasureKey(job.id)));
    if (!found.isEndedHere) await endHere(parts, found);
    const erasure = { ...found, isEndedHere: true };
    const [step, ...rest] = erasure.steps;
    if (!step) return goOn(job.id, erasure);
    const failure = await tryStep(parts, step);
    if (!failure) return goOn(job.id, { ...erasure, steps: rest });
    const tries = (job.payload as { tries?: number } | null)?.tries ?? 0;
    const delayMs = RETRY_MS[tries] ?? SLOW_RETRY_MS;
    const level = tries < RETRY_MS.length ? 'warn' : 'error';
    log[level](
      { account: erasure.accountId, err: failure, left: erasure.steps.length },
      'not yet erased at the vendor',
    );
    // what fails by itself does not hold up the rest
    await keepErasure(parts, job.id, { ...erasure, steps: later(step, rest) });
    const payload = { tries: tries + 1 };
    await jobs.schedule({ kind: FORGET, id: job.id, dueAtMs: clock.now() * 1000 + delayMs, payload });
  };
}

/** Behind the others, before the last: the person's entry goes once more when all else is gone. */
function later(step: Step, rest: readonly Step[]): readonly Step[] {
  const last = rest.at(-1);
  return last ? [...rest.slice(0, -1), step, last] : [step];
}
