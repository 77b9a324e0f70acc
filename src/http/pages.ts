// What each page is told: one type a view, rendered by `views.ts` from `views/<name>.ejs`. A page holds no decision; it
// shows what the route found and the forms that lead on. Names of fields and buttons are fixed (design section 9).

/** Who is asking, as the clients file says. */
export interface ClientView {
  readonly name: string;
  /** an address of ours, which hands the client's logo on */
  readonly logoPath?: string;
  /** where the person can begin again: the client's `initiate_login_uri` or `client_uri` */
  readonly startAgainUri?: string;
}

/** From where and when the login was started: shown so that a relayed request can be recognised (T2). */
export interface OriginView {
  /** "Firefox on Windows" */
  readonly browser: string;
  /** an address, or a place where that is known */
  readonly place: string;
  readonly startedAt: Date;
}

/** A form of an interaction page: where it posts and the token that proves it is ours (T23). */
export interface InteractionForm {
  /** `/interaction/<uid>` */
  readonly base: string;
  readonly csrf: string;
}

/** What was wrong with the number that was typed; `malformed`: it was none, and no try is lost. */
export type NumberFault = 'wrong' | 'expired' | 'malformed';

export type RetryKind =
  | 'declined'
  /** the same, where a document was checked */
  | 'document-declined'
  /** the vendor takes no check of this person; nothing was shown or paid */
  | 'blocked'
  | 'captured-elsewhere'
  | 'not-finished'
  | 'abandoned'
  | 'expired'
  | 'kyc-expired'
  /** nobody said how it ended: the vendor does not know it any more */
  | 'gone'
  | 'no-portrait';

export type WaitingState =
  /** the button was pressed more than once, and the first press is being answered still */
  | 'starting'
  | 'not-started'
  | 'in-progress'
  | 'in-review'
  | 'resubmitted'
  | 'settling'
  /** the vendor does not answer us */
  | 'unanswered';

/** A page from which the same press of the button is worth another try later. */
export interface RetryLater {
  readonly form: InteractionForm;
  readonly client: ClientView;
  readonly retryAfterSeconds: number;
  readonly otherWays: boolean;
  /** what was typed, sent along again: no attempt remembers it yet */
  readonly carried?: Readonly<Record<string, string>>;
}

export interface Pages {
  /** First page: who signs in to what, from where, what happens to the face. */
  begin: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly origin: OriginView;
    /** `typed`: an input, prefilled; `fixed`: shown, from id_token_hint; `remembered`: shown, with `switch_account` */
    readonly identifier: { readonly kind: 'typed' | 'fixed' | 'remembered'; readonly value: string };
    /** names the shown person for the POST, which must not begin for another (a session changed in another tab) */
    readonly shownPerson?: string;
    /** checkbox `biometric_consent`; its text's version is stored with the consent */
    readonly askConsent: boolean;
    /** it was ticked, and something else was wrong */
    readonly isConsentGiven?: boolean;
    /** an input `invitation`, prefilled; absent where enrolment does not ask for one */
    readonly invitation?: { readonly value: string };
    /** first-time people may enrol here by a document check */
    readonly enrolmentOpen: boolean;
    /** what the selfie will be: a still picture, a challenge that moves, or none this time, as the device is known */
    readonly method: 'passive' | 'active' | 'none';
    /**
     * No selfie alone is enough here. `first`: the passkey of who is shown is, and is the main button (`begin` with value `passkey`);
     * `enough`: a passkey would be, if there is one; `beside`: it is needed beside the selfie.
     */
    readonly passkey?: 'first' | 'enough' | 'beside';
    /** there are other ways in than a selfie: button `begin` with value `other` */
    readonly otherWays: boolean;
    /** offer button `begin` with value `phone`, beside the plain `begin` */
    readonly offerPhone: boolean;
    /** what was wrong with the last POST, beside the field it names */
    readonly fault?: { readonly field: 'identifier' | 'biometric_consent' | 'invitation'; readonly message: string };
    /** who looks at the face, for the notice; without it the page says "a verification company" */
    readonly verifier?: {
      readonly name: string;
      /** https only: the company's own words on privacy */
      readonly privacyUri?: string;
      /** policy `portrait: vendor`: the picture to compare with lies there, not with us */
      readonly keepsPortrait?: boolean;
    };
  };
  /** The live page: `eventsUrl` for script, a meta refresh without. */
  waiting: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly state: WaitingState;
    readonly eventsUrl: string;
    /** the plain reload, for those without script */
    readonly refreshSeconds: number;
    /** a form to `…/begin` that leads back to the same hosted page */
    readonly canCapture: boolean;
    /** steps to do again, in the vendor's words; for `resubmitted` */
    readonly steps: readonly string[];
    /** field `number` to `…/confirm`: the face was, or may be, shown on another device */
    readonly number?: { readonly fault?: NumberFault; readonly triesLeft: number; readonly kept: boolean };
    /** show the plain explanation "the face was shown elsewhere", as the verdict is already there */
    readonly numberNeeded: boolean;
    /** the hand-off to a phone: QR as inline SVG (ours, safe) and the same address as a link text-free for screen readers */
    readonly phone?: { readonly qrSvg: string };
    /** epoch: when this attempt lapses */
    readonly lapsesAt: Date;
    /** after a while a way out is made prominent */
    readonly showWayOut: boolean;
    readonly otherWays: boolean;
  };
  /** A try is over without success: form to `…/begin` (again), `…/abort`. */
  retry: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly kind: RetryKind;
    /** 0: only giving up is left */
    readonly triesLeft: number;
    readonly offerPhone: boolean;
    readonly otherWays: boolean;
    /** the person may enrol anew, by a document: button `begin` with value `re-enrol` */
    readonly mayReEnrol: boolean;
    /** what was typed, sent along again: no attempt may remember it yet */
    readonly carried?: Readonly<Record<string, string>>;
  };
  /** Who cannot or will not show a face. Forms to `…/other`, button `way`; back to the selfie by `…/begin`. */
  'other-ways': {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly identifier: string;
    /** in the order of the policy */
    readonly ways: readonly ('passkey' | 'email' | 'recovery_code')[];
    /** the face can be enrolled anew by a document */
    readonly mayReEnrol: boolean;
    /** going back to the selfie needs the consent that was not given yet */
    readonly askConsent: boolean;
    readonly fault?: { readonly field: 'code' | 'biometric_consent'; readonly message: string };
  };
  /** A code was sent by mail, maybe: the page says the same to everybody. Field `code`, buttons `confirm` and `resend`. */
  code: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly identifier: string;
    readonly purpose: 'enrol' | 'sign-in';
    /** how long it is good from when it was sent; absent when it is over */
    readonly minutes?: number;
    readonly fault?: 'wrong' | 'expired' | 'no-more';
    readonly maySendAgain: boolean;
  };
  /**
   * A passkey, instead of a selfie or beside one. Forms to `…/passkey` with the hidden field `answer`, which the script fills, and the
   * button `passkey` = use | make | without.
   */
  passkey: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly identifier: string;
    readonly beside: boolean;
    /** JSON for the browser; absent where the person has none to use */
    readonly use?: string;
    /** JSON for the browser; absent where none can be made */
    readonly make?: string;
    /** one was made just now: it has to be used still */
    readonly made: boolean;
    /** the client would like a key, and does not insist */
    readonly mayGoWithout: boolean;
    readonly fault?: 'no-answer' | 'stale' | 'refused' | 'not-made' | 'full';
  };
  /** The link of a mail, in the browser that asked: nothing happens before the button. */
  'mail-link': {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly action: string;
    readonly csrf: string;
  };
  /** "This was not me", from a mail. */
  'not-me': {
    readonly action: string;
    readonly client: ClientView;
    readonly at: Date;
    readonly face: boolean;
    /** it was pressed */
    readonly done: boolean;
  };
  /** The phone opened our one-time hand-off address: nothing happens before the button. Form posts to `action`. */
  phone: {
    readonly action: string;
    readonly client: ClientView;
    readonly origin: OriginView;
    readonly identifier: string;
  };
  /** 403 in the browser that showed the face but did not start the login: the number, the facts, the deny form. */
  elsewhere: {
    /** POST target; hidden field `token`, button `deny` */
    readonly denyAction: string;
    readonly token: string;
    /** absent where policy lets no other device take part */
    readonly number?: string;
    readonly client: ClientView;
    readonly origin: OriginView;
    readonly minutes: number;
    /** a number was shown here, and may not be typed any more */
    readonly isTooLate: boolean;
    /** the verification led to nothing */
    readonly isRefused: boolean;
    /** somebody was signed in by that face: it can be taken back, and nothing is left to be typed */
    readonly isDone: boolean;
  };
  /** The login was stopped by the capturing device. */
  denied: { readonly client: ClientView };
  /** 403: this browser did not start the login, or lost its cookie (T24). */
  'wrong-browser': { readonly client?: ClientView };
  /** 410: over. `form` present while the client can still be answered. */
  ended: {
    readonly reason:
      | 'finished'
      | 'lapsed'
      | 'aborted'
      | 'denied'
      | 'preempted'
      | 'refused'
      | 'wrong-numbers'
      | 'renewal-waits'
      | 'gone'
      /** begun in this browser, and not there any more: nobody knows why */
      | 'over';
    readonly client?: ClientView;
    readonly form?: InteractionForm;
    /** for `renewal-waits`: when the new face counts, and whether the person is told by mail before */
    readonly renewal?: { readonly dueAt: Date; readonly isTold: boolean };
  };
  /** 409: another sign-in for this account is under way. */
  conflict: RetryLater;
  /** 429 */
  limited: RetryLater & {
    /** it is nothing that this person did: the day's budget is spent */
    readonly isBudget?: boolean;
  };
  /** 503: the vendor cannot be reached, or will not serve us. */
  'vendor-down': RetryLater;
  /** 403: this identifier cannot enrol here (closed, or the invitation is used up or wrong). */
  'enrolment-refused': {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly reason: 'closed' | 'invitation';
  };
  /** Scope consent: form to `…/consent`, buttons `decision` = allow | deny. */
  consent: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly identifier: string;
    /** plain sentences of what the client will see or may do */
    readonly grants: readonly string[];
  };
  /** RP-initiated logout: the library's own form (trusted markup) with our buttons. `formId` is the form's id. */
  logout: { readonly formHtml: string; readonly formId: string; readonly clientName?: string };
  'logged-out': { readonly client?: ClientView };
  /** `GET /invite/:token`: where to use the invitation; no account is made here. */
  invite: { readonly clients: readonly ClientView[]; readonly token: string };
  /** The person's own page. Forms post below `/account/`, each with the field `csrf`. */
  account: AccountView;
  /** `GET /account/delete`: what goes and what stays, and the form with field `identifier`. */
  'account-delete': {
    readonly csrf: string;
    readonly identifier: string;
    /** names this deletion, so that a second press of the button leads to the same place */
    readonly receipt: string;
    /** a code by mail or from support is no proof for this: a button to a new sign-in instead of the form */
    readonly needsProof: boolean;
    readonly verifier: string;
    readonly fault?: string;
  };
  /** A passkey made on the person's own page. The form posts to `/account/passkey`, with the field `answer`. */
  'account-passkey': {
    readonly csrf: string;
    readonly identifier: string;
    /** JSON for the browser; absent where the face was not shown for this session: a link to a new sign-in instead */
    readonly make?: string;
    readonly fault?: 'no-answer' | 'stale' | 'not-made' | 'full';
  };
  /** The way to the person's own page did not lead there. */
  'account-sign-in': { readonly reason: 'refused' | 'unavailable' | 'not-here' | 'too-old' };
  /** Nobody is signed in here any more, or nobody that could be shown the account: why. */
  'account-signed-out': { readonly after: 'here' | 'everywhere' | 'denied' | 'denied-face' };
  /** `/`, where somebody looks who knows no other address. */
  home: Record<string, never>;
  /** `GET /account/deleted/:receipt`: how far a deletion is. */
  deleted: {
    /** the address of this page */
    readonly path: string;
    readonly state: 'under-way' | 'done' | 'unknown';
    readonly at?: Date;
    readonly verifier: string;
  };
  /** Anything else that went wrong. `code` is an OAuth error or ours, safe to show. */
  error: { readonly status: number; readonly code: string; readonly message: string; readonly requestId: string };
}

/** All that the person's own page shows, in words. */
export interface AccountView {
  readonly csrf: string;
  readonly identifier: string;
  /** what was just done */
  readonly notice?: string;
  /** what was asked for and could not be done */
  readonly fault?: string;
  /** by a code: most buttons are absent, and a link leads to a stronger proof */
  readonly isWeak: boolean;
  readonly about: {
    readonly isConfirmed: boolean;
    /** of the document: what it is called, and what it says */
    readonly claims: readonly { readonly name: string; readonly value: string }[];
    readonly enrolledAt: Date;
    /** since when a picture of the face is kept here; absent where only the vendor has one */
    readonly faceSince?: Date;
    readonly consent?: { readonly version: string; readonly at: Date };
    readonly review?: { readonly since: Date; readonly reasons: readonly string[] };
    /** a new face that counts from then on, unless it is called off */
    readonly newFaceDueAt?: Date;
  };
  readonly sessions: readonly {
    readonly id: string;
    readonly isThis: boolean;
    readonly clients: readonly string[];
    readonly since?: Date;
    readonly browser?: string;
    readonly address?: string;
  }[];
  readonly devices: readonly {
    readonly id: string;
    readonly isThis: boolean;
    readonly browser: string;
    readonly firstUsedAt: Date;
    readonly lastUsedAt: Date;
    readonly networks: readonly string[];
  }[];
  readonly passkeys: readonly {
    readonly id: string;
    readonly name: string;
    readonly madeAt: Date;
    readonly lastUsedAt?: Date;
    /** there are two of it, and neither is good any more */
    readonly isCopied: boolean;
  }[];
  /** there is a page to make one at */
  readonly offerPasskey: boolean;
  readonly consents: readonly {
    readonly clientId: string;
    readonly name: string;
    readonly grants: readonly string[];
    readonly since: Date;
  }[];
  /** latest first */
  readonly signIns: readonly {
    readonly uid: string;
    readonly isThis: boolean;
    readonly at: Date;
    readonly client: string;
    readonly strength: string;
    readonly browser: string;
    readonly address: string;
    readonly reasons: readonly string[];
    readonly isDenied: boolean;
    readonly mayDeny: boolean;
  }[];
  readonly verifier: string;
}

export type PageName = keyof Pages;
