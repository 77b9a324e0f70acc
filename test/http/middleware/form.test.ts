import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFields, readForm } from '../../../src/http/middleware/form.ts';
import { type Asking, type Served, serve } from './serve.ts';

let app: Served;

beforeAll(async () => {
  app = await serve(async (ctx) => {
    ctx.body = await readForm(ctx);
  });
});
afterAll(() => app.close());

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

async function post(asking: Asking): Promise<unknown> {
  return JSON.parse((await app.ask('/', { method: 'POST', ...asking })).text);
}

describe('readForm', () => {
  test('gives each field as one text', async () => {
    const read = await post({ headers: FORM, body: 'identifier=anna%40example.org&begin=&name=%C3%A9+x' });
    expect(read).toEqual({ kind: 'fields', fields: { identifier: 'anna@example.org', begin: '', name: 'é x' } });
  });

  test('a charset beside the type is fine', async () => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' };
    expect(await post({ headers, body: 'a=b' })).toEqual({ kind: 'fields', fields: { a: 'b' } });
  });

  test('a POST without a body has no fields', async () => {
    expect(await post({ headers: { 'Content-Length': '0' } })).toEqual({ kind: 'fields', fields: {} });
  });

  test.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x'])(
    '%s is refused with 415',
    async (type) => {
      const read = await post({ headers: { 'Content-Type': type }, body: 'a=b' });
      expect(read).toEqual({ kind: 'refused', status: 415, reason: 'content-type' });
    },
  );

  test('a body without a type is refused with 415', async () => {
    expect(await post({ body: 'a=b' })).toMatchObject({ status: 415 });
  });

  test('a compressed form is refused with 415', async () => {
    const read = await post({ headers: { ...FORM, 'Content-Encoding': 'gzip' }, body: gzipSync('a=b') });
    expect(read).toMatchObject({ status: 415, reason: 'encoding' });
  });

  test('16 kB is read, one byte more is refused with 413', async () => {
    expect(await post({ headers: FORM, body: `a=${'x'.repeat(16_382)}` })).toMatchObject({ kind: 'fields' });
    expect(await post({ headers: FORM, body: `a=${'x'.repeat(16_383)}` })).toMatchObject({ status: 413 });
  });

  test('a doubled field is refused (T21)', async () => {
    const read = await post({ headers: FORM, body: 'identifier=a&identifier=b' });
    expect(read).toEqual({ kind: 'refused', status: 400, reason: 'doubled-field' });
  });
});

describe('readFields', () => {
  test('brackets and dots make no objects', () => {
    const read = readFields('a[b]=c&d.e=f&g[]=h');
    expect(read).toMatchObject({ fields: { 'a[b]': 'c', 'd.e': 'f', 'g[]': 'h' } });
  });

  test('names of Object.prototype are fields like others', () => {
    const read = readFields('__proto__=x&constructor=y');
    if (read.kind !== 'fields') throw new Error('expected fields');
    expect(Object.getPrototypeOf(read.fields)).toBeNull();
    expect(Object.entries(read.fields)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test('more fields than any form of ours has are refused', () => {
    const text = Array.from({ length: 65 }, (_, index) => `f${index}=x`).join('&');
    expect(readFields(text)).toMatchObject({ kind: 'refused', reason: 'too-many-fields' });
  });
});
