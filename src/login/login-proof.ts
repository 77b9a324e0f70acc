// One login alone, as a thing to be taken back: it stands among the proofs of a session beside the verifications that the login rests on.

const LOGIN_PROOF = 'login:';

export function loginProof(uid: string): string {
  return `${LOGIN_PROOF}${uid}`;
}

export function isLoginProof(proofId: string): boolean {
  return proofId.startsWith(LOGIN_PROOF);
}
