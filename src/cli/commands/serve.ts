// `serve`: the same as `npm start`, under the name it has in the image.

import { type Command, expectWords } from '../command.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'Runs the provider',
  forms: ['serve'],
  notes: [
    'Start it by Node 24 itself, and not by npm, which would end at a signal and leave it behind:',
    '',
    '  node --max-semi-space-size=16 --expose-gc src/cli/cli.ts serve',
    '',
    'Stops on SIGTERM: no new requests, those under way are finished, in 10 seconds at most. A second signal stops it at',
    'once. SIGHUP, or a change of the clients file, has the clients read again: no login is dropped, and a file with faults',
    'changes nothing. With WORKERS that many processes serve, and all of this holds for them together. Exit code 2: the',
    'configuration has faults, and nothing was started.',
  ],
  async run({ env, json, words }) {
    expectWords(words, 0);
    const main = await import('../../main.ts');
    await main.serve(env, { json });
    return Number(process.exitCode ?? 0);
  },
};
