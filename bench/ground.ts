// Provider (one instance or several) and stand-in of one round, in a folder and a storage of their own, for as long as they are asked something.

import { freePort } from '../test/support/ports.ts';
import type { Figures } from './figures.ts';
import { makeFolder } from './folders.ts';
import type { Places } from './login-flow.ts';
import type { Gauge } from './probe.ts';
import { type Provider, type StandIn, startProvider, startStandIn } from './processes.ts';
import { makeRoom, type StorageKind } from './rooms.ts';

export interface Standing {
  /** the first instance; what it is asked for is told of all together */
  readonly provider: Provider;
  readonly standIn: StandIn;
  readonly places: Places;
  readonly storageUrl: string;
  /** ends both processes; folder and storage go with them */
  stop(): Promise<void>;
}

export interface Ground extends Omit<Standing, 'stop'> {
  readonly figures: Figures;
}

export interface GroundSettings {
  /** fills the storage before the provider opens it */
  readonly prepare?: (storageUrl: string) => Promise<void>;
  readonly storage: StorageKind;
  readonly clients?: number;
  /** clients in the file that nobody uses */
  readonly fillers?: number;
  readonly profile?: string | undefined;
  /** what the provider asks of its storage is counted */
  readonly counts?: boolean;
  /** how many processes share the storage and the issuer */
  readonly instances?: number;
}

export async function openGround(settings: GroundSettings): Promise<Standing> {
  const { storage, clients, fillers, instances = 1, prepare, ...rest } = settings;
  const folder = await makeFolder({ clients, fillers });
  const room = makeRoom(storage, folder);
  await prepare?.(room.url);
  const ports = await Promise.all(Array.from({ length: instances }, freePort));
  const [port = 0] = ports;
  const standInPort = await freePort();
  const webhookUrl = `http://127.0.0.1:${port}/webhooks/didit`;
  const standIn = await startStandIn({ folder, port: standInPort, webhookUrl });
  const all: Provider[] = [];
  for (const each of ports)
    all.push(await startProvider({ ...rest, folder, port: each, issuerPort: port, standInPort, storageUrl: room.url }));
  const provider = together(all);
  return {
    provider,
    standIn,
    places: { issuer: provider.issuer, standIn: standIn.url, ports },
    storageUrl: room.url,
    async stop() {
      await provider.stop();
      await standIn.stop();
      await room.remove();
      folder.remove();
    },
  };
}

/** Several instances as one: CPU and memory of all of them. */
function together(all: readonly Provider[]): Provider {
  const [first, ...others] = all;
  if (first === undefined) throw new RangeError('no instance of the provider');
  if (others.length === 0) return first;
  return {
    ...first,
    async gauge(options) {
      const gauges = await Promise.all(all.map((each) => each.gauge(options)));
      const sum = (value: (gauge: Gauge) => number) => gauges.reduce((total, gauge) => total + value(gauge), 0);
      return {
        cpuMicros: sum(({ cpuMicros }) => cpuMicros),
        memory: {
          rss: sum(({ memory }) => memory.rss),
          heapUsed: sum(({ memory }) => memory.heapUsed),
          external: sum(({ memory }) => memory.external),
        },
      };
    },
    stop: async () => void (await Promise.all(all.map((each) => each.stop()))),
  };
}

/** What fails ends the bench, and with it everything that runs. */
export async function withGround(
  settings: GroundSettings,
  figures: Figures,
  work: (ground: Ground) => Promise<void>,
): Promise<void> {
  const standing = await openGround(settings);
  await work({ ...standing, figures });
  await standing.stop();
}

export async function approveAtOnce({ standIn }: Pick<Standing, 'standIn'>): Promise<void> {
  await standIn.configure({ autoOutcome: 'approve', webhookMode: 'normal' });
}

export async function decideByHand({ standIn }: Pick<Standing, 'standIn'>): Promise<void> {
  await standIn.configure({ autoOutcome: null, webhookMode: 'lost' });
}
