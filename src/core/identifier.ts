// What a person types to say who they are: compared without regard to letter case, width or composed form, so that two
// spellings never become two accounts (T11).

export type IdentifierReading =
  | { readonly kind: 'ok'; readonly identifier: string }
  | { readonly kind: 'refused'; readonly message: string };

const MAX_LENGTH = 254;

/** NFKC, case-folded, trimmed. White space within, and characters that are not assigned or not seen, are refused. */
export function readIdentifier(typed: string): IdentifierReading {
  const identifier = foldCase(typed.normalize('NFKC').trim()).normalize('NFKC');
  if (identifier === '') return { kind: 'refused', message: 'Type your user name or e-mail address.' };
  if ([...identifier].length > MAX_LENGTH) {
    return { kind: 'refused', message: `A user name has at most ${MAX_LENGTH} characters.` };
  }
  // fillers and selectors count as letters or marks; the empty braille pattern as a symbol
  if (/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u.test(identifier)) {
    return { kind: 'refused', message: 'A user name has no spaces or invisible characters in it.' };
  }
  if (mixesScripts(identifier)) {
    return { kind: 'refused', message: 'A user name uses the letters of one alphabet only.' };
  }
  return { kind: 'ok', identifier };
}

/** Small letters alone leave ß beside ss and the two small sigmas apart, which only the way through capitals joins. */
function foldCase(text: string): string {
  return [...text].map((letter) => letter.toLowerCase().toUpperCase().toLowerCase()).join('');
}

/** Latin letters beside Cyrillic, Greek or Cherokee ones are a look-alike in the making (UTS 39 §5.1). */
function mixesScripts(identifier: string): boolean {
  const scripts = [
    /\p{Script=Latin}/u,
    /\p{Script=Cyrillic}/u,
    /\p{Script=Greek}/u,
    /\p{Script=Cherokee}/u,
    /\p{Script=Armenian}/u,
  ];
  return scripts.filter((script) => script.test(identifier)).length > 1;
}

/** One that mail can be sent to. What only looks like an address a little is a user name. */
export function isEmailAddress(identifier: string): boolean {
  return /^[^\s@"(),:;<>[\]\\]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.)+[\p{L}\p{N}-]{2,63}$/u.test(identifier);
}
