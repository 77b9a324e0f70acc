// Two processes on the same records: of two writers exactly one wins, and what was promised survives a kill.

import { aKilledProcess, twoProcessesRace } from '../contract/storage.ts';
import { describeOn } from '../support/describe-on.ts';
import { ENGINES, makeRoom } from '../support/servers.ts';

for (const engine of ENGINES) {
  const isLocal = engine === 'sqlite';
  describeOn(engine, () => {
    twoProcessesRace(() => makeRoom(engine), isLocal ? 10 : 5);
    aKilledProcess(() => makeRoom(engine), isLocal ? 5 : 2, isLocal);
  });
}
