// Writes an archive beside its place, as FILE.part, and puts it there when it is whole. What a crash leaves is gone on with: whole
// chunks are kept, and what was cut off behind them is written again.

import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ArchiveFault, type Chunk, type ChunkCipher, createChunkCipher, type Header } from './format.ts';
import { type NumberedChunk, openArchive } from './reader.ts';

export interface ArchiveWriter {
  readonly header: Header;
  append(chunk: Chunk): Promise<void>;
  /** Behind the closing chunk: on the disk, and nothing more can be appended. */
  finish(): Promise<void>;
  /** Safe to repeat; what was appended stays. */
  close(): Promise<void>;
}

export const partOf = (path: string): string => `${path}.part`;

export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw new ArchiveFault('unreadable', `${path} cannot be looked at: ${explain(error)}`, { cause: error });
    },
  );
}

/** @throws ArchiveFault not-begun: also when there is a FILE.part already */
export async function beginArchive(
  path: string,
  header: Header,
  dataKeys: readonly Uint8Array[],
): Promise<ArchiveWriter> {
  const line = JSON.stringify(header);
  const cipher = createChunkCipher(header, line, dataKeys);
  const file = await written(path, () => open(partOf(path), 'wx', 0o600), 'not-begun');
  const start = Buffer.from(`${line}\n`);
  try {
    await written(path, () => file.writeFile(start), 'not-begun');
  } catch (error) {
    await file.close();
    await removePart(path);
    throw error;
  }
  return createWriter({ path, file, cipher, header }, { position: start.length, number: 0 });
}

/**
 * Goes on with FILE.part behind its last whole chunk.
 *
 * @param told each chunk that is there already
 * @throws ArchiveFault
 */
export async function goOnWithArchive(
  path: string,
  dataKeys: readonly Uint8Array[],
  told: (chunk: NumberedChunk) => void,
): Promise<ArchiveWriter> {
  const archive = await openArchive(partOf(path), dataKeys);
  let place = { position: archive.begin, number: 0 };
  try {
    for await (const chunk of archive.chunks()) {
      // everything may be there but its place: the end is written again
      if (chunk.chunk.kind === 'end') break;
      told(chunk);
      place = { position: chunk.end, number: chunk.number + 1 };
    }
  } catch (error) {
    if (!(error instanceof ArchiveFault)) throw error;
  } finally {
    await archive.close();
  }
  const file = await written(path, () => open(partOf(path), 'r+'));
  await written(path, () => file.truncate(place.position));
  return createWriter({ path, file, cipher: archive.cipher, header: archive.header }, place);
}

function createWriter(
  { path, file, cipher, header }: { path: string; file: FileHandle; cipher: ChunkCipher; header: Header },
  start: { readonly position: number; readonly number: number },
): ArchiveWriter {
  let { position, number } = start;
  let isClosed = false;

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    await file.close();
  }

  return {
    header,
    async append(chunk) {
      const bytes = await cipher.seal(number, chunk);
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await written(path, () =>
          file.write(bytes, done, bytes.length - done, position + done),
        );
        done += bytesWritten;
      }
      position += bytes.length;
      number += 1;
    },
    async finish() {
      await written(path, () => file.sync());
      await close();
    },
    close,
  };
}

/** Takes back what was begun. Safe to repeat. */
export async function removePart(path: string): Promise<void> {
  await rm(partOf(path), { force: true });
}

/** Puts a finished archive in its place. @throws ArchiveFault not-written: something is there */
export async function putInPlace(path: string): Promise<void> {
  if (await isThere(path)) throw new ArchiveFault('not-written', `${path} is there already; it was not overwritten`);
  await written(path, () => rename(partOf(path), path));
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

/** What goes wrong with the file itself, as the operator has to know it. */
export async function written<T>(
  path: string,
  work: () => Promise<T>,
  code: 'not-written' | 'not-begun' = 'not-written',
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ArchiveFault(code, `${partOf(path)} cannot be written: ${explain(cause)}`, { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full (ENOSPC): make room',
  EDQUOT: 'the disk is full for this user (EDQUOT): make room',
  ENOENT: 'its folder does not exist (ENOENT): make it first',
  ENOTDIR: 'there is a file where a folder should be (ENOTDIR): name another',
  EACCES: 'this user may not write there (EACCES): name another folder, or let it',
  EPERM: 'this user may not write there (EPERM): name another folder, or let it',
  EROFS: 'the file system is read-only (EROFS): name a folder on another',
};

function explain(error: unknown): string {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? code;
}
