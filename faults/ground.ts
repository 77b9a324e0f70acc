// The product as it is run: a provider and the stand-in for the vendor, each a process of its own, over records of one engine.

import { type Folder, type FolderContents, makeFolder } from '../bench/folders.ts';
import type { Places } from '../bench/login-flow.ts';
import {
  type ProviderSettings,
  type SingleProvider,
  type StandIn,
  startProvider,
  startStandIn,
} from '../bench/processes.ts';
import { freePort } from '../test/support/ports.ts';
import { type Vendor, vendorAt } from './vendor.ts';

export interface Ground {
  readonly folder: Folder;
  readonly places: Places;
  readonly standIn: StandIn;
  readonly vendor: Vendor;
  readonly storageUrl: string;
  /** the latest that was started */
  readonly provider: SingleProvider;
  /** A provider at the same address; the one before must be gone. */
  restart(): Promise<SingleProvider>;
  end(): Promise<void>;
}

export interface GroundOptions {
  readonly storageUrl: string;
  readonly folder?: FolderContents;
  readonly preloads?: readonly string[];
  readonly standInPreloads?: readonly string[];
  readonly environment?: ProviderSettings['environment'];
}

export async function openGround(options: GroundOptions): Promise<Ground> {
  const { storageUrl, preloads, standInPreloads, environment } = options;
  const folder = await makeFolder(options.folder);
  const [port, standInPort] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const start = () =>
    startProvider({
      folder,
      port,
      standInPort,
      storageUrl,
      ...(preloads ? { preloads } : {}),
      ...(environment ? { environment } : {}),
    });
  const [standIn, first] = await Promise.all([
    startStandIn({
      folder,
      port: standInPort,
      webhookUrl: `${issuer}/webhooks/didit`,
      ...(standInPreloads ? { preloads: standInPreloads } : {}),
    }),
    start(),
  ]);
  let provider = first;
  return {
    folder,
    places: { issuer, standIn: standIn.url, ports: [port] },
    standIn,
    vendor: vendorAt(standIn.url),
    storageUrl,
    get provider() {
      return provider;
    },
    async restart() {
      provider = await start();
      return provider;
    },
    async end() {
      await Promise.all([provider.kill(), standIn.kill()]);
      folder.remove();
    },
  };
}
