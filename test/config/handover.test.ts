import { deserialize, serialize } from 'node:v8';
import { expect, test } from '@jest/globals';
import { receiveConfig } from '../../src/config/handover.ts';
import { configOf, PRODUCTION } from './support.ts';

test('a configuration that another process receives is the one that was judged, to the last prototype', async () => {
  const policy = `
scopes: { payments: urn:selfie-oidc:acr:selfie }
risk: { rules: [new_device, selfie_age: { days: 30 }] }
clients: { shop: { cross_device: "off" } }
`;
  const { config } = await configOf({ ...PRODUCTION, WORKERS: '2' }, { 'config/policy.yaml': policy });
  expect(config.policy.clients.shop).toBeDefined();
  const received = receiveConfig(deserialize(serialize(config)));
  expect(received).toStrictEqual(config);
  expect(Object.getPrototypeOf(received.policy.scopes)).toBe(null);
  expect(Object.getPrototypeOf(received.policy.clients)).toBe(null);
});
