// The demo: provider, stand-in for the vendor and client (with its example API) in one process, each on its own loopback port,
// printed when all answer.

import { randomBytes } from 'node:crypto';
import { type App, type AppOptions, createApp } from '../app.ts';
import { readClients } from '../config/clients.ts';
import type { Config } from '../config/config.ts';
import type { Policy } from '../config/policy.ts';
import type { ClientsReader } from '../config/reload.ts';
import { startSandbox } from '../sandbox/sandbox.ts';
import { startDemoClient } from './client.ts';
import { demoClients } from './client-entry.ts';
import { freePort } from './ports.ts';
import { demoStorage } from './storage.ts';

/** How often two demos that start in one moment may snatch a port from each other. */
const RACES = 5;

/** What the example API asks for beyond a login. */
const SCOPES: Policy['scopes'] = { payments: 'urn:selfie-oidc:acr:selfie-active' };

export interface RunningDemo extends Pick<App, 'close' | 'log' | 'reload' | 'reloadKeys'> {
  readonly provider: string;
  readonly standIn: string;
  readonly client: string;
}

export interface DemoOptions extends Pick<AppOptions, 'readClients' | 'readKeys'> {
  readonly print?: (line: string) => void;
}

/** Starts all three, or none. A taken port is not fatal here: the next free one is used. */
export async function startDemo(config: Config, options: DemoOptions = {}): Promise<RunningDemo> {
  for (let race = 1; ; race += 1) {
    try {
      return await startOnFreePorts(config, options);
    } catch (error) {
      // somebody took a port between the question and the listening
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || race === RACES) throw error;
    }
  }
}

async function startOnFreePorts(config: Config, options: DemoOptions): Promise<RunningDemo> {
  const { print = (line) => process.stdout.write(`${line}\n`), readClients: readFile, readKeys } = options;
  const port = await freePort(config.port);
  const vendorPort = await freePort(config.demoVendorPort, [port]);
  const clientPort = await freePort(config.demoClientPort, [port, vendorPort]);
  const issuer = port === config.port ? config.issuer : `http://localhost:${port}`;
  const client = `http://localhost:${clientPort}`;
  // an operator's own come last and win; without a prototype, as its names arrive in requests
  const scopes: Policy['scopes'] = Object.assign(Object.create(null), SCOPES, config.policy.scopes);
  const clientSecret = randomBytes(24).toString('base64url');
  const entries = readClients(JSON.stringify(demoClients({ url: client, clientSecret })), 'the demo client', {
    production: false,
    hasActiveWorkflow: true,
    outgoingAllow: ['localhost'],
    signingAlgorithms: config.jwks.keys.map((key) => String(key.alg)),
    scopes: Object.keys(scopes),
  });
  /** its own client stands in no file */
  const readBoth: ClientsReader | undefined =
    readFile &&
    (async (before) => {
      const reading = await readFile(before);
      return reading.ok ? { ...reading, clients: [...reading.clients, ...entries.clients] } : reading;
    });
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const each of closers.reverse()) await each();
  };
  try {
    const standIn = await startSandbox({
      port: vendorPort,
      apiKey: config.didit.apiKey,
      webhookSecrets: config.didit.webhookSecrets,
      webhookUrl: `${issuer}/webhooks/didit`,
      environment: config.didit.environment,
      workflows: config.didit.workflows as { enrol: string; passive: string; active: string },
    });
    closers.push(() => standIn.close());
    const app = await createApp(
      {
        ...config,
        issuer,
        storageUrl: await demoStorage(config, issuer),
        policy: { ...config.policy, scopes },
        clients: [...config.clients, ...entries.clients],
        outgoingAllow: [...config.outgoingAllow, 'localhost'],
      },
      {
        vendorBaseUrl: standIn.url,
        ...(readBoth ? { readClients: readBoth } : {}),
        ...(readKeys ? { readKeys } : {}),
      },
    );
    closers.push(() => app.close());
    await app.listen(port, config.host);
    const demoClient = await startDemoClient({ port: clientPort, issuer, clientId: 'demo', clientSecret });
    closers.push(() => demoClient.close());
    print(`provider ${issuer}`);
    print(`stand-in ${standIn.url}`);
    print(`client ${demoClient.url}`);
    return {
      provider: issuer,
      standIn: standIn.url,
      client: demoClient.url,
      close,
      log: app.log,
      async reload() {
        const reload = await app.reload();
        // told here, as the log of a demo tells of nothing that went well
        if (reload.ok) {
          const [added, changed, removed] = [reload.added, reload.changed, reload.removed].map((ids) => ids.length);
          print(`clients read again: ${added} added, ${changed} changed, ${removed} removed`);
        }
        return reload;
      },
      reloadKeys: () => app.reloadKeys(),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
