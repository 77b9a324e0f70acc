// What the processes that serve one port say to each other: the primary, which listens and watches, and its workers, which answer.
// Plain data, as structured cloning carries it. Nothing of a person or a login is in it but the name of a bus channel.

import type { ClientEntry } from '../config/client-entry.ts';
import type { Config } from '../config/config.ts';
import type { StartFailure } from '../startup.ts';
import type { Series } from '../telemetry/summed-series.ts';

export type ToWorker =
  /** the answer to `ready`; `joins`: others are at work already; `storageFile`: see `Backend.file` */
  | {
      readonly kind: 'begin';
      readonly config: Config;
      readonly number: number;
      readonly joins: boolean;
      readonly storageFile: string | undefined;
    }
  | { readonly kind: 'serve-clients'; readonly version: number; readonly clients: readonly ClientEntry[] }
  /** the files of the keys have changed */
  | { readonly kind: 'reload-keys' }
  | { readonly kind: 'bus'; readonly line: string }
  | { readonly kind: 'measure'; readonly round: number }
  | { readonly kind: 'exposition'; readonly question: number; readonly contentType: string; readonly text: string }
  | { readonly kind: 'ping' }
  /** say that work should go elsewhere, and serve what comes all the same */
  | { readonly kind: 'withdraw' }
  /** finish what is under way, and end */
  | { readonly kind: 'stop' };

export type ToPrimary =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly failure: StartFailure }
  /** the answer to `serve-clients`: refused clients were told in the log, and those before stay in use */
  | { readonly kind: 'clients-served'; readonly version: number; readonly accepted: boolean }
  /** the answer to `ping` */
  | { readonly kind: 'pong' }
  | { readonly kind: 'bus'; readonly line: string }
  /** the answer to `measure` */
  | { readonly kind: 'measured'; readonly round: number; readonly series: Series }
  /** it was told to end, and would like to be released; what it has counted until now */
  | { readonly kind: 'leaving'; readonly series: Series }
  /** asks for what all have counted */
  | { readonly kind: 'expose'; readonly question: number };
