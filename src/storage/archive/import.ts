// An archive into a storage that nobody has used: checked as a whole first, then taken over chunk by chunk, then compared with what the
// engine hands out. How far it is stands in the storage itself; until it is finished no provider starts there. A restore leaves out
// what may have been used or taken back since the archive was made (`kinds.ts`).

import type { Clock, Store } from '../../login/ports.ts';
import type { Bulk, StoredJob, StoredRow } from '../bulk.ts';
import { type CheckedArchive, checkArchive, isSame } from './check.ts';
import type { Progress } from './export.ts';
import { ArchiveFault, type Chunk, type Header } from './format.ts';
import { GIVES_WAY, isOfNoAccount, isWanted, kindOfJob, kindOfRecord, type Manner } from './kinds.ts';
import type { Arrival, LeftOut, Marks } from './marks.ts';
import { openArchive, readArchiveHeader } from './reader.ts';
import { createCounter, NOTHING, type Tally } from './tally.ts';

/** So long after it was begun an archive can be the other half of a move. Later, who knows where else it was moved to. */
export const MOVE_SECONDS = 86_400;

export interface ImportParts {
  readonly bulk: Bulk;
  readonly store: Store;
  readonly marks: Marks;
  readonly clock: Clock;
  readonly dataKeys: readonly Uint8Array[];
  /** Which providers run on this storage now, as an operator would name them. */
  readonly findRunning: () => Promise<readonly string[]>;
  /** The right to write, which one import at a time may have. @returns undefined when another has it */
  readonly takeLease: () => Promise<ImportLease | undefined>;
  /** What else there is to do, once everything is here and has been compared, before anybody can be served. May run twice. */
  readonly finish: (arrival: Arrival) => Promise<void>;
  readonly told: (progress: Progress) => void;
  /** A file that was exported as a move may be restored while it could still be one: said in so many words. */
  readonly restoresMoves: boolean;
}

export interface ImportLease {
  /** @returns false when another import has it now */
  keep(): Promise<boolean>;
  release(): Promise<void>;
}

export type ImportOutcome =
  | { readonly kind: 'imported'; readonly archive: CheckedArchive; readonly arrival: Arrival }
  | { readonly kind: 'already'; readonly header: Header; readonly arrival: Arrival }
  | { readonly kind: 'refused'; readonly why: ImportRefusal; readonly detail?: string };

export type ImportRefusal =
  /** there is something of somebody in the storage */
  | 'filled'
  | 'running'
  /** another import writes at this moment, or was killed less than a minute ago */
  | 'under-way'
  /** another archive has not wholly arrived, or this one in another manner */
  | 'other-arrival'
  /** asked for as a move, and it is a backup, or too old */
  | 'no-move'
  | 'old-move'
  /** asked for as a restore, and it can still be a move: what a restore leaves out could not be brought afterwards */
  | 'is-move';

/** @throws ArchiveFault | StorageUnavailable   what has arrived stays, to be gone on with */
export async function importArchive(parts: ImportParts, path: string, manner: Manner): Promise<ImportOutcome> {
  const header = await readArchiveHeader(path, parts.dataKeys);
  const early = await judge(parts, header, manner);
  if (early) return early;
  const archive = await checkArchive(path, parts.dataKeys, (tally) => parts.told({ phase: 'checking', tally }));
  const lease = await parts.takeLease();
  if (!lease) return { kind: 'refused', why: 'under-way' };
  try {
    // again, as the check may have taken long
    const late = await judge(parts, header, manner);
    if (late) return late;
    return { kind: 'imported', archive, arrival: await arrive(parts, lease, { path, header, manner }) };
  } finally {
    // with the storage away it ends by itself, and what failed before is what counts
    await lease.release().catch(() => {});
  }
}

/** @returns why nothing is to be done; undefined when the archive may begin to arrive, or go on */
async function judge(
  { bulk, clock, findRunning, marks, restoresMoves }: ImportParts,
  header: Header,
  manner: Manner,
): Promise<Exclude<ImportOutcome, { kind: 'imported' }> | undefined> {
  const arrival = await marks.arrival();
  if (arrival?.archive === header.id && arrival.finishedAt !== undefined) return { kind: 'already', header, arrival };
  const running = await findRunning();
  if (running.length > 0) return { kind: 'refused', why: 'running', detail: running.join(', ') };
  if (arrival && arrival.finishedAt === undefined) {
    const isThis = arrival.archive === header.id && JSON.stringify(arrival.manner) === JSON.stringify(manner);
    return isThis ? undefined : { kind: 'refused', why: 'other-arrival', detail: arrival.archive };
  }
  const now = clock.now();
  const isOld = now - header.createdAt > MOVE_SECONDS;
  if (manner.kind === 'move' && header.kind !== 'move') return { kind: 'refused', why: 'no-move' };
  if (manner.kind === 'move' && isOld) return { kind: 'refused', why: 'old-move' };
  if (manner.kind === 'restore' && header.kind === 'move' && !isOld && !restoresMoves)
    return { kind: 'refused', why: 'is-move' };
  const found = await findFirst(bulk, now);
  return found === undefined ? undefined : { kind: 'refused', why: 'filled', detail: found };
}

interface Order {
  readonly path: string;
  readonly header: Header;
  readonly manner: Manner;
}

async function arrive(parts: ImportParts, lease: ImportLease, { path, header, manner }: Order): Promise<Arrival> {
  const { marks, clock } = parts;
  const earlier = await marks.arrival();
  let arrival = earlier?.archive === header.id ? earlier : beginning(header.id, manner, clock.now());
  if (arrival !== earlier) await marks.note(arrival);
  if (arrival.comparedAt === undefined) {
    arrival = await takeOver(parts, lease, path, arrival);
    await compare(parts, lease, arrival);
    arrival = { ...arrival, comparedAt: clock.now() };
    await marks.note(arrival);
  }
  await parts.finish(arrival);
  arrival = { ...arrival, finishedAt: clock.now() };
  await marks.note(arrival);
  return arrival;
}

function beginning(archive: string, manner: Manner, startedAt: number): Arrival {
  return { archive, manner, startedAt, next: 0, taken: NOTHING, left: { unwanted: {}, expired: 0, dangling: 0 } };
}

/** @throws ArchiveFault overtaken: another import would write beside this one, perhaps after a provider has begun to serve */
async function keepAlone(lease: ImportLease): Promise<void> {
  if (!(await lease.keep()))
    throw new ArchiveFault('overtaken', 'another import into this storage has begun meanwhile');
}

/** @returns the kind of the first thing that is somebody's */
async function findFirst(bulk: Bulk, now: number): Promise<string | undefined> {
  for await (const page of bulk.rows('', now)) {
    const found = page.find(({ key }) => !isOfNoAccount(key));
    if (found) return kindOfRecord(found.key).name;
  }
  for await (const page of bulk.jobs()) {
    const found = page.find(({ kind }) => kindOfJob(kind).fate !== 'own');
    if (found) return kindOfJob(found.kind).name;
  }
  return undefined;
}

async function takeOver(parts: ImportParts, lease: ImportLease, path: string, begun: Arrival): Promise<Arrival> {
  const archive = await openArchive(path, parts.dataKeys);
  try {
    let arrival = begun;
    // once the mark stands, so that no provider makes it anew; a first chunk that had arrived by half arrives again
    if (arrival.next === 0) for (const key of GIVES_WAY) await parts.store.delete(key);
    for await (const { number, chunk } of archive.chunks(begun.next)) {
      if (chunk.kind === 'end') continue;
      await keepAlone(lease);
      arrival = { ...(await takeChunk(parts, chunk, arrival)), next: number + 1 };
      await parts.marks.note(arrival);
      parts.told({ phase: 'writing', tally: arrival.taken });
    }
    return arrival;
  } finally {
    await archive.close();
  }
}

/** Safe to repeat: what a crash left of it is there already, and is what it should be, or the comparison finds it. */
async function takeChunk(
  parts: ImportParts,
  chunk: Exclude<Chunk, { kind: 'end' }>,
  arrival: Arrival,
): Promise<Arrival> {
  const counter = createCounter(arrival.taken);
  const unwanted = new Map(Object.entries(arrival.left.unwanted));
  const leaveOut = (name: string) => unwanted.set(name, (unwanted.get(name) ?? 0) + 1);
  let { expired, dangling } = arrival.left;
  if (chunk.kind === 'jobs') {
    const jobs = chunk.jobs.filter(({ kind }) => isWanted(kindOfJob(kind), arrival.manner));
    for (const job of chunk.jobs) if (!jobs.includes(job)) leaveOut(kindOfJob(job.kind).name);
    await parts.bulk.addJobs(jobs);
    for (const job of jobs) counter.job(job);
  } else {
    const wanted: StoredRow[] = [];
    for (const row of chunk.rows) {
      if (!isWanted(kindOfRecord(row.key), arrival.manner)) leaveOut(kindOfRecord(row.key).name);
      else if (row.expiresAt <= arrival.startedAt) expired += 1;
      else wanted.push(row);
    }
    const rows = arrival.manner.kind === 'move' ? wanted : await withoutDangling(parts.store, wanted);
    dangling += wanted.length - rows.length;
    await parts.bulk.addRows(rows, arrival.startedAt);
    for (const row of rows) counter.row(row);
  }
  const left: LeftOut = { unwanted: Object.fromEntries([...unwanted].sort()), expired, dangling };
  return { ...arrival, taken: counter.read(), left };
}

const IDENTIFIER = 'identifier:';
const accountKey = (id: string): string => `account:${id}`;

/**
 * An account that came or went while a backup was made may be in it by half. One without its identifier is found by nobody; an
 * identifier without its account would be taken for ever. Accounts come first in byte order, so those that are here are all.
 */
async function withoutDangling(store: Store, rows: readonly StoredRow[]): Promise<readonly StoredRow[]> {
  const here = new Set(rows.map(({ key }) => key));
  const isWhole = async ({ key, text }: StoredRow): Promise<boolean> => {
    if (!key.startsWith(IDENTIFIER)) return true;
    const account = accountKey(JSON.parse(text));
    return here.has(account) || (await store.get(account)) !== undefined;
  };
  const whole = await Promise.all(rows.map(isWhole));
  return rows.filter((_, index) => whole[index]);
}

/** Everything that is here, read again: what was counted on its way in, no more, no fewer, and none of it changed. */
async function compare({ bulk, told }: ImportParts, lease: ImportLease, { startedAt, taken }: Arrival): Promise<void> {
  const counter = createCounter();
  const isOurs = (row: StoredRow) => kindOfRecord(row.key).fate !== 'own';
  const isOurJob = (job: StoredJob) => kindOfJob(job.kind).fate !== 'own';
  for await (const page of bulk.rows('', startedAt)) {
    await keepAlone(lease);
    for (const row of page.filter(isOurs)) counter.row(row);
    told({ phase: 'comparing', tally: counter.read() });
  }
  for await (const page of bulk.jobs()) for (const job of page.filter(isOurJob)) counter.job(job);
  if (!isSame(counter.read(), taken)) throw new ArchiveFault('different', describeDifference(taken, counter.read()));
}

function describeDifference(taken: Tally, found: Tally): string {
  const names = new Set([...Object.keys(taken.counts), ...Object.keys(found.counts)]);
  const differing = [...names].filter((name) => taken.counts[name] !== found.counts[name]);
  const what = differing.map((name) => `${name}: ${found.counts[name] ?? 0} of ${taken.counts[name] ?? 0}`).join(', ');
  return `the storage does not hold what was imported (${what || 'something was changed'}); empty it, and begin again`;
}
