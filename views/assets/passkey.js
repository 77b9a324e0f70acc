// Makes and uses passkeys for the forms that ask for one: the button starts the browser's own dialogue, and what the device signed goes
// back in the form's hidden field. What goes wrong here is said on the page and leaves it as it was: the button can be pressed again.

const WORDS = {
  InvalidStateError: 'This device has a passkey for your account already: use that one.',
  SecurityError: 'Passkeys cannot be used at this address.',
  NotSupportedError: 'This device cannot keep the kind of passkey that is needed here.',
  ConstraintError: 'This device cannot keep the kind of passkey that is needed here: it needs a screen lock or a PIN.',
};
/** The browser does not say which it was. */
const NOT_ALLOWED = {
  create: 'No passkey was made: it was stopped, or took too long.',
  get: 'No passkey was used: it was stopped, took too long, or there is none for this page on the device.',
};
const ANY = 'The passkey did not work. Please try again.';

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
const named = (list = []) => list.map((each) => ({ ...each, id: bytesOf(each.id) }));

/** JSON from the server → what the browser wants. By the browser itself where it can (WebAuthn Level 3 §5.1.10). */
const readers = {
  create(json) {
    if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(json);
    return {
      ...json,
      challenge: bytesOf(json.challenge),
      user: { ...json.user, id: bytesOf(json.user.id) },
      excludeCredentials: named(json.excludeCredentials),
    };
  },
  get(json) {
    if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(json);
    return { ...json, challenge: bytesOf(json.challenge), allowCredentials: named(json.allowCredentials) };
  },
};

/** What the device signed → JSON for the server. Some password managers stand in for the browser and lack or break `toJSON`. */
function write(credential) {
  try {
    return JSON.stringify(credential.toJSON());
  } catch {
    const { response } = credential;
    const parts = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];
    const texts = parts.filter((part) => response[part]).map((part) => [part, textOf(response[part])]);
    return JSON.stringify({
      id: credential.id,
      rawId: textOf(credential.rawId),
      type: credential.type,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: { ...Object.fromEntries(texts), transports: response.getTransports?.() ?? [] },
    });
  }
}

const forms = document.querySelectorAll('form[data-passkey]');
const isAble = typeof PublicKeyCredential === 'function' && navigator.credentials !== undefined;
let isAsking = false;

for (const note of document.querySelectorAll('[data-passkey-unable]')) note.hidden = isAble;
for (const form of forms) {
  form.hidden = !isAble;
  form.addEventListener('submit', (event) => {
    // with an answer in it, the form goes off as any other
    if (form.elements.answer.value !== '') return;
    event.preventDefault();
    event.stopPropagation();
    if (!isAsking) ask(form, event.submitter);
  });
}

async function ask(form, button) {
  const said = form.querySelector('[data-passkey-said]');
  const { passkey: kind, options } = form.dataset;
  isAsking = true;
  said.replaceChildren();
  button?.setAttribute('aria-disabled', 'true');
  try {
    const credential = await navigator.credentials[kind]({ publicKey: readers[kind](JSON.parse(options)) });
    form.elements.answer.value = write(credential);
    form.requestSubmit(button);
  } catch (error) {
    const line = document.createElement('p');
    line.className = 'fault';
    line.textContent = error?.name === 'NotAllowedError' ? NOT_ALLOWED[kind] : (WORDS[error?.name] ?? ANY);
    said.replaceChildren(line);
    button?.removeAttribute('aria-disabled');
  } finally {
    isAsking = false;
  }
}

// Back from the next page, the browser may show this one with an answer that was sent already.
window.addEventListener('pageshow', (event) => {
  for (const form of forms) form.elements.answer.value = '';
  if (event.persisted) location.reload();
});
