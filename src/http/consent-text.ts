// What a person agrees to before a face is shown, word for word. The version is stored with the consent, so that years
// later it can be said what was agreed to: whoever changes a word here gives it a new version (a test insists).

import type { Pages } from './pages.ts';

/** The checkbox `biometric_consent` on the first page, and the version stored when it is ticked. */
export const CONSENT = {
  version: '2026-11-21',
  text: 'I agree that pictures of my face are taken and measured by the verification company to check that it is me.',
} as const;

/**
 * What happens to the face, as plain sentences: the notice that stands beside the checkbox and belongs to its version.
 *
 * @param enrolment whether people may sign in here for the first time, which takes a document
 */
export function consentNotice(about: {
  readonly client: string;
  readonly verifier?: Pages['begin']['verifier'] | undefined;
  readonly enrolment: boolean;
}): readonly string[] {
  const { client, verifier, enrolment } = about;
  const company = verifier?.name ?? 'a verification company';
  const notice = [
    `The camera opens on a page of ${company}. The company checks that a live person is there, compares the face with the picture from your first sign-in, and tells us the result.`,
    verifier?.keepsPortrait === true
      ? 'We keep no picture of you. The verification company keeps one to compare with, from the first time you sign in.'
      : 'We keep one picture of your face, encrypted, from the first time you sign in, to compare with. We keep no picture from later selfies.',
  ];
  if (enrolment) {
    notice.push(
      'The first time, you also show an identity document. We keep of it, encrypted, what applications may ask for with your permission, and a fingerprint of its details by which the same document can be recognised again.',
    );
  }
  notice.push(
    `${client} learns that it is you and how this was checked. It gets no picture of you from us.`,
    'The verification company keeps pictures as agreed with whoever runs this service, who can tell you for how long.',
    'You may take your agreement back at any time: tell whoever runs this service.',
  );
  return notice;
}
