// Identity vendors by the name an operator configures. A second vendor is a folder beside `didit/` and a line here; the
// suite in test/contract/identity-vendor.ts says whether it is one.

import { createDiditVendor } from './didit/vendor.ts';

export const vendorFactories = {
  didit: createDiditVendor,
} as const;

export type VendorName = keyof typeof vendorFactories;
