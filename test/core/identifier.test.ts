import { describe, expect, test } from '@jest/globals';
import { readIdentifier } from '../../src/core/identifier.ts';

function read(typed: string): string | undefined {
  const reading = readIdentifier(typed);
  return reading.kind === 'ok' ? reading.identifier : undefined;
}

describe('two spellings of one name are one account (T11)', () => {
  test.each<[string, string, string]>([
    ['letter case', 'ALICE@Example.ORG', 'alice@example.org'],
    ['white space around it', '  alice \n', 'alice'],
    ['full-width letters (NFKC)', 'ａｌｉｃｅ', 'alice'],
    ['mathematical letters (NFKC)', '𝐚𝐥𝐢𝐜𝐞', 'alice'],
    ['ligatures (NFKC)', 'ﬁona', 'fiona'],
    ['a Kelvin sign', 'K', 'k'],
    ['a composed and a decomposed letter', 'jose\u0301', 'jos\u00e9'],
    ['sharp s, small', 'straße', 'strasse'],
    ['sharp s, capital', 'STRAẞE', 'strasse'],
    ['a final sigma', 'ΟΔΟΣ', 'οδοσ'],
    ['… written small', 'οδος', 'οδοσ'],
    ['superscripts', 'user²', 'user2'],
  ])('%s', (_name, typed, identifier) => {
    expect(read(typed)).toBe(identifier);
  });

  test('reading what was read changes nothing', () => {
    for (const typed of ['STRAẞE', 'ΟΔΟΣ', 'İstanbul', 'ŉ', 'ǰ', 'ﬃ', 'Ϋ́', 'ẖ']) {
      const once = read(typed);
      if (once !== undefined) expect([typed, read(once)]).toEqual([typed, once]);
    }
  });
});

describe('look-alikes are refused (T11)', () => {
  test.each<[string, string]>([
    ['a Cyrillic a among Latin letters', 'аlice'],
    ['a Greek omicron among Latin letters', 'bοb'],
    ['a Cherokee letter among Latin ones', 'Ꭺlice'],
    ['an Armenian letter among Latin ones', 'bօb'],
    ['Greek among Cyrillic', 'αлиса'],
    ['a zero-width space', 'ali\u200bce'],
    ['a zero-width joiner', 'ali\u200dce'],
    ['a soft hyphen', 'ali\u00adce'],
    ['a byte-order mark', 'ali\ufeffce'],
    ['text written backwards', 'ali\u202ece'],
    ['a variation selector', 'alice\ufe0f'],
    ['a combining grapheme joiner', 'ali\u034fce'],
    ['a Hangul filler', 'alice\u3164'],
    ['a Mongolian vowel separator', 'ali\u180ece'],
    ['a blank braille pattern', 'alice\u2800'],
    ['a tag character', 'alice\u{e0041}'],
    ['a space within', 'alice smith'],
    ['a no-break space within', 'alice\u00a0smith'],
    ['a tab', 'alice\tsmith'],
    ['a NUL', 'alice\u0000'],
    ['a lone surrogate', 'alice\ud800'],
    ['a private character', 'alice\ue000'],
    ['nothing', ''],
    ['nothing but space', ' \u3000 '],
    ['more than 254 characters', 'a'.repeat(255)],
    ['more than 254 once it is unfolded', 'ﷺ'.repeat(200)],
  ])('%s', (_name, typed) => {
    expect(read(typed)).toBeUndefined();
  });

  test('254 characters of one alphabet are fine, each alphabet by itself too', () => {
    expect(read('a'.repeat(254))).toBe('a'.repeat(254));
    for (const name of ['алиса', 'αλικη', '愛子', 'ひかり', '김민준', 'مريم', 'דנה', 'o’neill', 'a.b+c_d-e@x.org']) {
      expect(read(name)).toBe(name);
    }
  });
});
