// A picture of a face from a file of the operator's, as good as one from the vendor: a JPEG, whole, and small enough to be sent with
// every login that is compared with it.

import { readFile, stat } from 'node:fs/promises';
import { isJpeg } from '../core/jpeg.ts';

export type PortraitFileReading =
  | { readonly kind: 'jpeg'; readonly bytes: Uint8Array }
  | { readonly kind: 'unusable'; readonly problem: string; readonly fix: string };

/** The vendor takes 1 MB as it travels, in base64: a larger picture could be kept, and never be compared with. */
const MOST_BYTES = 750_000;

/** Never throws. */
export async function readPortraitFile(path: string): Promise<PortraitFileReading> {
  try {
    const file = await stat(path);
    // a pipe or a device would be read for ever
    if (!file.isFile()) return unusable('is no file', 'name a JPEG file');
    if (file.size > MOST_BYTES) {
      return unusable(`has ${file.size} bytes`, `scale it down: at most ${MOST_BYTES} bytes, which are 1 MB in base64`);
    }
    const bytes = await readFile(path);
    return isJpeg(bytes) ? { kind: 'jpeg', bytes } : unusable('is no JPEG', 'save the picture as JPEG');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return unusable('is not there', 'write its path as seen from the folder of the import file');
    return unusable(`cannot be read (${code ?? 'unknown'})`, 'make it readable for whoever runs this command');
  }
}

function unusable(problem: string, fix: string): PortraitFileReading {
  return { kind: 'unusable', problem, fix };
}
