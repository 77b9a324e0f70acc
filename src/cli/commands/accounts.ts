// `accounts`: who can sign in, for an operator who is asked about one of them, or asked to bring some, to look at one, or to remove one.

import { type Command, expectWords, Misuse, readAction } from '../command.ts';
import { importFile, importSharedOne } from './accounts-import.ts';
import { remove } from './accounts-remove.ts';
import { list, show } from './accounts-show.ts';
import { demand, review } from './accounts-standing.ts';
import { refuseForeign } from './read-input.ts';

const ACTIONS = ['list', 'show', 'import', 'import-shared', 'review', 're-enrol', 'remove'] as const;

/** Each does something in one action only. */
const OPTIONS_OF = {
  import: ['dry-run'],
  'import-shared': ['token-file', 'distrust', 'copy'],
  review: ['set', 'clear', 'seen', 'reason'],
};

export const accounts: Command = {
  name: 'accounts',
  summary: 'Lists accounts, shows, imports, marks or removes them',
  forms: [
    'accounts [list]',
    'accounts show IDENTIFIER_OR_ID',
    'accounts import FILE [--dry-run]',
    'accounts import-shared IDENTIFIER [--token-file FILE] [--distrust]',
    'accounts import-shared IDENTIFIER --copy VERIFICATION',
    'accounts review IDENTIFIER_OR_ID --set --reason TEXT | --clear [--seen MARK]',
    'accounts re-enrol IDENTIFIER_OR_ID',
    'accounts remove IDENTIFIER_OR_ID',
  ],
  options: {
    'dry-run': { type: 'boolean', about: 'import: judge the file, say what would be done, and do nothing' },
    'token-file': { type: 'string', about: 'import-shared: the file with the share token; standard input if not said' },
    distrust: { type: 'boolean', about: 'import-shared: have it reviewed at the vendor before it counts' },
    copy: { type: 'string', about: 'import-shared: go on with a copy that waited for a review' },
    set: { type: 'boolean', about: 'review: somebody should look at the account; more is asked of it meanwhile' },
    clear: { type: 'boolean', about: 'review: somebody has looked; at a terminal you are shown at what, and asked' },
    seen: { type: 'string', about: 'review --clear: only if nothing came since accounts show printed this mark' },
    reason: { type: 'string', about: 'review --set: why; kept with the account and shown here' },
  },
  notes: [
    'An id that begins with a dash stands behind two: accounts show -- -8fQ…',
    'import reads people who are enrolled at the vendor, one JSON object a line, from a file or - for standard input:',
    '  {"identifier":"ann@example.org","vendor_data":"user-7","portrait":"faces/ann.jpg","email_verified":true,',
    '   "claims":{"name":"…","given_name":"…","family_name":"…","birthdate":"1990-12-31","gender":"…"}}',
    'identifier and vendor_data are needed. A file with a fault changes nothing (exit code 2); importing again is safe.',
    'import-shared takes over a verification that another customer of the vendor shared with you. A share token works once.',
    'Removing ends every session and token of the account, deletes at the vendor too, and cannot be undone.',
  ],
  async run(call) {
    const action = readAction(call.words, ACTIONS, 'list');
    refuseForeign('accounts', action, call.values, OPTIONS_OF);
    if (action === 'list') {
      expectWords(call.words, 1);
      return list(call);
    }
    expectWords(call.words, 2);
    const name = call.words[1];
    if (action === 'import') {
      if (name === undefined) throw new Misuse('say which file: accounts import FILE, or - for standard input');
      return importFile(call, name);
    }
    if (name === undefined) {
      const kind = action === 'import-shared' ? 'IDENTIFIER' : 'IDENTIFIER_OR_ID';
      throw new Misuse(`say which account: accounts ${action} ${kind}`);
    }
    switch (action) {
      case 'show':
        return show(call, name);
      case 'import-shared':
        return importSharedOne(call, name);
      case 'review':
        return review(call, name);
      case 're-enrol':
        return demand(call, name);
      case 'remove':
        return remove(call, name);
    }
  },
};
