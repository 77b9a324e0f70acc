/** The user entities of each application, and the face stored for a user: what stays of a person beside the sessions. */
import { randomUUID } from 'node:crypto';
import type { Picture } from './pictures.ts';

export interface StoredFace {
  readonly picture: Picture;
  readonly sessionId: string;
}

export interface VendorUser {
  readonly vendorData: string;
  readonly internalId: string;
  status: 'ACTIVE' | 'FLAGGED' | 'BLOCKED';
  readonly createdAt: number;
}

export type Users = ReturnType<typeof createUsers>;

/** The users of one application. */
export function createUsers(now: () => number) {
  const users = new Map<string, VendorUser>();
  const faces = new Map<string, StoredFace>();
  return {
    faces,
    all: (): readonly VendorUser[] => [...users.values()],
    find: (vendorData: string): VendorUser | undefined => users.get(vendorData),
    /** The user of this name, made now when there is none. */
    ensure(vendorData: string): VendorUser {
      const known = users.get(vendorData);
      if (known !== undefined) return known;
      const user: VendorUser = { vendorData, internalId: randomUUID(), status: 'ACTIVE', createdAt: now() };
      users.set(vendorData, user);
      return user;
    },
    /** The user and the stored face; sessions stay. @returns whether there was one */
    remove(vendorData: string): boolean {
      faces.delete(vendorData);
      return users.delete(vendorData);
    },
  };
}
