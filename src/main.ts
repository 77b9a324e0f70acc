// The process: load the configuration, build the app, listen, drain on SIGTERM. Without a vendor's key and outside production it is
// the demo: the provider, a stand-in for the vendor and a client, all on loopback.

import { type App, createApp } from './app.ts';
import { formatFaults } from './config/faults.ts';
import { loadConfig } from './config/load.ts';
import { startDemo } from './demo/start.ts';

/** Exit code for a configuration that cannot be served. */
const MISCONFIGURED = 2;

export async function serve(): Promise<void> {
  const reading = await loadConfig(process.env);
  if (!reading.ok) {
    process.stderr.write(`${formatFaults(reading.faults)}\n`);
    process.exitCode = MISCONFIGURED;
    return;
  }
  for (const warning of reading.warnings) process.stderr.write(`warning: ${warning}\n`);
  const { config } = reading;
  const running: Pick<App, 'close'> = config.demo ? await startDemo(config) : await start(config);
  stopOnSignal(running);
}

async function start(config: Parameters<typeof createApp>[0]): Promise<App> {
  const app = await createApp(config);
  const port = await app.listen(config.port, config.host);
  app.log.info({ issuer: config.issuer, host: config.host, port }, 'listening');
  return app;
}

function stopOnSignal(running: Pick<App, 'close'>): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      running.close().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`could not stop cleanly: ${String(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
}

if (import.meta.main) {
  serve().catch((error: unknown) => {
    const isTaken = (error as { code?: string }).code === 'EADDRINUSE';
    process.stderr.write(
      `${isTaken ? `the port is taken: set PORT to a free one (${String(error)})` : String(error)}\n`,
    );
    process.exit(1);
  });
}
