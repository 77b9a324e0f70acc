// Loaded into the stand-in before its own program: how long it takes to answer its API, which is the vendor's time and not ours.

import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { answerCountQuestions, count } from './counters.ts';

const API = '/v3/';
const sinceMs = new WeakMap<IncomingMessage, number>();

subscribe('http.server.request.start', (message) => {
  const { request } = message as { request: IncomingMessage };
  if (request.url?.startsWith(API)) sinceMs.set(request, performance.now());
});
subscribe('http.server.response.finish', (message) => {
  const { request } = message as { request: IncomingMessage };
  const startedMs = sinceMs.get(request);
  if (startedMs !== undefined) count('answering, in microseconds', Math.round(1000 * (performance.now() - startedMs)));
});

answerCountQuestions();
