// The ports' contract suites on every engine; those with a server are opened twice, as by two processes.

import { openBackend } from '../../src/storage/backends.ts';
import { bulkContract } from '../contract/bulk.ts';
import { busContract } from '../contract/bus.ts';
import { jobsContract } from '../contract/jobs.ts';
import { type Opening, storeContract } from '../contract/store.ts';
import { describeOn, ENGINES, type Engine, makeRoom } from '../support/servers.ts';

const memory: Opening = {
  async open(clock) {
    const backend = await openBackend('memory:', { clock });
    return { one: backend, other: backend, close: () => backend.close() };
  },
};

const openingOf = (engine: Engine): Opening => ({
  async open(clock) {
    const { url, remove } = await makeRoom(engine);
    const one = await openBackend(url, { clock });
    const other = await openBackend(url, { clock });
    return {
      one,
      other,
      async close() {
        await Promise.all([one.close(), other.close()]);
        await remove();
      },
    };
  },
});

function holdToContracts(engine: string, opening: Opening): void {
  storeContract(engine, opening);
  jobsContract(engine, opening);
  busContract(engine, opening);
  bulkContract(engine, opening);
}

holdToContracts('memory', memory);
for (const engine of ENGINES) describeOn(engine, () => holdToContracts(engine, openingOf(engine)));
