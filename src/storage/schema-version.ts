// Which form the records have, told by a number that stands beside them: made and brought up to date when a process starts, or by
// `migrate` beforehand. Each engine keeps the number and the steps its own way.

import { StorageUnavailable } from '../core/errors.ts';

/** What was found and what is there now. Equal: there was nothing to do. */
export interface Migration {
  /** 0: nothing was there */
  readonly from: number;
  readonly to: number;
}

/** @throws StorageUnavailable the records were written by a newer program: what this one does not know of it would ignore, or undo */
export function assertKnown(held: number, known: number): void {
  if (held <= known) return;
  throw new StorageUnavailable(
    `the records have schema ${held}, this program knows ${known}: they were written by a newer one, so start that`,
  );
}
