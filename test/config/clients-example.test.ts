// The clients file that is handed to operators: accepted here, and understood by oidc-provider as it stands.

import { readFile } from 'node:fs/promises';
import { describe, expect, jest, test } from '@jest/globals';
import Provider from 'oidc-provider';
import { readClients } from '../../src/config/clients.ts';
import { signingKeys } from './support.ts';

function read(text: string, production = false) {
  const context = { production, hasActiveWorkflow: false, outgoingAllow: [], signingAlgorithms: ['RS256', 'ES256'] };
  const reading = readClients(text, 'c.yaml', context);
  return { ...reading, told: reading.faults.map((fault) => `${fault.where}: ${fault.problem}`) };
}

describe('the example', () => {
  const example = readFile(new URL('../../config/clients.example.yaml', import.meta.url), 'utf8');

  test('is accepted, but for the secret that must be replaced in production', async () => {
    expect(read(await example).told).toEqual([]);
    expect(read(await example).clients).toHaveLength(3);
    expect(read(await example, true).told).toEqual([
      expect.stringContaining('client_secret is the placeholder of an example'),
    ]);
  });

  test('is understood by oidc-provider as it stands, name for name', async () => {
    const { clients } = read(await example);
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {}); // of its in-memory adapter
    const provider = new Provider('http://localhost:3000', {
      clients: clients.map((client) => ({ ...client })) as never,
      jwks: JSON.parse(await signingKeys()),
      features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, dPoP: { enabled: true } },
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      extraClientMetadata: { properties: ['first_party', 'minimum_acr', 'vendor_workflow', 'pkce'] },
    });
    warn.mockRestore();
    for (const client of clients) {
      const found = await provider.Client.find(client.client_id);
      expect(Object.keys(client).filter((name) => !(name in (found?.metadata() ?? {})))).toEqual([]);
    }
  });
});
