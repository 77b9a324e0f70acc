// On every page, and nothing depends on it: a form goes off once however often its button is pressed, and times are
// shown on the person's own clock.

const RELEASE_AFTER_MS = 15_000;

/** @param {HTMLFormElement} form */
function release(form) {
  delete form.dataset.sent;
  for (const button of document.querySelectorAll('button[aria-disabled]')) button.removeAttribute('aria-disabled');
}

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'yes';
  // aria-disabled, not disabled: the pressed button must keep its focus, and its name and value must be sent.
  for (const button of form.elements) {
    if (button instanceof HTMLButtonElement) button.setAttribute('aria-disabled', 'true');
  }
  setTimeout(release, RELEASE_AFTER_MS, form);
});

// Back from the camera page, the browser may show this one just as it was left.
window.addEventListener('pageshow', () => {
  for (const form of document.forms) release(form);
});

for (const time of document.querySelectorAll('time[datetime]')) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.textContent =
      time.dataset.show === 'day'
        ? at.toLocaleString([], { dateStyle: 'long', timeStyle: 'short' })
        : at.toLocaleTimeString([], { timeStyle: 'short' });
  }
}
