// Two processes on the same records: of two writers exactly one wins, and what was promised survives a kill.

import { twoProcesses } from '../contract/storage.ts';
import { describeOn, ENGINES, makeRoom } from '../support/servers.ts';

for (const engine of ENGINES) {
  const isLocal = engine === 'sqlite';
  const rounds = isLocal ? { conflicts: 10, kills: 5 } : { conflicts: 5, kills: 2 };
  describeOn(engine, () => twoProcesses(() => makeRoom(engine), { ...rounds, pairsWhole: isLocal }));
}
