// The part of docs/configuration.md that explains the policy file, written from its tables.

import { ACRS, OTHER_WAYS, PHR, type Strength } from './acrs.ts';
import { code, table } from './markdown.ts';
import { OVERRIDABLE_KEYS } from './overridable-keys.ts';
import { POLICY_KEYS } from './policy-keys.ts';
import type { PolicyKey } from './policy-values.ts';
import { RISK_RULES, RULE_NAMES, type RuleName } from './risk-rules.ts';

const MEANINGS: Readonly<Record<Strength, string>> = {
  [ACRS.recovery]: 'a recovery code, or a mailed link',
  [ACRS.device]: 'a known device and network, no selfie this time',
  [ACRS.selfie]: 'a passive selfie',
  [ACRS.selfieActive]: 'an active selfie; needs `DIDIT_WORKFLOW_ACTIVE`',
  [ACRS.selfieDevice]: 'either selfie, and a passkey; needs `passkeys: on`',
  [PHR]: 'a passkey alone; needs `passkeys: on`',
};

export function writePolicySection(): string {
  return `## Policy file

\`config/policy.yaml\`, or what \`POLICY_FILE\` names; see \`config/policy.example.yaml\`. Keys may be nested or written
with dots.

${table(
  ['key', 'meaning', 'accepts', 'default'],
  Object.entries<PolicyKey<unknown>>(POLICY_KEYS).map(([path, key]) => policyRow(path, key)),
)}

Names of files are relative to the folder the process was started in.

### Rules

Each rule says nothing, or asks for \`skip\` (no selfie), \`passive\` (a still picture) or \`active\` (a challenge that
moves). All are asked, in order, and whoever asks for most decides; a rule that is \`final\` is the last one when it
speaks. Where none speaks, a selfie is asked for. A list replaces the default one: rules that are not in it are not
asked.

${table(['rule', 'speaks when', 'asks', 'options'], RULE_NAMES.map(ruleRow))}

\`\`\`yaml
risk:
  rules:
    - account_under_review
    - repeated_declines: { count: 5, hours: 12 }
    - sensitive_scope: { scopes: [payments], asks: active }
    - new_device
    - new_network
    - known_device_and_network
\`\`\`

Every rule has \`asks\` and \`final\` (\`false\`). Only \`known_device_and_network\` may ask for \`skip\`. Where there is no
\`DIDIT_WORKFLOW_ACTIVE\`, \`asks: active\` in so many words is a fault; a rule that asks for it by default asks for a
passive selfie instead, and the start says so.

### Scopes

A scope that requires a strength: a client that asks for it gets a login that strong, or none. Clients may then ask for
it beside the four that everybody knows. \`profile\` and \`email\` may stand here, too: their claims need the same where a client asks for them one by one (\`claims\`).

\`\`\`yaml
scopes:
  payments: urn:selfie-oidc:acr:selfie-active
\`\`\`

${table(
  ['acr', 'means'],
  Object.entries(MEANINGS).map(([acr, meaning]) => [`\`${acr}\``, meaning]),
)}

From top to bottom each is enough where one above it is asked for, but for \`phr\`: it stands above \`${ACRS.device}\` and
beside the selfies; \`${ACRS.selfieDevice}\` is enough for it.

### Per client

What is written for a client replaces the general value, key by key:
${code(Object.keys(OVERRIDABLE_KEYS))}.
With \`like\` a client has what another one has here, and what it says itself wins over that.

\`\`\`yaml
clients:
  treasury:
    other_ways: []
    risk.rules: [account_under_review, new_device, new_network]
  payroll:
    like: treasury
    verdict: { min_face_score: 80 }
\`\`\`

A way in that is not enough for the \`minimum_acr\` of the client it is written for is a fault: \`passkey\` is worth
\`${OTHER_WAYS.passkey}\`, the others \`${ACRS.recovery}\`.`;
}

function policyRow(path: string, { about, accepts, fallback, fallbackText }: PolicyKey<unknown>): string[] {
  return [`\`${path}\``, about, accepts, fallbackText ?? code(fallback)];
}

function ruleRow(rule: RuleName): string[] {
  const { about, asks, options } = RISK_RULES[rule];
  const texts = Object.entries(options).map(([name, option]) => {
    const fallback = option.fallbackText ?? code(option.fallback);
    return `\`${name}\`: ${option.about} (${option.accepts}; ${fallback})`;
  });
  return [`\`${rule}\``, about, `\`${asks}\``, texts.join('<br>')];
}
