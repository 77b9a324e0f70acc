// The map below `scopes`: a scope of the operator's own, or one that everybody knows, and the strength it requires.

import { STRENGTHS, type Strength } from './acrs.ts';
import { word } from './client-values.ts';
import { quote } from './faults.ts';
import type { PolicyReader } from './policy-values.ts';
import { SCOPE_TOKEN } from './scopes.ts';
import { toValue } from './yaml-file.ts';

const readStrength = word(STRENGTHS);

const REFUSED: Readonly<Record<string, string>> = {
  openid: 'is part of every login, and would be a minimum for everybody',
  offline_access: 'is dropped from many requests before a policy is asked',
};

/** Notes the line of each scope (`scopes.payments`), also where its strength is wrong. The record has no prototype. */
export const readScopes: PolicyReader<Readonly<Record<string, Strength>>> = (value, { name, line }, report) => {
  if (value.kind !== 'map') {
    report.refuse(
      line,
      `${name} is not a map of scopes`,
      'write each with the acr it requires: payments: urn:selfie-oidc:acr:selfie-active',
    );
    return undefined;
  }
  const scopes: Record<string, Strength> = Object.create(null);
  for (const entry of value.entries) {
    if (!SCOPE_TOKEN.test(entry.key)) {
      report.refuse(
        entry.line,
        `${name}: ${quote(entry.key)} is not the name of a scope`,
        'write printable ASCII without spaces, quotes and backslashes',
      );
      continue;
    }
    report.note(`${name}.${entry.key}`, entry.line);
    const reason = Object.hasOwn(REFUSED, entry.key) ? REFUSED[entry.key] : undefined;
    if (reason !== undefined) {
      const fix = 'remove it, and give clients that need more a minimum_acr in the clients file';
      report.refuse(entry.line, `${name}: ${entry.key} ${reason}`, fix);
      continue;
    }
    const acr = readStrength(toValue(entry.value));
    if (acr.ok) scopes[entry.key] = acr.value as Strength;
    else report.refuse(entry.line, `${name}: the acr of ${entry.key} ${acr.problem}`, acr.fix);
  }
  return { value: scopes };
};
