// The documents an operator reads, written from the tables that the program itself reads: what they say cannot drift
// from what is done. scripts/write-config-docs.ts puts them into their files.

import { CLIENT_KEYS } from './client-keys.ts';
import { code, table } from './markdown.ts';
import { writePolicySection } from './policy-document.ts';
import { fileVariable, SETTING_NAMES, SETTINGS, type Setting } from './schema.ts';

const MADE_FROM = 'Made from src/config by scripts/write-config-docs.ts';

/** `config/example.env`: every setting, commented out, with its meaning above. */
export function writeExampleEnv(): string {
  const blocks = SETTING_NAMES.map((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    const need = required(setting);
    const facts = [need && `required ${need}`, `default: ${fallbackOf(setting)}`]
      .filter((fact) => fact !== '')
      .join('; ');
    const file = fileVariable(name);
    const lines = wrap(`${setting.about} (${facts})`.replaceAll('`', '')).map((line) => `# ${line}`);
    if (setting.secret === true)
      return [
        ...lines,
        `# make or find it: ${setting.example}`,
        `#${name}=`,
        `#${file}=/run/secrets/${name.toLowerCase()}`,
      ];
    return [
      ...lines,
      `#${name}=${quoteIfNeeded(setting.example)}`,
      ...(file ? [`#${file}=/run/secrets/${name.toLowerCase()}`] : []),
    ];
  });
  const head = [
    `# ${MADE_FROM}: change the schema, not this file.`,
    '# Remove the # in front of what you set. An empty value counts as not set.',
    '# Read it with node --env-file=FILE, as an EnvironmentFile of systemd, or by a shell: set -a; . FILE',
  ];
  return `${[head, ...blocks].map((block) => block.join('\n')).join('\n\n')}\n`;
}

/** What a shell would take for more than one word, or for something of its own. */
function quoteIfNeeded(value: string): string {
  return /^[\w./:@,+-]*$/.test(value) ? value : `"${value}"`;
}

/** `docs/configuration.md`: settings, policy keys, client keys. */
export function writeConfigurationPage(): string {
  return `<!-- ${MADE_FROM}: change the schema, not this file. -->
# Configuration

Settings come from the environment; clients and policy from two YAML files. At start-up everything is read and judged
before anything is opened: every fault is told at once, by name, file and line, with what would be right, and the exit
code is 2. A name that is not known is a fault, as a misspelt guard guards nothing.

## Settings

An empty variable counts as not set. A secret can be read from a file instead: \`DATA_KEYS_FILE=/run/secrets/data_keys\`
(those marked *secret*). Lists of secrets are for rotation: the newest comes first and is used for what is new, the
others still open what they once closed. In production a file of secrets, keys or clients that every user of the machine may
read is warned of.

${table(['variable', 'meaning', 'default', 'required'], SETTING_NAMES.map(settingRow))}

**Production** is \`NODE_ENV=production\`: settings marked so must be there, and be strong. **The demo** is any start
outside production without \`DIDIT_API_KEY\`: a stand-in plays the vendor, everything listens on loopback only, and an
\`ISSUER\` or \`HOST\` that says otherwise stops the start. **Between the two** (development against the real vendor)
keys that are not given are made once and kept in \`data/dev-secrets.json\`, readable by its owner only.

${writePolicySection()}

## Clients file

\`config/clients.yaml\`, or what \`CLIENTS_FILE\` names; see \`config/clients.example.yaml\`. A list of clients in the
names of RFC 7591 and OpenID Connect Registration, and four of our own. JSON is YAML too. Anchors, aliases and tags are
refused.

${table(
  ['name', 'meaning'],
  Object.entries(CLIENT_KEYS).map(([name, { about }]) => [`\`${name}\``, about]),
)}

Refused: implicit and hybrid response types, the password grant, a wildcard or a fragment in a redirect URI, \`http:\`
redirect URIs except on loopback, private schemes without a dot, two clients of one id, secrets of fewer than 32
characters (in production), a private key among a client's \`jwks\`, names that are not in this table.
`;
}

function settingRow(name: (typeof SETTING_NAMES)[number]): string[] {
  const setting: Setting<unknown> = SETTINGS[name];
  const mark = setting.secret === false ? '' : ' *secret*';
  return [`\`${name}\`${mark}`, setting.about, fallbackOf(setting), required(setting)];
}

function required({ required }: Setting<unknown>): string {
  if (required === 'production') return 'in production';
  return required === 'vendor' ? 'with the real vendor' : '';
}

function fallbackOf({ fallback, fallbackText }: Setting<unknown>): string {
  return fallbackText ?? (fallback === undefined ? 'none' : code(fallback));
}

function wrap(text: string, width = 110): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
