/** Changes to a body, given as a function (in tests) or as JSON (over HTTP): dotted paths and the values to put there. */
import type { JsonObject } from './types.ts';

/** `{ "liveness_checks.0.status": "Declined", "vendor_data": null }`, or a function of the whole. */
export type Mutation = ((body: JsonObject) => JsonObject) | JsonObject;

/** A function that applies the change to a copy; a value of `"$remove"` takes the member away. */
export function asFunction(mutation: Mutation): (body: JsonObject) => JsonObject {
  if (typeof mutation === 'function') return (body) => mutation(structuredClone(body));
  return (body) => {
    const copy = structuredClone(body);
    for (const [path, value] of Object.entries(mutation)) put(copy, path.split('.'), value);
    return copy;
  };
}

function put(root: JsonObject, path: readonly string[], value: unknown): void {
  let at: JsonObject = root;
  for (const [depth, step] of path.slice(0, -1).entries()) {
    if (typeof at[step] !== 'object' || at[step] === null) at[step] = /^\d+$/.test(path[depth + 1] ?? '') ? [] : {};
    at = at[step] as JsonObject;
  }
  const last = path.at(-1) ?? '';
  if (value === '$remove') delete at[last];
  else at[last] = value;
}
