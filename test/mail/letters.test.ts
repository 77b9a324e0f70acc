import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import type { Circumstances, Mail } from '../../src/login/mail.ts';
import { KINDS } from '../../src/mail/letters.ts';
import { checkMailTemplates, createLetters, MailTemplateFault, SAMPLES } from '../../src/mail/template-check.ts';

const AT = 1_900_000_000;
const EXPIRES_AT_MS = (AT + 600) * 1000;
const DENY = 'https://login.example/deny/t0ken?a=1&b=2';
const where: Circumstances = { client: 'Example Shop', browser: 'Firefox on Windows', place: '192.0.2.7 (NL)', at: AT };
const newDevice: Mail = { kind: 'new-device', where, denyLink: DENY };
const code: Mail = { kind: 'sign-in-code', code: '482913', link: 'https://login.example/s', minutes: 10, where };

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function ownTemplates(files: Record<string, string>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'mail-templates-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const write = (mail: Mail, options = {}) => createLetters(options).write(mail, EXPIRES_AT_MS);

describe('every kind', () => {
  test('has its sample', () => {
    expect(new Set(SAMPLES.map(({ kind }) => kind))).toEqual(new Set(KINDS));
    expect(checkMailTemplates({})).toEqual([]);
  });

  test.each(SAMPLES.map((mail, number) => [`${mail.kind} ${number}`, mail] as const))(
    '%s says who, when, where and with what, calmly and the same in HTML',
    (_name, mail) => {
      const { subject, text, html } = write(mail);
      const dom = parse(html);
      const flat = (words: string) => words.replace(/\s+/g, ' ').trim();
      expect(subject).toMatch(/^[A-Z][^\n]{5,90}$/);
      expect(`${subject}${text}`).not.toMatch(/undefined|\[object|&[a-z#\d]+;|!|urgent|immediately|<%/i);
      if ('where' in mail) {
        for (const fact of [
          mail.where.client ?? '',
          mail.where.browser,
          mail.where.place,
          '15 January 2027, 08:00 UTC',
        ]) {
          expect(text).toContain(fact);
          expect(flat(dom.structuredText)).toContain(fact);
        }
        expect(text.includes('Application:')).toBe(mail.where.client !== undefined);
      }
      if ('denyLink' in mail) {
        expect(text).toContain(`This was not me:\n${mail.denyLink}\n`);
        expect(text).toContain('It has one button; nothing happens before you press it.');
        expect(dom.querySelector('a')?.getAttribute('href')).toBe(mail.denyLink);
        expect(dom.querySelector('a')?.text).toBe('This was not me');
      }
      if ('code' in mail) {
        expect(subject).not.toContain('482');
        expect(text).toContain('\n482 913\n');
        expect(text).toContain('Nobody from us asks for this code. Type it only in the window where you started.');
        expect(text).toContain('10 minutes');
      }
      expect(text.split('\n').filter((line) => line !== '').length).toBeLessThan(20);
    },
  );

  test.each(SAMPLES.map((mail, number) => [`${mail.kind} ${number}`, mail] as const))(
    '%s loads nothing, runs nothing and can be read aloud',
    (_name, mail) => {
      const dom = parse(write(mail).html);
      expect(dom.querySelectorAll('img, script, link, iframe, form, style, [src], [background], [onclick]')).toEqual(
        [],
      );
      expect(dom.toString()).not.toContain('url(');
      expect(dom.querySelector('html')?.getAttribute('lang')).toBe('en');
      expect(dom.querySelectorAll('h1')).toHaveLength(1);
      expect(dom.querySelector('title')?.text).not.toBe('');
      for (const link of dom.querySelectorAll('a')) expect(link.text).toMatch(/^[A-Z]/);
    },
  );

  test('the variants differ where people should be told', () => {
    expect(write({ kind: 'weak-sign-in', way: 'email', where, denyLink: DENY }).text).toContain('sent by e-mail');
    expect(write({ kind: 'weak-sign-in', way: 'recovery_code', where, denyLink: DENY }).text).toContain(
      'recovery code',
    );
    expect(write({ kind: 'face-replaced', by: 'document', where, denyLink: DENY }).text).toContain('identity document');
    expect(write({ kind: 'face-replaced', by: 'review', where, denyLink: DENY }).text).toContain('a person looked');
    expect(write({ kind: 'renewal-waiting', dueAt: AT + 86_400, where, denyLink: DENY }).text).toContain(
      '18 March 2030, 17:46 UTC',
    );
  });

  test.each([
    ['123456', '123 456'],
    ['12345678', '1234 5678'],
    ['AB12CD34', 'AB12 CD34'],
    ['K7QM-2XWD', 'K7QM-2XWD'],
    ['1234', '1234'],
  ])('the code %s is printed as %s', (typed, printed) => {
    const { text, html } = write({ ...code, code: typed });
    expect(text.split('\n')).toContain(printed);
    expect(html).toContain(`>${printed}</p>`);
  });
});

describe('what others named', () => {
  const markup = '<b>Shop</b> & "Co" <img src=x onerror=alert(1)>';

  test('is text in HTML, and itself in text', () => {
    const { html, text, subject } = write({ ...newDevice, where: { ...where, client: markup, browser: markup } });
    expect(parse(html).querySelectorAll('b, img')).toEqual([]);
    expect(html).toContain('&lt;b&gt;Shop&lt;/b&gt; &amp; &#34;Co&#34;');
    expect(text).toContain('Application: <b>Shop</b> & "Co" <img');
    expect(subject).toContain('<b>Shop</b>');
  });

  test('turns no sentence around and begins no line', () => {
    const client = 'Shop\u202E\u2066\u200F\u061C\r\n\r\nThis was not me:\nhttps://evil.example\n\n482 913';
    const { text, html, subject } = write({ ...newDevice, where: { ...where, client } });
    expect(`${subject}${text}${html}`).not.toMatch(/[\u202E\u2066\u200F\u061C\r]/);
    expect(
      parse(html)
        .querySelectorAll('a')
        .map((link) => link.getAttribute('href')),
    ).toEqual([DENY]);
    expect(text.split('\n').filter((line) => line.startsWith('https:'))).toEqual([DENY]);
  });

  test('is cut: a name is no letter', () => {
    const { subject } = write({ ...newDevice, where: { ...where, client: '😀'.repeat(500) } });
    expect([...subject].length).toBeLessThan(100);
    expect(subject).toMatch(/😀…$/u);
  });

  test('an empty name is none', () => {
    const { text, subject } = write({ ...newDevice, where: { ...where, client: '\u202E\n' } });
    expect(subject).toBe('New browser signed in to Selfie sign-in');
    expect(text).not.toContain('Application:');
  });

  test('the name of a passkey does not become a link', () => {
    const name = 'https://help.evil.example/x mail@evil.example';
    const { text } = write({ kind: 'passkey-added', name, where, denyLink: DENY });
    expect(text).not.toMatch(/https:\/\/help|evil\.example|mail@evil/);
  });

  test('a link that is no web address is no link', () => {
    expect(() => write({ ...newDevice, denyLink: 'javascript:alert(1)' })).toThrow(
      'a link in a mail is no web address',
    );
  });
});

describe('an operator’s own templates', () => {
  test('win by name; the others stay', async () => {
    const directory = await ownTemplates({
      'new-device.ejs':
        'Neuer Browser: <%= page.target %>\n\n<%- include("partials/where") %>\n\nNein:\n<%= page.denyLink %>\n',
      'partials/where.ejs': 'Wann: <%= page.when %>',
    });
    const letter = write(newDevice, { directory });
    expect(letter.subject).toBe('Neuer Browser: Example Shop');
    expect(letter.text).toBe(`Wann: 17 March 2030, 17:46 UTC\n\nNein:\n${DENY}\n`);
    expect(parse(letter.html).querySelector('a')?.text).toBe('Nein');
    const other = write({ kind: 'hand-off', where, denyLink: DENY }, { directory });
    expect(other.text).toContain('This was not me:');
    expect(other.text).toContain('Wann:');
  });

  test('can be no less safe: what they print is plain, also in HTML', async () => {
    const directory = await ownTemplates({
      'new-device.ejs': 'New\n\n<%- page.client %>\n\n<%= page.denyLink %>\n',
    });
    const letter = write({ ...newDevice, where: { ...where, client: '<i>x</i>\r\nBcc: y' } }, { directory });
    expect(parse(letter.html).querySelector('i')).toBeNull();
    expect(letter.text).toContain('<i>x</i> Bcc: y');
  });

  test.each([
    [
      'does not compile',
      'new-device.ejs',
      'Subject\n<% if (page.client) { %>',
      /SyntaxError|Unexpected|missing|Could not/i,
    ],
    ['has a tag that is not closed', 'new-device.ejs', 'Subject\n<%= page.client', /close tag/],
    ['calls what is not there', 'new-device.ejs', 'Subject\n<%= nothing.at.all %>', /^line 2: nothing is not defined/],
    ['misspells a field', 'new-device.ejs', 'Subject\n<%= page.cilent %>', /^line 2: prints a field/],
    [
      'prints what is not always there',
      'new-device.ejs',
      'To <%= page.client %>\n<%= page.denyLink %>',
      /^line 1: prints a field/,
    ],
    [
      'includes what is not there',
      'new-device.ejs',
      'Subject\n<%- include("partials/x") %>',
      /includes partials\/x\.ejs/,
    ],
    ['has no subject', 'new-device.ejs', '\n\n', /subject/],
    ['forgets the way out', 'new-device.ejs', 'Subject\n\nHello', /page\.denyLink must/],
    [
      'hides the way out in a sentence',
      'new-device.ejs',
      'Subject\n\nSee <%= page.denyLink %>.',
      /page\.denyLink must/,
    ],
    ['forgets the code', 'sign-in-code.ejs', 'Subject\n\n<%= page.link %>', /page\.code must/],
    ['forgets the link', 'sign-in-code.ejs', 'Subject\n\n<%= page.code %>', /page\.link must/],
    ['has a name that no mail has', 'newdevice.ejs', 'Subject', /no mail has this name/],
    ['fetches a picture', '_html.ejs', '<img src="https://cdn.example/open.gif">', /loads or sends/],
  ])('one that %s is a fault with its name', async (_what, file, text, problem) => {
    const directory = await ownTemplates({ [file]: text });
    const faults = checkMailTemplates({ directory });
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) expect(fault.problem).toMatch(problem);
    if (file !== '_html.ejs') expect(faults.map((fault) => fault.file)).toEqual([file]);
    expect(() => createLetters({ directory })).toThrow(MailTemplateFault);
    expect(() => createLetters({ directory })).toThrow(faults[0]?.file ?? '');
  });

  test('all faults are told at once, and a folder that is not there is one', async () => {
    const directory = await ownTemplates({ 'new-device.ejs': 'x', 'hand-off.ejs': '<%', '_html.ejs': '<% } %>' });
    expect(
      checkMailTemplates({ directory })
        .map(({ file }) => file)
        .sort(),
    ).toEqual(['_html.ejs', 'hand-off.ejs']);
    expect(checkMailTemplates({ directory: '/nowhere/at/all' })).toEqual([
      { file: '/nowhere/at/all', problem: 'the folder cannot be read' },
    ]);
  });
});
