// What a provider reads when it starts: keys, clients and policy, in a folder of one round's own.

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSigningKeys } from '../src/config/dev-secrets.ts';

export interface BenchClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
}

export const CLIENT: BenchClient = {
  id: 'bench',
  secret: randomBytes(32).toString('base64url'),
  redirectUri: 'http://127.0.0.1:9/callback',
};

/** The client that signs people in, and as many more as are asked for; all alike. */
export function clientsOf(count: number): readonly BenchClient[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? CLIENT : { ...CLIENT, id: `bench-${index}` }));
}

/** As high as the settings go: a bench is thousands of logins from one address in an hour. All else is the default. */
const POLICY = `
enrolment: open
# nobody skips: what is measured is a selfie
risk:
  rules: [new_device, new_network]
limits:
  sessions_per_account_per_hour: 10000
  unknown_devices_per_account_per_hour: 10000
  sessions_per_address_per_hour: 1000000
  sessions_per_client_per_hour: 1000000
  sessions_per_day: 10000000
vendor:
  creates_per_minute: 100000
`;

const folders = new Set<string>();

/** Removes every folder, now. */
export function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
  folders.delete(path);
}

export interface Folder {
  readonly path: string;
  readonly clients: readonly BenchClient[];
  remove(): void;
}

/** An empty one, which goes when the bench ends. */
export async function makeTempFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'selfie-oidc-bench-'));
  folders.add(path);
  return path;
}

export interface FolderContents {
  /** how many clients; one unless given */
  readonly clients?: number | undefined;
  /** so many more in the file that nobody uses, with as little in their entries as can be: a clients file has an end */
  readonly fillers?: number | undefined;
  /** what the entries of the clients have beside the usual */
  readonly entry?: object;
  /** whole entries of clients beside these */
  readonly others?: readonly object[];
}

export async function makeFolder(contents: FolderContents = {}): Promise<Folder> {
  const { clients = 1, fillers = 0, entry = {}, others = [] } = contents;
  const path = await makeTempFolder();
  await mkdir(join(path, 'data'), { mode: 0o700 });
  const all = clientsOf(clients);
  const entries = [...all.map((client) => ({ ...entryOf(client), ...entry })), ...others, ...fillersOf(fillers)];
  await writeFile(join(path, 'clients.yaml'), JSON.stringify(entries));
  await writeFile(join(path, 'policy.yaml'), POLICY);
  await writeFile(join(path, 'jwks.json'), JSON.stringify(await makeSigningKeys()), { mode: 0o600 });
  return {
    path,
    clients: all,
    remove: () => removeFolder(path),
  };
}

function fillersOf(count: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => ({
    client_id: `f${index}`,
    client_secret: 'unused-1',
    redirect_uris: [CLIENT.redirectUri],
  }));
}

function entryOf({ id, secret, redirectUri }: BenchClient): object {
  return {
    client_id: id,
    client_secret: secret,
    client_name: 'Bench',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  };
}
