// `migrate`: makes the storage what this version needs, before its processes start; or only says whether that is due.

import { migrateBackend } from '../../storage/backends.ts';
import { type Command, expectWords, FAILED, SUCCESS } from '../command.ts';
import { printable } from '../output.ts';
import { logTo, refuseMemory, withConfig } from '../work.ts';

export const migrate: Command = {
  name: 'migrate',
  summary: 'Makes the storage, or brings it up to date for this version',
  forms: ['migrate [--check]'],
  options: { check: { type: 'boolean', about: 'change nothing; exit code 1 when something is to be done' } },
  notes: [
    'Starting does the same. Of several at once the first does it, under a lock, and the others wait. Storage that a newer',
    'version has written is refused. Exit code 1: due (with --check), or failed, with nothing changed.',
  ],
  async run(call) {
    expectWords(call.words, 0);
    const onlyLook = call.values.check === true;
    return withConfig(call, async (config) => {
      refuseMemory(config);
      const { from, to, description } = await migrateBackend(config.storageUrl, { log: logTo(call), onlyLook });
      const done = from === to ? 'nothing-to-do' : onlyLook ? 'due' : 'migrated';
      if (call.json) call.out(JSON.stringify({ storage: description, from, to, result: done }));
      else call.out(printable(`${description}: ${SENTENCES[done](from, to)}`));
      return done === 'due' ? FAILED : SUCCESS;
    });
  },
};

const SENTENCES = {
  'nothing-to-do': (_from: number, to: number) => `schema ${to}, nothing to do`,
  due: (from: number, to: number) => `${nameOf(from)} is to become ${nameOf(to)}`,
  migrated: (from: number, to: number) => `${nameOf(from)} has become ${nameOf(to)}`,
};

function nameOf(version: number): string {
  return version === 0 ? 'nothing' : `schema ${version}`;
}
