// The provider while its storage is away: what it logs beside requests.

import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { newFolder } from '../cli/support.ts';

test('R7: the worker that finds its queue away again and again says so once, and when it is back', async () => {
  const reading = await loadConfig({ STORAGE_URL: 'memory:' }, { cwd: await newFolder() });
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  const said: string[] = [];
  const write = (line: string) => void said.push(JSON.parse(line).msg);
  const app = await createApp(reading.config, { log: createLogger({ level: 'info', destination: { write } }) });
  try {
    await app.listen(0, '127.0.0.1');
    const { jobs } = app.parts.backend;
    const { claimDue } = jobs;
    let looks = 0;
    jobs.claimDue = () => {
      looks += 1;
      return Promise.reject(new StorageUnavailable('away'));
    };
    for (; looks < 3; await turn()) app.poke();
    jobs.claimDue = (wanted) => {
      looks += 1;
      return claimDue(wanted);
    };
    for (; looks < 6; await turn()) app.poke();
  } finally {
    await app.close();
  }
  expect(said).toEqual(['the queue of work cannot be read', 'the storage answers again']);
});
