// Variables that are meant for us and that we do not know: a misspelt guard guards nothing. The rest of the
// environment belongs to others and cannot be judged.

import { type Fault, quote } from './faults.ts';
import { editDistance, nearest } from './nearest.ts';
import { fileVariable, SETTING_NAMES } from './schema.ts';

const OUR_PREFIXES = ['DIDIT_', 'SELFIE_OIDC_', 'OUTGOING_', 'DEMO_'];
/** Common in every environment, and near to names of ours by accident. */
const OTHERS = new Set(['HOME', 'HOSTS', 'NODE', 'PORTS', 'POST']);

/** A fault for each variable that begins like ours, or is one or two letters away from one of ours. */
export function findUnknownVariables(env: NodeJS.ProcessEnv): Fault[] {
  const known = SETTING_NAMES.flatMap((name) => [name, fileVariable(name) ?? name]);
  const names = new Set<string>(known);
  return Object.keys(env).flatMap((variable) => {
    if (names.has(variable) || OTHERS.has(variable) || isServiceLink(variable, env)) return [];
    const plain = SETTING_NAMES.find((name) => variable === `${name}_FILE`);
    if (plain !== undefined)
      return [{ where: variable, problem: 'is not read: only a secret may lie in a file', fix: `set ${plain}` }];
    const meant = known.find((name) => isNear(variable, name));
    const ours = OUR_PREFIXES.some((prefix) => variable.toUpperCase().startsWith(prefix));
    if (meant === undefined && !ours) return [];
    const suggestion = meant ?? nearest(variable, known);
    const where = /^[\w.-]{1,60}$/.test(variable) ? variable : quote(variable);
    return [{ where, problem: 'is not a setting', fix: suggestion ? `did you mean ${suggestion}?` : 'remove it' }];
  });
}

/** Short names are near at one letter only: HOME is not HOST. */
function isNear(variable: string, name: string): boolean {
  const limit = name.length >= 8 ? 2 : 1;
  return Math.abs(variable.length - name.length) <= limit && editDistance(variable, name) <= limit;
}

/** Kubernetes sets NAME_SERVICE_HOST, NAME_PORT, NAME_PORT_80_TCP_ADDR … for each service, ours among them. */
function isServiceLink(variable: string, env: NodeJS.ProcessEnv): boolean {
  const link =
    /^([A-Z0-9_]+?)_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/.exec(
      variable,
    );
  return link !== null && `${link[1]}_SERVICE_HOST` in env;
}
