// YAML that an operator wrote, with line numbers. The text may hold client secrets, so nothing of it gets into a
// message: the parser's own messages quote, and are replaced by ours. Anchors and aliases are refused (a few lines of
// them can unfold into gigabytes), and so are tags.

import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { Fault } from './faults.ts';

/** A value and where it stands. */
export type Located =
  | { readonly kind: 'map'; readonly line: number; readonly entries: readonly LocatedEntry[] }
  | { readonly kind: 'list'; readonly line: number; readonly items: readonly Located[] }
  | { readonly kind: 'scalar'; readonly line: number; readonly value: unknown };

export interface LocatedEntry {
  readonly key: string;
  readonly line: number;
  readonly value: Located;
}

export interface YamlReading {
  /** what could be made of the text; undefined when it is empty, or too broken to be judged further */
  readonly root: Located | undefined;
  readonly faults: readonly Fault[];
}

const PROBLEMS: Partial<Record<string, readonly [string, string]>> = {
  DUPLICATE_KEY: ['has a name that stood in the same place before', 'write each name once'],
  MULTIPLE_DOCS: ['is the start of a second document', 'keep one document in the file: remove the line ---'],
  TAB_AS_INDENT: ['is indented with a tab', 'indent with spaces'],
  BAD_INDENT: ['is indented unlike its neighbours', 'line it up'],
  // ours: the parser says BAD_INDENT, at the line behind
  OPEN_BRACKET: ['has a bracket that is not closed, or closed too far to the left', 'close what [ or { began'],
  BAD_ALIAS: ['has an alias', 'write the value itself'],
  TAG_RESOLVE_FAILED: ['has a tag (!…)', 'write the value without it'],
};

/** @param where the file's name, as faults are to show it */
export function readYaml(text: string, where: string): YamlReading {
  const lineCounter = new LineCounter();
  const lineOf = (offset: number | undefined) => lineCounter.linePos(offset ?? 0).line;
  const lines = text.split('\n');
  const faults: Fault[] = [];
  const refuse = (line: number, code: string) => {
    const [problem, fix] = PROBLEMS[code] ?? [
      'is not well-formed YAML',
      'check quotes, colons, brackets and indentation',
    ];
    if (!faults.some((fault) => fault.where === `${where}:${line}`))
      faults.push({ where: `${where}:${line}`, problem, fix });
  };
  try {
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      lineCounter,
      prettyErrors: false,
      logLevel: 'error',
    });
    const troubles = [...document.errors, ...document.warnings];
    for (const { code, message, pos } of troubles) {
      const line = lineOf(pos[0]);
      const opened = message.startsWith('Flow ') ? bracketBefore(document, pos[0]) : undefined;
      // whatever the parser took it for: a line that is carried on, a key, a bracket without its end
      if (code !== 'DUPLICATE_KEY' && isTabbed(lines[line - 1])) refuse(line, 'TAB_AS_INDENT');
      else if (opened !== undefined) refuse(lineOf(opened), 'OPEN_BRACKET');
      else refuse(line, code);
    }
    visit(document, {
      Node(_key, node) {
        if (isAlias(node) || node.anchor !== undefined) refuse(lineOf(node.range?.[0]), 'BAD_ALIAS');
        else if (node.tag?.startsWith('!')) refuse(lineOf(node.range?.[0]), 'TAG_RESOLVE_FAILED');
      },
    });
    const contents = document.contents as Node | null;
    const empty = contents === null || (isScalar(contents) && contents.value === null);
    // A name written twice leaves the rest readable; after anything else, further faults would be guesses.
    const readable = faults.every((fault) => fault.problem === PROBLEMS.DUPLICATE_KEY?.[0]);
    return { root: empty || !readable ? undefined : locate(contents, lineOf), faults };
  } catch {
    // Brackets nested by the thousand exhaust the parser's stack.
    const fault = { where, problem: 'cannot be parsed as YAML', fix: 'check brackets: it may be nested too deeply' };
    return { root: undefined, faults: [fault] };
  }
}

const isTabbed = (line = '') => /^ *\t\s*\S/.test(line);

/** Where the innermost list or map in brackets begins that is being read at this place. */
function bracketBefore(document: Document.Parsed, offset: number): number | undefined {
  let opened: number | undefined;
  visit(document, {
    Collection(_key, node) {
      const [from, , to] = node.range ?? [offset, offset, offset];
      if (isCollection(node) && node.flow && from < offset && to >= offset - 1) opened = from;
    },
  });
  return opened;
}

/** Faults of one file in the order of its lines, however they were found. */
export function byLine(faults: readonly Fault[], where: string): Fault[] {
  const line = (fault: Fault) => Number.parseInt(fault.where.slice(where.length + 1), 10) || 0;
  return faults.toSorted((left, right) => line(left) - line(right));
}

function locate(node: Node | null, lineOf: (offset: number | undefined) => number, fallbackLine = 1): Located {
  const line = node?.range ? lineOf(node.range[0]) : fallbackLine;
  if (isMap(node)) {
    const entries = node.items.map((pair) => {
      const key = pair.key as Node | null;
      const keyLine = key?.range ? lineOf(key.range[0]) : line;
      return {
        key: isScalar(key) ? String(key.value) : '',
        line: keyLine,
        value: locate(pair.value as Node | null, lineOf, keyLine),
      };
    });
    return { kind: 'map', line, entries };
  }
  if (isSeq(node))
    return { kind: 'list', line, items: node.items.map((item) => locate(item as Node | null, lineOf, line)) };
  return { kind: 'scalar', line, value: isScalar(node) ? node.value : null };
}

/** The plain value, without places. */
export function toValue(located: Located): unknown {
  switch (located.kind) {
    case 'scalar':
      return located.value;
    case 'list':
      return located.items.map(toValue);
    case 'map':
      return Object.fromEntries(located.entries.map(({ key, value }) => [key, toValue(value)]));
  }
}
