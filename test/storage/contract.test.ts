// The ports' contract suites on every engine; those with a server are opened twice, as by two processes.

import { openBackend } from '../../src/storage/backends.ts';
import { openingIn, portContracts } from '../contract/storage.ts';
import type { Opening } from '../contract/store.ts';
import { describeOn } from '../support/describe-on.ts';
import { ENGINES, makeRoom } from '../support/servers.ts';

const memory: Opening = {
  async open(clock) {
    const backend = await openBackend('memory:', { clock });
    return { one: backend, other: backend, close: () => backend.close() };
  },
};

portContracts('memory', memory);
for (const engine of ENGINES) {
  describeOn(engine, () =>
    portContracts(
      engine,
      openingIn(() => makeRoom(engine)),
    ),
  );
}
