// Who takes part in a comparison: this provider on each storage asked for, and a bare oidc-provider. Each is started anew for a
// round, with people who have signed in once, and does the same work for them.

import { type BenchClient, clientsOf, makeFolder } from './folders.ts';
import { approveAtOnce, openGround } from './ground.ts';
import { type LoginTimes, login, loginAtOnce, newPerson, type Person } from './login-flow.ts';
import { freePort, type Provider, startBareProvider } from './processes.ts';
import { STORAGES, type StorageKind } from './rooms.ts';

export type ContenderName = StorageKind | 'bare';

export interface Contender {
  readonly name: ContenderName;
  readonly provider: Provider;
  readonly clients: readonly BenchClient[];
  readonly people: readonly Person[];
  /** with the selfie where there is one */
  login(person: Person): Promise<LoginTimes>;
  stop(): Promise<void>;
}

export interface ContenderSettings {
  readonly people: number;
  readonly clients: number;
  readonly profile: string | undefined;
  /** what ours asks of its storage is counted */
  readonly counts?: boolean;
}

export async function startContender(name: ContenderName, settings: ContenderSettings): Promise<Contender> {
  return isStorage(name) ? startOurs(name, settings) : startBare(settings);
}

function isStorage(name: ContenderName): name is StorageKind {
  return (STORAGES as readonly string[]).includes(name);
}

async function startOurs(storage: StorageKind, settings: ContenderSettings): Promise<Contender> {
  const { provider, standIn, places, stop } = await openGround({ storage, ...settings });
  await approveAtOnce({ standIn });
  return {
    name: storage,
    provider,
    clients: clientsOf(settings.clients),
    people: Array.from({ length: settings.people }, newPerson),
    login: (person) => login(person, places),
    stop,
  };
}

async function startBare(settings: ContenderSettings): Promise<Contender> {
  const folder = await makeFolder(settings.clients);
  const provider = await startBareProvider({ folder, port: await freePort(), profile: settings.profile });
  return {
    name: 'bare',
    provider,
    clients: folder.clients,
    people: Array.from({ length: settings.people }, newPerson),
    login: (person) => loginAtOnce(person, provider),
    async stop() {
      await provider.stop();
      folder.remove();
    },
  };
}
