// Putting another text in a file's place: whoever reads meanwhile gets the one before or this one, never a part, and what was told to be
// there survives a power cut. Mode and owner stay as they were.

import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces the text of a file that exists; a link stays, and what it leads to is replaced.
 *
 * @throws Error with the system's `code` where this process may not (EACCES, EPERM, EROFS), or where the file is a mount of its own (EBUSY)
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path);
  const directory = dirname(target);
  const aside = join(directory, `.${basename(target)}.${randomBytes(6).toString('hex')}`);
  try {
    {
      await using before = await open(target, 'r');
      const { mode, uid, gid } = await before.stat();
      await using file = await open(aside, 'wx', 0o600);
      const made = await file.stat();
      if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid);
      await file.chmod(mode & 0o7777);
      await file.writeFile(text);
      await file.sync();
    }
    await rename(aside, target);
  } finally {
    await rm(aside, { force: true });
  }
  await using folder = await open(directory, 'r');
  await folder.sync();
}
