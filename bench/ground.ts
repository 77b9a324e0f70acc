// Provider and stand-in of one round, in a folder and a storage of their own, for as long as they are asked something.

import type { Figures } from './figures.ts';
import { makeFolder } from './folders.ts';
import type { Places } from './login-flow.ts';
import { freePort, type Provider, type StandIn, startProvider, startStandIn } from './processes.ts';
import { makeRoom, type StorageKind } from './rooms.ts';

export interface Standing {
  readonly provider: Provider;
  readonly standIn: StandIn;
  readonly places: Places;
  /** ends both processes; folder and storage go with them */
  stop(): Promise<void>;
}

export interface Ground extends Omit<Standing, 'stop'> {
  readonly figures: Figures;
}

export interface GroundSettings {
  readonly storage: StorageKind;
  readonly clients?: number;
  readonly profile?: string | undefined;
  /** what the provider asks of its storage is counted */
  readonly counts?: boolean;
}

export async function openGround({ storage, clients, profile, counts = false }: GroundSettings): Promise<Standing> {
  const folder = await makeFolder(clients);
  const room = makeRoom(storage, folder);
  const port = await freePort();
  const standInPort = await freePort();
  const webhookUrl = `http://127.0.0.1:${port}/webhooks/didit`;
  const standIn = await startStandIn({ folder, port: standInPort, webhookUrl });
  const provider = await startProvider({ folder, port, standInPort, storageUrl: room.url, profile, counts });
  return {
    provider,
    standIn,
    places: { issuer: provider.issuer, standIn: standIn.url },
    async stop() {
      await provider.stop();
      await standIn.stop();
      await room.remove();
      folder.remove();
    },
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
