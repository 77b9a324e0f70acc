// Everything of a storage into an archive, resumable. A backup may be made while providers run: each record is then as it was at one
// moment, and not all at the same. A move marks the storage first, so that no provider starts on it again.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../../login/ports.ts';
import type { Bulk, JobName, StoredRow } from '../bulk.ts';
import { dataKeyId } from '../sealer.ts';
import { checkArchive, countChunk } from './check.ts';
import { ArchiveFault, type Chunk, FORMAT, FORMAT_VERSION, type Header } from './format.ts';
import { kindOfJob, kindOfRecord } from './kinds.ts';
import type { Marks } from './marks.ts';
import { readArchiveHeader } from './reader.ts';
import { type Counter, createCounter, type Tally } from './tally.ts';
import {
  type ArchiveWriter,
  beginArchive,
  goOnWithArchive,
  isThere,
  partOf,
  putInPlace,
  removePart,
} from './writer.ts';

/** An interrupted one is gone on with for so long; later its first half is too old to go with the second. */
export const RESUMABLE_SECONDS = 86_400;

/**
 * Read before everything else: the lines it names lie there already, and are found behind it. Read in its turn, after the lines of a
 * busy hour were written behind the reader's back, it would name lines that the archive lacks, and the chain would look broken.
 */
const READ_FIRST = 'journal:head';

export interface ExportParts {
  readonly bulk: Bulk;
  readonly marks: Marks;
  readonly clock: Clock;
  readonly dataKeys: readonly Uint8Array[];
  /** keyed hash of where the storage is */
  readonly source: string;
  /** the program's version */
  readonly program: string;
  /** Which providers run on this storage now, as an operator would name them. */
  readonly findRunning: () => Promise<readonly string[]>;
  /** Called once a new archive is begun, before its first record is read. */
  readonly begun: (header: Header) => Promise<void>;
  /** Called after each chunk, with what is in the archive so far. */
  readonly told: (progress: Progress) => void;
}

export interface Progress {
  readonly phase: 'reading' | 'checking' | 'writing' | 'comparing';
  readonly tally: Tally;
}

export interface ExportOrder {
  readonly path: string;
  readonly kind: Header['kind'];
  readonly resume: boolean;
}

export type ExportOutcome =
  | { readonly kind: 'exported'; readonly header: Header; readonly tally: Tally; readonly bytes: number }
  | { readonly kind: 'refused'; readonly why: ExportRefusal; readonly detail?: string };

export type ExportRefusal =
  /** FILE is there, or FILE.part is and it was not said to go on, or it was and is not */
  | 'file-exists'
  | 'part-exists'
  | 'no-part'
  /** FILE.part is of another storage, of the other kind, too old, or was killed before it had its first line */
  | 'other-part'
  | 'torn-part'
  | 'old-part'
  /** a move, and providers run */
  | 'running'
  /** an archive has not wholly arrived here */
  | 'arriving';

/** @throws ArchiveFault | StorageUnavailable   what is written stays, to be gone on with */
export async function exportArchive(parts: ExportParts, order: ExportOrder): Promise<ExportOutcome> {
  const { marks, dataKeys, told } = parts;
  const { path, kind, resume } = order;
  if (await isThere(path)) return refused('file-exists');
  if (resume !== (await isThere(partOf(path)))) return refused(resume ? 'no-part' : 'part-exists');
  if ((await marks.standing()).kind === 'arriving') return refused('arriving');
  const counter = createCounter();
  const place: Place = { isBegun: false, key: '', job: undefined };
  const header = resume ? await readPart(path, dataKeys) : createHeader(parts, kind);
  if (header === undefined) return refused('torn-part');
  const refusal = resume ? judgePart(parts, header, order) : undefined;
  if (refusal) return refusal;
  const writer = resume
    ? await goOnWithArchive(path, dataKeys, ({ chunk }) => {
        countChunk(counter, chunk);
        moveOn(place, chunk);
      })
    : await beginArchive(path, header, dataKeys);
  try {
    // only now: a storage must not be left as moved away for want of a folder to write to
    const running = await departIfMove(parts, header);
    if (running) {
      if (!resume) await removePart(path);
      return running;
    }
    if (!resume) await parts.begun(header);
    await copy(parts, writer, counter, place);
    await writer.append({ kind: 'end', tally: counter.read() });
    await writer.finish();
  } finally {
    await writer.close();
  }
  const { tally, bytes } = await checkArchive(partOf(path), dataKeys, (tally) => told({ phase: 'checking', tally }));
  await putInPlace(path);
  return { kind: 'exported', header, tally, bytes };
}

type Refused = Extract<ExportOutcome, { kind: 'refused' }>;

function refused(why: ExportRefusal, detail?: string): Refused {
  return { kind: 'refused', why, ...(detail === undefined ? {} : { detail }) };
}

function createHeader({ program, clock, source, dataKeys }: ExportParts, kind: Header['kind']): Header {
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    id: randomBytes(16).toString('base64url'),
    program,
    createdAt: clock.now(),
    kind,
    source,
    keys: dataKeys.map(dataKeyId),
  };
}

/** @returns undefined where there is nothing to go on with @throws ArchiveFault */
async function readPart(path: string, dataKeys: readonly Uint8Array[]): Promise<Header | undefined> {
  try {
    return await readArchiveHeader(partOf(path), dataKeys);
  } catch (error) {
    if (error instanceof ArchiveFault && error.code === 'not-an-archive') return undefined;
    throw error;
  }
}

function judgePart({ source, clock }: ExportParts, header: Header, { kind }: ExportOrder): Refused | undefined {
  if (header.source !== source || header.kind !== kind) return refused('other-part');
  return clock.now() - header.createdAt > RESUMABLE_SECONDS ? refused('old-part') : undefined;
}

/** Marked first and looked for providers afterwards: one that starts in between sees the mark, or is seen. */
async function departIfMove({ marks, clock, findRunning }: ExportParts, header: Header): Promise<Refused | undefined> {
  if (header.kind !== 'move') return undefined;
  const wasAway = (await marks.standing()).kind === 'away';
  await marks.depart({ archive: header.id, at: clock.now() });
  const running = await findRunning();
  if (running.length === 0) return undefined;
  if (!wasAway) await marks.callOff();
  return refused('running', running.join(', '));
}

async function copy(
  { bulk, clock, told }: ExportParts,
  writer: ArchiveWriter,
  counter: Counter,
  place: Readonly<Place>,
): Promise<void> {
  async function append(chunk: Chunk): Promise<void> {
    await writer.append(chunk);
    countChunk(counter, chunk);
    told({ phase: 'reading', tally: counter.read() });
  }
  if (!place.isBegun) await append({ kind: 'rows', rows: await readFirst(bulk, clock.now()) });
  if (place.job === undefined) {
    for await (const page of bulk.rows(place.key, clock.now())) {
      const rows = page.filter(({ key }) => kindOfRecord(key).fate !== 'own' && key !== READ_FIRST);
      if (rows.length > 0) await append({ kind: 'rows', rows });
    }
  }
  for await (const page of bulk.jobs(place.job)) {
    const jobs = page.filter(({ kind }) => kindOfJob(kind).fate !== 'own');
    if (jobs.length > 0) await append({ kind: 'jobs', jobs });
  }
}

async function readFirst(bulk: Bulk, now: number): Promise<readonly StoredRow[]> {
  // the key right before it in byte order, as far as keys go
  for await (const page of bulk.rows(READ_FIRST.slice(0, -1), now)) return page.filter(({ key }) => key === READ_FIRST);
  return [];
}

/** Behind what is in the archive already. */
interface Place {
  isBegun: boolean;
  key: string;
  job: JobName | undefined;
}

function moveOn(place: Place, chunk: Chunk): void {
  place.isBegun = true;
  const last = chunk.kind === 'rows' ? chunk.rows.at(-1)?.key : undefined;
  if (last !== undefined && last !== READ_FIRST) place.key = last;
  if (chunk.kind === 'jobs') place.job = chunk.jobs.at(-1) ?? place.job;
}
