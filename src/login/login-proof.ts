// Things to be taken back that are no verification: they stand among the proofs of a session beside the verifications that it rests on.

const LOGIN_PROOF = 'login:';
const DEVICE_PROOF = 'device:';

/** One login alone. */
export function loginProof(uid: string): string {
  return `${LOGIN_PROOF}${uid}`;
}

export function isLoginProof(proofId: string): boolean {
  return proofId.startsWith(LOGIN_PROOF);
}

/** All logins of one account at one device. @param mark see `DeviceUse` */
export function deviceProof(mark: string): string {
  return `${DEVICE_PROOF}${mark}`;
}

export function isDeviceProof(proofId: string): boolean {
  return proofId.startsWith(DEVICE_PROOF);
}
