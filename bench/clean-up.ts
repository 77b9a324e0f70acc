// The end of the bench, however it comes: no child, no folder and nothing at a server stays.

import { killChildren } from './children.ts';
import { removeFolders } from './folders.ts';
import { removeRooms } from './rooms.ts';

/** Resolves when all is gone. Safe to repeat. */
export async function cleanUp(): Promise<void> {
  killChildren();
  removeFolders();
  await removeRooms();
}
