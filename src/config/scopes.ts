// What a scope is: the four that every provider knows, and the form of those that an operator adds.

export const STANDARD_SCOPES: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];

/** @see https://www.rfc-editor.org/rfc/rfc6749 §3.3, scope-token */
export const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;
