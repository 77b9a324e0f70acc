// The camera of the stand-in: a live picture that is frozen for a moment and thrown away. Nothing of it is sent.
const form = document.querySelector('form[data-session]');
const box = form.querySelector('.camera');
const video = box.querySelector('video');
const canvas = box.querySelector('canvas');
const note = form.querySelector('[role=status]');
const start = form.querySelector('button[name=camera]');
let stream = null;
let sent = false;

if (navigator.mediaDevices?.getUserMedia) start.hidden = false;

start.addEventListener('click', async () => {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user' }, audio: false });
    video.srcObject = stream;
    box.hidden = false;
    start.hidden = true;
    note.textContent = 'The picture stays in this page.';
  } catch {
    note.textContent = 'The camera is not available. The selfie works without it, too.';
  }
});

form.addEventListener('submit', (event) => {
  // once: a second one would take the first one's answer away
  if (sent) return event.preventDefault();
  sent = true;
  if (stream === null) return;
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  video.hidden = true;
  canvas.hidden = false;
  for (const track of stream.getTracks()) track.stop();
});

// Back to this page as it was left: it can be sent again.
window.addEventListener('pageshow', () => {
  sent = false;
});

// On a first device whose capture is done on another one: go on by itself once that is over.
setInterval(async () => {
  try {
    const answer = await fetch(`/session/${form.dataset.session}/state`);
    if (answer.ok && !(await answer.json()).open && !sent) location.reload();
  } catch {
    // The next look may succeed.
  }
}, 2000);
