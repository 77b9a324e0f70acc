// A policy's tree of names, unfolded: groups may be nested or written with dots (`attempt.tries: 3`), and each name is
// then read by its row of a table.

import type { PolicyKey, Reporter } from './policy-values.ts';
import { type Located, toValue } from './yaml-file.ts';

export interface Table {
  readonly keys: Readonly<Record<string, Pick<PolicyKey<unknown>, 'read' | 'optional'>>>;
  /** may a name stand without its value, for the default? */
  readonly blanks: boolean;
  explainUnknown(path: string): { readonly problem: string; readonly fix: string };
}

/** Reads a map by a table, telling each fault; notes the line of every name of the table. */
export function readTree(root: Located | undefined, table: Table, report: Reporter): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const found = new Map<string, number>();
  for (const { path, line, value } of flatten(root, groupsOf(Object.keys(table.keys)), '', report)) {
    const earlier = found.get(path);
    found.set(path, line);
    const key = Object.hasOwn(table.keys, path) ? table.keys[path] : undefined;
    if (key === undefined) {
      const { problem, fix } = table.explainUnknown(path);
      report.refuse(line, problem, fix);
    } else if (earlier !== undefined && !report.isToldTwice(line)) {
      report.refuse(line, `${path} stood in line ${earlier} before`, 'write it once');
    } else {
      if (table.blanks && key.optional === true && toValue(value) === null) continue;
      report.note(path, line);
      const reading = key.read(value, { name: path, line }, report);
      if (reading !== undefined) values[path] = reading.value;
    }
  }
  return values;
}

/** `attempt` of `attempt.tries` */
export function groupsOf(paths: readonly string[]): ReadonlySet<string> {
  return new Set(paths.flatMap((path) => (path.includes('.') ? [path.slice(0, path.indexOf('.'))] : [])));
}

interface Leaf {
  readonly path: string;
  readonly line: number;
  readonly value: Located;
}

function flatten(
  root: Located | undefined,
  groups: ReadonlySet<string>,
  prefix: string,
  report: Pick<Reporter, 'refuse'>,
): Leaf[] {
  if (root === undefined) return [];
  if (root.kind !== 'map') {
    report.refuse(root.line, 'is not a map of policy keys', 'begin like this: enrolment: invite');
    return [];
  }
  return root.entries.flatMap(({ key, line, value }) => {
    const path = `${prefix}${key}`;
    if (!groups.has(path)) return [{ path, line, value }];
    // A group that holds nothing but comments.
    if (value.kind === 'scalar' && value.value === null) return [];
    if (value.kind === 'map') return flatten(value, groups, `${path}.`, report);
    report.refuse(line, `${path} is a group of keys and has a value`, 'write the keys below it, indented');
    return [];
  });
}
