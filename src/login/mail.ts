// What people are told by mail, and the port that sends it.

/** When, where and in which browser something was done, as people are told. */
export interface Circumstances {
  /** how the client is called; undefined where there was none */
  readonly client?: string;
  /** "Firefox on Windows" */
  readonly browser: string;
  /** an address, with its country where known */
  readonly place: string;
  /** epoch seconds */
  readonly at: number;
}

/** What a person can be told by mail. Links are absolute, one-time, and change nothing before a button is pressed. */
export type Mail =
  /** proves the address of somebody who enrols */
  | { readonly kind: 'enrolment-code'; readonly code: string; readonly minutes: number; readonly where: Circumstances }
  /** signs in, in the browser that asked */
  | {
      readonly kind: 'sign-in-code';
      readonly code: string;
      readonly link: string;
      readonly minutes: number;
      readonly where: Circumstances;
    }
  | { readonly kind: 'new-device'; readonly where: Circumstances; readonly denyLink: string }
  /** the face was shown on another device and the number confirmed */
  | { readonly kind: 'hand-off'; readonly where: Circumstances; readonly denyLink: string }
  /** signed in without a selfie: by mail or recovery code */
  | {
      readonly kind: 'weak-sign-in';
      readonly way: 'email' | 'recovery_code';
      readonly where: Circumstances;
      readonly denyLink: string;
    }
  /** a new face waits until `dueAt` before it counts */
  | {
      readonly kind: 'renewal-waiting';
      readonly dueAt: number;
      readonly where: Circumstances;
      readonly denyLink: string;
    }
  | {
      readonly kind: 'face-replaced';
      readonly by: 'document' | 'review';
      readonly where: Circumstances;
      readonly denyLink: string;
    }
  | { readonly kind: 'passkey-added'; readonly name: string; readonly where: Circumstances; readonly denyLink: string }
  | { readonly kind: 'account-deleted'; readonly at: number };

export interface Mailer {
  /** Is this one plain address that mail can be sent to? */
  accepts(to: string): boolean;
  /** Resolves when the mail is stored for sending; it goes out in the background, again and again until it is taken. */
  send(to: string, mail: Mail): Promise<void>;
}
