// A word to a preload, and its answer.

import type { SingleChild } from '../bench/children.ts';

const TOLD_WITHIN_MS = 5_000;

/** @param answer the member of the message that says it was heard */
export function tellAndWait(child: SingleChild, message: object, answer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = child.onTold((told) => {
      if (!(answer in told)) return;
      clearTimeout(late);
      stop();
      resolve();
    });
    const late = setTimeout(() => {
      stop();
      reject(new Error(`a preload did not answer: ${answer}`));
    }, TOLD_WITHIN_MS);
    child.tell(message);
  });
}
