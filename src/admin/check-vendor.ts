// Asks the vendor whether what was set up in its console fits what is configured here.

import type { IdentityVendor, VendorFinding } from '../login/ports.ts';

export function checkVendor(parts: {
  readonly vendor: Pick<IdentityVendor, 'inspect'>;
  readonly issuer: string;
}): Promise<readonly VendorFinding[]> {
  return parts.vendor.inspect({ webhookUrl: `${parts.issuer}/webhooks/didit` });
}
