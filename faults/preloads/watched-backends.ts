// Stands in for `src/storage/backends.ts` where kills are to come: the same backend, its writes watched.

import { type BackendOptions, openBackend as open } from '../../src/storage/backends.ts';
import { watchJobs, watchStore } from './kill-points.ts';

export async function openBackend(url: string, options: BackendOptions) {
  const backend = await open(url, options);
  return { ...backend, store: watchStore(backend.store), jobs: watchJobs(backend.jobs) };
}
