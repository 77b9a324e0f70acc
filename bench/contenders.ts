// Who takes part in a comparison: this provider on each storage asked for, a bare oidc-provider, and one that makes the exchanges of a
// selfie and nothing else. Each is started anew for a round, with people who have signed in once, and does the same work for them.

import { freePort } from '../test/support/ports.ts';
import { type BenchClient, clientsOf, makeFolder } from './folders.ts';
import { approveAtOnce, openGround } from './ground.ts';
import { type LoginTimes, login, loginAtOnce, newPerson, type Person, type Places } from './login-flow.ts';
import type { ComparisonOptions } from './options.ts';
import {
  type Provider,
  startBareProvider,
  startBetterAuth,
  startExchangesProvider,
  startStandIn,
} from './processes.ts';
import type { StorageKind } from './rooms.ts';
import type { Route } from './web-client.ts';
import type { WorkloadName } from './workloads.ts';

/** One side of a comparison. */
export interface Entrant {
  readonly name: string;
  /** which works it takes part in; all unless given */
  readonly only?: readonly WorkloadName[];
  start(): Promise<Contender>;
}

export interface Contender {
  readonly provider: Provider;
  readonly clients: readonly BenchClient[];
  readonly people: readonly Person[];
  /** how many processes have to be warm before anything is measured */
  readonly instances: number;
  /** with the selfie where there is one */
  login(person: Person): Promise<LoginTimes>;
  stop(): Promise<void>;
}

export interface ContenderSettings {
  readonly people: number;
  readonly clients: number;
  /** clients in our file that nobody uses */
  readonly fillers?: number;
  readonly profile: string | undefined;
  /** what ours asks of its storage is counted */
  readonly counts?: boolean;
  /** of ours; each request goes to the next of them */
  readonly instances?: number;
  /** fills our storage before it is opened */
  readonly prepare?: (storageUrl: string) => Promise<void>;
}

export interface OurContender extends Contender {
  readonly places: Places;
  readonly storageUrl: string;
}

/** The bare provider, the floor, ours on each storage, and Better Auth where that is installed. */
export function entrantsOf(
  { storages, betterAuth }: Pick<ComparisonOptions, 'storages' | 'betterAuth'>,
  settings: ContenderSettings,
): readonly Entrant[] {
  const other = betterAuth === undefined ? [] : [betterAuth];
  return [
    { name: 'bare', start: () => startPlain(startBareProvider, settings) },
    // in all but a whole login it is the bare one
    { name: 'floor', only: ['login'], start: () => startFloor(settings) },
    ...other.map((folder) => ({
      name: 'better-auth',
      start: () => startPlain((each) => startBetterAuth(folder, each), settings),
    })),
    ...storages.map((storage) => ({ name: storage, start: () => startOurs(storage, settings) })),
  ];
}

export async function startOurs(storage: StorageKind, settings: ContenderSettings): Promise<OurContender> {
  const { provider, standIn, places, storageUrl, stop } = await openGround({ storage, ...settings });
  await approveAtOnce({ standIn });
  return {
    provider,
    clients: clientsOf(settings.clients),
    people: Array.from({ length: settings.people }, () => newPerson(inTurns(places))),
    places,
    storageUrl,
    instances: settings.instances ?? 1,
    login: (person) => login(person, places),
    stop,
  };
}

/** As a load balancer does that knows nothing of sessions. */
function inTurns({ issuer, ports }: Places): Route {
  let requests = 0;
  return (origin) => {
    if (origin !== issuer) return undefined;
    requests += 1;
    return ports[requests % ports.length];
  };
}

/** A provider that signs people in without a page. */
async function startPlain(start: typeof startBareProvider, settings: ContenderSettings): Promise<Contender> {
  const folder = await makeFolder({ clients: settings.clients });
  const provider = await start({ folder, port: await freePort(), profile: settings.profile });
  return {
    provider,
    clients: folder.clients,
    people: Array.from({ length: settings.people }, () => newPerson()),
    instances: 1,
    login: (person) => loginAtOnce(person, provider),
    async stop() {
      await provider.stop();
      folder.remove();
    },
  };
}

/** A bare provider with the exchanges of a selfie, and the stand-in for the vendor it makes them with. */
async function startFloor(settings: ContenderSettings): Promise<Contender> {
  const folder = await makeFolder({ clients: settings.clients });
  const [port, standInPort] = [await freePort(), await freePort()];
  const webhookUrl = `http://127.0.0.1:${port}/webhooks/didit`;
  const standIn = await startStandIn({ folder, port: standInPort, webhookUrl });
  await approveAtOnce({ standIn });
  const provider = await startExchangesProvider(standIn.url, { folder, port, profile: settings.profile });
  const places = { issuer: provider.issuer, standIn: standIn.url, ports: [port] };
  return {
    provider,
    clients: folder.clients,
    people: Array.from({ length: settings.people }, () => newPerson()),
    instances: 1,
    login: (person) => login(person, places),
    async stop() {
      await provider.stop();
      await standIn.stop();
      folder.remove();
    },
  };
}
