// Writes config/example.env and docs/configuration.md from the schema. Run it after a change in src/config; a test
// fails while the files differ.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeConfigurationPage, writeExampleEnv } from '../src/config/documents.ts';

const root = join(import.meta.dirname, '..');
await writeFile(join(root, 'config/example.env'), writeExampleEnv());
await writeFile(join(root, 'docs/configuration.md'), writeConfigurationPage());
