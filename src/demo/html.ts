// HTML by template, escaped unless it already is HTML. Everything a provider, a person or an error puts on a page of the
// demo client goes through here (T27).

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that is HTML already: made by `html`, and by nothing else. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = Html | string | number | boolean | null | undefined | readonly HtmlPart[];

/** A piece of HTML; what is put into it is escaped. Nothing is shown for `undefined`, `null`, `true` and `false`. */
export function html(fixed: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let text = fixed[0] ?? '';
  for (const [index, part] of parts.entries()) text += render(part) + (fixed[index + 1] ?? '');
  return new Html(text);
}

function render(part: HtmlPart): string {
  if (part === undefined || part === null || typeof part === 'boolean') return '';
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(render).join('');
  return String(part).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
