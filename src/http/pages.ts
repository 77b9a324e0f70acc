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

export type RetryKind =
  | 'declined'
  | 'captured-elsewhere'
  | 'not-finished'
  | 'abandoned'
  | 'expired'
  | 'kyc-expired'
  | 'no-portrait';

export type WaitingState = 'not-started' | 'in-progress' | 'in-review' | 'resubmitted' | 'settling';

/** A page from which the same press of the button is worth another try later. */
export interface RetryLater {
  readonly form: InteractionForm;
  readonly client: ClientView;
  readonly retryAfterSeconds: number;
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
    /** an input `invitation`, prefilled; absent where enrolment does not ask for one */
    readonly invitation?: { readonly value: string };
    /** first-time people may enrol here by a document check */
    readonly enrolmentOpen: boolean;
    /** what the selfie will be: a still picture, or a challenge that moves */
    readonly method: 'passive' | 'active';
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
    readonly number?: { readonly fault?: 'wrong' | 'expired'; readonly triesLeft: number; readonly kept: boolean };
    /** show the plain explanation "the face was shown elsewhere", as the verdict is already there */
    readonly numberNeeded: boolean;
    /** the hand-off to a phone: QR as inline SVG (ours, safe) and the same address as a link text-free for screen readers */
    readonly phone?: { readonly qrSvg: string };
    /** epoch: when this attempt lapses */
    readonly lapsesAt: Date;
    /** after a while a way out is made prominent */
    readonly showWayOut: boolean;
  };
  /** A try is over without success: form to `…/begin` (again), `…/abort`. */
  retry: {
    readonly form: InteractionForm;
    readonly client: ClientView;
    readonly kind: RetryKind;
    /** 0: only giving up is left */
    readonly triesLeft: number;
    readonly offerPhone: boolean;
    /** no consent on record (an enrolment that starts over does not ask twice) */
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
  };
  /** The login was stopped by the capturing device. */
  denied: { readonly client: ClientView };
  /** 403: this browser did not start the login, or lost its cookie (T24). */
  'wrong-browser': { readonly client?: ClientView };
  /** 410: over. `form` present while the client can still be answered. */
  ended: {
    readonly reason: 'finished' | 'lapsed' | 'aborted' | 'denied' | 'preempted' | 'refused' | 'wrong-numbers' | 'gone';
    readonly client?: ClientView;
    readonly form?: InteractionForm;
  };
  /** 409: another sign-in for this account is under way. */
  conflict: RetryLater;
  /** 429 */
  limited: RetryLater;
  /** 503: the vendor cannot be reached, or will not serve us. */
  'vendor-down': { readonly form: InteractionForm; readonly client: ClientView; readonly retryAfterSeconds: number };
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
  /** Anything else that went wrong. `code` is an OAuth error or ours, safe to show. */
  error: { readonly status: number; readonly code: string; readonly message: string; readonly requestId: string };
}

export type PageName = keyof Pages;
