// Where the log goes: standard output, line by line, and never at the price of the process. A disk that is full, or a reader that stands
// still, is nothing to end or to wait for (R7): lines are held for a while, then dropped, and the log says how many once it goes on.

import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const HOLD_BYTES = 1_048_576;
/** Soon, as a pipe takes 64 KiB at a time, and a reader that is only slow should be kept up with. */
const TRY_AGAIN_MS = 50;
/** A process that ends waits so long for a reader that is slow. */
const LAST_WAIT_MS = 500;

export interface Output extends DestinationStream {
  /** What is held goes out now if it can, within half a second: for a process that ends. */
  flush(): void;
}

/** @param options.write one try to write bytes; says how many it took. It throws what `fs.writeSync` throws, and never waits */
export function createOutput(options: {
  readonly write: (bytes: Buffer | string) => number;
  readonly holdBytes?: number;
}): Output {
  const { write, holdBytes = HOLD_BYTES } = options;
  let held: Buffer[] = [];
  let bytesHeld = 0;
  let dropped = 0;
  let isClosed = false;
  let again: NodeJS.Timeout | undefined;

  /** @returns what is left of it */
  function tryToWrite(bytes: Buffer | string): Buffer | undefined {
    try {
      const size = Buffer.byteLength(bytes);
      const written = write(bytes);
      return written === size ? undefined : Buffer.from(bytes as string).subarray(written);
    } catch (error) {
      // whoever read it has gone for good
      isClosed ||= (error as NodeJS.ErrnoException).code === 'EPIPE';
      return Buffer.from(bytes as string);
    }
  }

  function hold(line: Buffer, isBegun: boolean): void {
    if (!isBegun && bytesHeld + line.length > holdBytes) dropped += 1;
    else {
      held.push(line);
      bytesHeld += line.length;
    }
    if (again) return;
    again = setInterval(goOn, TRY_AGAIN_MS).unref();
    process.on('exit', output.flush);
  }

  function goOn(): void {
    // beside lines of our own, as one call for each would take as long as a disk that is slow
    const rest = held.length > 0 && !isClosed ? tryToWrite(Buffer.concat(held)) : undefined;
    held = rest && !isClosed ? [rest] : [];
    bytesHeld = rest?.length ?? 0;
    if (held.length > 0) return;
    clearInterval(again);
    again = undefined;
    process.off('exit', output.flush);
    const count = dropped;
    dropped = 0;
    if (count > 0) output.write(lineAbout(count));
  }

  const output: Output = {
    write(line) {
      if (isClosed) return;
      if (held.length > 0) return hold(Buffer.from(line), false);
      const rest = tryToWrite(line);
      // one that is out in part is seen through, or the next would be no line either
      if (rest && !isClosed) hold(rest, true);
    },
    flush() {
      const until = performance.now() + LAST_WAIT_MS;
      const nothing = new Int32Array(new SharedArrayBuffer(4));
      if (again) goOn();
      while (again && performance.now() < until) {
        Atomics.wait(nothing, 0, 0, 10);
        goOn();
      }
    },
  };
  return output;
}

function lineAbout(dropped: number): string {
  const msg = 'lines of this log were dropped while it could not be written';
  return `${JSON.stringify({ level: 'error', time: new Date().toISOString(), dropped, msg })}\n`;
}

/** Standard output. */
export function standardOutput(): Output {
  // its mere look at a pipe has the pipe say EAGAIN where it would have us wait for its reader
  const { fd } = process.stdout;
  return createOutput({ write: (bytes) => (typeof bytes === 'string' ? writeSync(fd, bytes) : writeSync(fd, bytes)) });
}
