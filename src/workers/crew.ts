// The workers as the primary sees them: so many places, each filled by a process or waiting for the next. What has ended is replaced, ever
// more slowly when it ends soon after its start, so that a fault that comes back at once does not eat the machine; but not for the time
// after an outage of the storage. No process is made here and no clock read, which is what makes it testable: `hire` and `timing` are passed in.

import type { Logger } from '../login/ports.ts';
import { FAILED, STOP_MS, type StartFailure } from '../startup.ts';
import type { ToPrimary, ToWorker } from './messages.ts';

/** A process of ours that was started. */
export interface Worker {
  send(message: ToWorker): void;
  /** From now on it gets no new connection; it finishes what is under way, and ends. */
  release(): void;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface WorkerEvents {
  heard(message: ToPrimary): void;
  ended(how: { readonly code: number | null; readonly signal: string | null }): void;
}

export interface CrewTiming {
  /** of a clock that never goes back */
  nowMs(): number;
  /** @returns calls it off */
  after(ms: number, work: () => void): () => void;
}

export interface Member {
  /** of its place, from 1: the process in it changes */
  readonly place: number;
  readonly worker: Worker;
}

export interface CrewOptions {
  readonly size: number;
  readonly hire: (place: number, events: WorkerEvents) => Worker;
  readonly timing: CrewTiming;
  readonly log: Logger;
  /** what `ready` is answered with; `isFirst` of the very first process, which has nobody to join */
  readonly begin: (place: number, isFirst: boolean) => ToWorker;
  /** what a worker that is at work, or was until now, has to say beyond coming and going */
  readonly heard: (member: Member, message: ToPrimary) => void;
  /** a process listens from now on */
  readonly joined: (member: Member) => void;
  /** nothing more is heard of it */
  readonly left: (member: Member) => void;
}

export interface Crew {
  /** Resolves when all places are filled by processes that listen; or with why not one of the first could start. */
  readonly started: Promise<{ readonly ok: true } | { readonly ok: false; readonly failure: StartFailure }>;
  /** those that listen */
  readonly members: readonly Member[];
  /**
   * All say that work should go elsewhere, and serve what comes until they are stopped; nobody is replaced any more. Whoever was told to
   * end by the same signal (systemd sends it to all) stays on the port until then.
   */
  withdraw(): void;
  /** Lets all finish what is under way, and replaces nobody any more. Safe to repeat. @returns whether all ended well */
  stop(): Promise<boolean>;
  /** Ends all at once. */
  kill(): void;
}

/** Shorter than this is a life that hints at a fault that will come back. */
const SHORT_LIFE_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Where the storage did not answer: once it does, all is served within five seconds (R7), of which two starts take most. */
const OUTAGE_PAUSE_MS = 1_000;
const MARGIN_MS = 500;
/** A start that takes so long will not end: it takes a second, and some more with large tables of networks. */
const START_MS = 120_000;

interface Place {
  readonly place: number;
  worker: Worker | undefined;
  member: Member | undefined;
  isLeaving: boolean;
  sinceMs: number;
  /** lives in a row that were short */
  shortLives: number;
  failure: StartFailure | undefined;
  /** its last start met an outage, and that was told */
  isOutageTold: boolean;
  callOff: (() => void) | undefined;
}

export function createCrew(options: CrewOptions): Crew {
  const { size, hire, timing, log } = options;
  const places: Place[] = Array.from({ length: size }, (_, index) => ({
    place: index + 1,
    worker: undefined,
    member: undefined,
    isLeaving: false,
    sinceMs: 0,
    shortLives: 0,
    failure: undefined,
    isOutageTold: false,
    callOff: undefined,
  }));
  const started = Promise.withResolvers<Awaited<Crew['started']>>();
  const stopped = Promise.withResolvers<boolean>();
  let hasAnyBegun = false;
  let hasAnyListened = false;
  let isWithdrawn = false;
  let isStopping = false;
  let haveAllEndedWell = true;

  function fill(place: Place): void {
    place.sinceMs = timing.nowMs();
    place.isLeaving = false;
    place.failure = undefined;
    const worker: Worker = hire(place.place, {
      heard: (message) => hear(place, worker, message),
      ended: (how) => end(place, how),
    });
    place.worker = worker;
    place.callOff = timing.after(START_MS, () => worker.kill('SIGKILL'));
  }

  function hear(place: Place, worker: Worker, message: ToPrimary): void {
    if (message.kind === 'ready') {
      worker.send(options.begin(place.place, !hasAnyBegun));
      hasAnyBegun = true;
    } else if (message.kind === 'failed') place.failure = message.failure;
    else if (message.kind === 'listening') {
      place.callOff?.();
      place.isOutageTold = false;
      place.member = { place: place.place, worker };
      options.joined(place.member);
      if (isWithdrawn) worker.send({ kind: 'withdraw' });
      if (!hasAnyListened) {
        hasAnyListened = true;
        // those that fell while it was not known whether any would stand
        for (const each of places) if (each.worker === undefined) replace(each, undefined);
      }
      if (places.every(({ member }) => member !== undefined)) started.resolve({ ok: true });
    } else if (place.member) {
      options.heard(place.member, message);
      if (message.kind === 'leaving' && !isWithdrawn) release(place);
    }
  }

  function release(place: Place): void {
    const { member } = place;
    if (!member) return;
    place.member = undefined;
    place.isLeaving = true;
    member.worker.release();
    options.left(member);
    // it keeps to the time itself, unless it stands still
    place.callOff = timing.after(STOP_MS + MARGIN_MS, () => member.worker.kill('SIGKILL'));
  }

  function end(place: Place, how: { readonly code: number | null; readonly signal: string | null }): void {
    const { member } = place;
    const hasServed = member !== undefined || place.isLeaving;
    place.worker = undefined;
    place.member = undefined;
    place.callOff?.();
    if (member) options.left(member);
    if (isWithdrawn || isStopping) {
      // one that had not begun to serve may be ended in any way
      haveAllEndedWell &&= how.code === 0 || !hasServed;
      if (isStopping && places.every(({ worker }) => worker === undefined)) stopped.resolve(haveAllEndedWell);
      return;
    }
    place.failure ??= { exitCode: FAILED, message: `could not start: a worker ended with ${how.signal ?? how.code}` };
    if (hasAnyListened) replace(place, hasServed ? how : undefined);
    else if (places.every(({ worker }) => worker === undefined)) {
      const failure = places.find((each) => each.failure)?.failure ?? place.failure;
      started.resolve({ ok: false, failure });
    }
  }

  /** @param how it ended; undefined when it had not come to listen */
  function replace(
    place: Place,
    how: { readonly code: number | null; readonly signal: string | null } | undefined,
  ): void {
    const isShort = how === undefined || timing.nowMs() - place.sinceMs < SHORT_LIFE_MS;
    const isOutage = how === undefined && place.failure?.isOutage === true;
    const longestMs = isOutage ? OUTAGE_PAUSE_MS : LONGEST_PAUSE_MS;
    const pauseMs = place.shortLives === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (place.shortLives - 1), longestMs);
    place.shortLives = isShort ? place.shortLives + 1 : 0;
    const fields = { worker: place.place, pause_ms: isShort ? pauseMs : 0 };
    if (how?.code === 0) log.info(fields, 'a worker was told to end, and is replaced');
    else if (how)
      log.error({ ...fields, exit_status: how.code, signal: how.signal }, 'a worker ended, and is replaced');
    else if (!(isOutage && place.isOutageTold))
      log.error({ ...fields, failure: place.failure }, 'a worker could not start, and is started again');
    place.isOutageTold = isOutage;
    place.callOff = timing.after(fields.pause_ms, () => fill(place));
  }

  for (const place of places) fill(place);
  return {
    started: started.promise,
    get members() {
      return places.flatMap(({ member }) => (member ? [member] : []));
    },
    withdraw() {
      isWithdrawn = true;
      for (const place of places) {
        place.member?.worker.send({ kind: 'withdraw' });
        // the next in its place would be ended a moment after its start
        if (place.worker === undefined) place.callOff?.();
      }
    },
    stop() {
      if (isStopping) return stopped.promise;
      isStopping = true;
      for (const place of places) {
        place.callOff?.();
        if (place.member) release(place);
        // it has nothing under way, and might not hear a message before it has read all its code
        else if (!place.isLeaving) place.worker?.kill('SIGTERM');
      }
      if (places.every(({ worker }) => worker === undefined)) stopped.resolve(haveAllEndedWell);
      return stopped.promise;
    },
    kill() {
      isStopping = true;
      for (const { worker } of places) worker?.kill('SIGKILL');
    },
  };
}
