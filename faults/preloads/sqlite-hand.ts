// Loaded into a provider before its own program (`node --import`): what it is told is said to its SQLite connection, as PRAGMA that
// make a file read-only or full. A disk cannot be filled for one file alone; the errors are SQLite's own all the same.

import { DatabaseSync } from 'node:sqlite';

const opened = new Set<DatabaseSync>();
const { prepare } = DatabaseSync.prototype;
DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...given: Parameters<typeof prepare>) {
  opened.add(this);
  return prepare.apply(this, given);
};

process.on('message', ({ sqlite }: { sqlite?: string }) => {
  if (sqlite === undefined) return;
  for (const database of opened) if (database.isOpen) database.exec(sqlite);
  process.send?.({ sqliteTold: true });
});
