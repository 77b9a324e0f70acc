// A worker's line to its primary. When it breaks the primary is gone, and so is the port: what is under way is finished then, and the
// process ends. node:cluster would end it on the spot.

import cluster from 'node:cluster';
import type { Relay } from '../storage/shared-bus.ts';
import type { Exposition } from '../telemetry/metrics.ts';
import type { ToPrimary, ToWorker } from './messages.ts';

export interface Link {
  send(message: ToPrimary): void;
  /** Resolves when it has been handed over, or the primary is gone. */
  sendLast(message: ToPrimary): Promise<void>;
  /** what several processes have in common: what they have counted, and who is woken */
  readonly exposition: Exposition;
  readonly relay: Relay;
}

/** More than the primary waits for the others. */
const EXPOSITION_MS = 3_000;

/** @param on.message what is meant for the worker itself */
export function openLink(on: { message(message: ToWorker): void; broken(): void }): Link {
  const hearBus = new Set<(line: string) => void>();
  const expositions = new Map<number, (answer: Awaited<ReturnType<Exposition>>) => void>();
  let lastQuestion = 0;

  function sendLast(message: ToPrimary): Promise<void> {
    return new Promise((resolve) => {
      if (process.send && process.connected) process.send(message, undefined, undefined, () => resolve());
      else resolve();
    });
  }
  const send = (message: ToPrimary) => void sendLast(message);

  process.on('message', (message: ToWorker) => {
    if (message.kind === 'bus') for (const hear of hearBus) hear(message.line);
    else if (message.kind === 'exposition') expositions.get(message.question)?.(message);
    else on.message(message);
  });
  cluster.worker?.once('disconnect', () => {
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
    on.broken();
  });

  return {
    send,
    sendLast,
    relay: {
      send: (line) => sendLast({ kind: 'bus', line }),
      listen: (receive) => void hearBus.add(receive),
    },
    exposition() {
      const question = ++lastQuestion;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          expositions.delete(question);
          reject(new Error(`the primary did not answer within ${EXPOSITION_MS} ms`));
        }, EXPOSITION_MS);
        expositions.set(question, (answer) => {
          clearTimeout(timer);
          expositions.delete(question);
          resolve(answer);
        });
        send({ kind: 'expose', question });
      });
    },
  };
}
