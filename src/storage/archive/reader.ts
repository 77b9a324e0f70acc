// Reads an archive from the beginning, a chunk in memory at a time, and believes nothing that is not proven by its tag.

import { type FileHandle, open } from 'node:fs/promises';
import {
  ArchiveFault,
  type Chunk,
  type ChunkCipher,
  createChunkCipher,
  FORMAT,
  FORMAT_VERSION,
  type Header,
  LARGEST_CHUNK,
  LENGTH_BYTES,
  LONGEST_HEADER,
} from './format.ts';

export interface NumberedChunk {
  readonly number: number;
  readonly chunk: Chunk;
  /** where in the file it ends */
  readonly end: number;
}

export interface Archive {
  readonly header: Header;
  readonly cipher: ChunkCipher;
  /** where the first chunk begins */
  readonly begin: number;
  readonly bytes: number;
  /**
   * From the given number on, up to the closing chunk.
   *
   * @throws ArchiveFault altered | truncated
   */
  chunks(from?: number): AsyncGenerator<NumberedChunk>;
  close(): Promise<void>;
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; name the one that export has written',
  EACCES: 'this user may not read it',
};

/** @throws ArchiveFault unreadable | not-an-archive | newer-format | key-missing */
export async function openArchive(path: string, dataKeys: readonly Uint8Array[]): Promise<Archive> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    const why = WHY_UNREADABLE[cause.code ?? ''] ?? cause.code ?? 'unknown';
    throw new ArchiveFault('unreadable', `${path} cannot be read: ${why}`, { cause });
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? 'a folder' : 'no file';
      throw new ArchiveFault('unreadable', `${path} is ${what}; name the file that export has written`);
    }
    const { size } = stats;
    const { header, line } = await readHeader(file, path);
    const cipher = createChunkCipher(header, line, dataKeys);
    const begin = Buffer.byteLength(line) + 1;
    return {
      header,
      cipher,
      begin,
      bytes: size,
      chunks: (from = 0) => readChunks({ file, cipher, begin, size }, from),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What an archive says of itself; not proven before its first chunk is read. @throws ArchiveFault as `openArchive` */
export async function readArchiveHeader(path: string, dataKeys: readonly Uint8Array[]): Promise<Header> {
  const archive = await openArchive(path, dataKeys);
  await archive.close();
  return archive.header;
}

async function readHeader(file: FileHandle, path: string): Promise<{ header: Header; line: string }> {
  const start = await readAt(file, 0, LONGEST_HEADER);
  const newline = start.indexOf('\n');
  const line = start.subarray(0, Math.max(0, newline)).toString('utf8');
  const header = parse(line);
  if (header?.format !== FORMAT || !Array.isArray(header.keys))
    throw new ArchiveFault('not-an-archive', `${path} is no archive of selfie-oidc`);
  if (header.version !== FORMAT_VERSION) {
    throw new ArchiveFault(
      'newer-format',
      `${path} has format ${header.version}, this program reads ${FORMAT_VERSION}`,
    );
  }
  return { header, line };
}

function parse(line: string): Header | undefined {
  try {
    return JSON.parse(line) as Header;
  } catch {
    return undefined;
  }
}

async function* readChunks(
  { file, cipher, begin, size }: { file: FileHandle; cipher: ChunkCipher; begin: number; size: number },
  from: number,
): AsyncGenerator<NumberedChunk> {
  let at = begin;
  for (let number = 0; ; number += 1) {
    const lengthBytes = await readAt(file, at, LENGTH_BYTES);
    if (lengthBytes.length < LENGTH_BYTES) throw cutOff(number);
    const length = lengthBytes.readUInt32BE();
    if (length > LARGEST_CHUNK) throw new ArchiveFault('altered', `chunk ${number + 1} was altered`);
    const end = at + LENGTH_BYTES + length;
    if (end > size) throw cutOff(number);
    if (number >= from) {
      const chunk = await cipher.open(number, await readAt(file, at + LENGTH_BYTES, length));
      if (chunk.kind === 'end' && end !== size)
        throw new ArchiveFault('altered', 'something was put behind its last chunk');
      yield { number, chunk, end };
      if (chunk.kind === 'end') return;
    }
    at = end;
  }
}

function cutOff(number: number): ArchiveFault {
  return new ArchiveFault('truncated', `it is cut off after ${number} whole chunks`);
}

/** Shorter only where the file ends. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
