import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readErrand } from '../../src/sandbox/usage.ts';

test('the stand-in starts without a word, says what it is, and takes nothing else', () => {
  expect(readErrand([])).toEqual({ kind: 'start' });
  expect(readErrand(['--help'])).toMatchObject({ kind: 'help', text: expect.stringContaining('DIDIT_BASE_URL') });
  expect(readErrand(['--port', '1'])).toMatchObject({ kind: 'misused', text: expect.stringContaining('"--port"') });
});

test('its help names every variable that is read', () => {
  const main = readFileSync(join(import.meta.dirname, '../../src/sandbox/main.ts'), 'utf8');
  const read = [...main.matchAll(/\b(?:text\('|env\.)([A-Z_]+)/g)].map(([, name]) => name);
  expect(read).toContain('SANDBOX_WEBHOOK_URL');
  const errand = readErrand(['--help']);
  for (const name of read) expect(errand.kind === 'help' && errand.text).toContain(name);
});
