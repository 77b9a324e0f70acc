// The background part of a rotation of data keys: a job that seals everything anew, a few records at a time, with pauses in which
// sign-ins go on. It begins when every running process seals with the same key, and goes on where it was after a crash.

import type { Job, JobQueue, Journal, Logger, Store } from '../login/ports.ts';
import type { Instances } from './instances.ts';
import { PASS_BEGIN, type PassPosition, resealStep } from './sealed-records.ts';
import type { RotatingSealer } from './sealer.ts';

/** The kind of the job. */
export const RESEAL = 'reseal';
const ID = 'data';
const PROGRESS = 'reseal-progress';

const STEP = 50;
const PAUSE_MS = 100;
/** Until all processes have read the same keys, and the one that ran the job before has ended. */
const PUT_OFF_MS = 2_000;
const PROGRESS_SECONDS = 400 * 86_400;

interface Progress {
  /** everything is to be under this key */
  readonly target: string;
  readonly position: PassPosition;
  readonly resealed: number;
  readonly unreadable: number;
  readonly isDone: boolean;
}

export interface ResealingParts {
  readonly store: Store;
  readonly jobs: Pick<JobQueue, 'schedule' | 'cancel'>;
  readonly nowMs: () => number;
}

/** Has what is under other keys sealed anew, unless that was done. Safe to repeat, in any number of processes. */
export async function scheduleResealing({ jobs, nowMs }: Omit<ResealingParts, 'store'>): Promise<void> {
  await jobs.schedule({ kind: RESEAL, id: ID, dueAtMs: nowMs() + PUT_OFF_MS });
}

/** The same, from the beginning if it was done: something was found that the pass did not see. */
export async function repeatResealing(parts: ResealingParts): Promise<void> {
  await parts.store.update<Progress, void>(PROGRESS, (progress) => ({
    kind: progress?.isDone ? 'remove' : 'keep',
    result: undefined,
  }));
  await scheduleResealing(parts);
}

/** Handles jobs of kind `RESEAL`: one step a run. */
export function createResealing(
  parts: ResealingParts & {
    readonly sealer: RotatingSealer;
    readonly instances: Pick<Instances, 'list'>;
    readonly journal: Journal;
    readonly log: Logger;
    /** tells the worker that a job is due sooner than it thinks */
    readonly poke: () => void;
  },
): (job: Job) => Promise<void> {
  const { store, jobs, sealer, instances, journal, log, nowMs, poke } = parts;

  async function again(delayMs: number): Promise<void> {
    await jobs.schedule({ kind: RESEAL, id: ID, dueAtMs: nowMs() + delayMs });
    poke();
  }

  async function load(target: string): Promise<Progress> {
    const kept = await store.get<Progress>(PROGRESS);
    return kept?.target === target ? kept : { target, position: PASS_BEGIN, resealed: 0, unreadable: 0, isDone: false };
  }

  return async function reseal() {
    const target = sealer.currentId;
    const running = await instances.list();
    // while one still seals with another key, a pass would leave behind what that one writes
    if (running.some(({ keys }) => keys.data[0]?.id !== target)) return again(PUT_OFF_MS);
    const progress = await load(target);
    if (progress.isDone) return jobs.cancel(RESEAL, ID);
    const step = await resealStep({ store, sealer }, progress.position, STEP);
    for (const key of step.unreadable) log.error({ key }, 'a record cannot be read with any data key');
    const after: Progress = {
      target,
      position: step.next ?? progress.position,
      resealed: progress.resealed + step.resealed,
      unreadable: progress.unreadable + step.unreadable.length,
      isDone: step.next === undefined,
    };
    await store.set(PROGRESS, after, PROGRESS_SECONDS);
    if (!after.isDone) return again(PAUSE_MS);
    const { resealed, unreadable } = after;
    log.info({ resealed, unreadable, key: target }, 'everything is encrypted with the present data key');
    await journal.record({ event: 'data.resealed', reasons: [target], records: resealed, unreadable });
    await jobs.cancel(RESEAL, ID);
  };
}
