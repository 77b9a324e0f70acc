// The ports' contract suites on the engines that need no server.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackend } from '../../src/storage/backends.ts';
import { busContract } from '../contract/bus.ts';
import { jobsContract } from '../contract/jobs.ts';
import { type Opening, storeContract } from '../contract/store.ts';

const memory: Opening = {
  async open(clock) {
    const backend = await openBackend('memory:', { clock });
    return { one: backend, other: backend, close: () => backend.close() };
  },
};

const sqlite: Opening = {
  async open(clock) {
    const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-'));
    const url = `sqlite:${join(folder, 'store.sqlite')}`;
    const one = await openBackend(url, { clock });
    const other = await openBackend(url, { clock });
    return {
      one,
      other,
      async close() {
        await Promise.all([one.close(), other.close()]);
        rmSync(folder, { recursive: true });
      },
    };
  },
};

for (const [name, opening] of Object.entries({ memory, sqlite })) {
  storeContract(name, opening);
  jobsContract(name, opening);
  busContract(name, opening);
}
