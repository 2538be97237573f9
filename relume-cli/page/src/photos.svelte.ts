// The photos of the page: new ones, and those of the server's jobs, in one list.

import * as api from './api';
import type { Diagnosis, Job, Wishes } from './api';

export interface Entry {
  key: string;
  name: string;
  /** The file, where it came from this page. */
  file: File | null;
  /** Where the photo itself is to be seen. */
  before: string;
  video: boolean;
  /** Whether it is being sent. */
  sending: boolean;
  diagnosis: Diagnosis | null;
  job: Job | null;
  /** Which photo of the job is looked at. */
  photo: number;
  error: string | null;
}

export const photos = $state({
  list: [] as Entry[],
  chosen: null as string | null,
  connected: true,
  /** Words for who listens instead of looking. */
  said: '',
});

/** Whether a file is a video, as far as the browser tells. */
export const isVideo = (file: File) => file.type.startsWith('video/') || /\.(mp4|m4v|mov|qt|mkv|webm|avi|gif|y4m)$/i.test(file.name);

export function say(words: string) {
  photos.said = words;
}

export function chosen(): Entry | undefined {
  return photos.list.find((entry) => entry.key === photos.chosen);
}

let count = 0;

/** Takes files in and has them inspected, one after the other. */
export async function add(files: Iterable<File>) {
  const fresh: Entry[] = [];
  for (const file of files) {
    fresh.push({
      key: `new-${count++}`,
      name: file.name || 'photo',
      file,
      before: isVideo(file) ? '' : URL.createObjectURL(file),
      video: isVideo(file),
      sending: false,
      diagnosis: null,
      job: null,
      photo: 0,
      error: null,
    });
  }
  if (fresh.length === 0) return;
  photos.list.unshift(...fresh);
  photos.chosen = fresh[0]!.key;
  say(fresh.length === 1 ? `${fresh[0]!.name} added` : `${fresh.length} files added`);
  for (const { key, video } of fresh) if (!video) await diagnose(key);
}

async function diagnose(key: string) {
  const entry = photos.list.find((entry) => entry.key === key);
  if (!entry?.file) return;
  try {
    entry.diagnosis = await api.inspect(entry.file);
    say(`${entry.name}: ${verdict(entry.diagnosis)}`);
  } catch (cause) {
    entry.error = words(cause);
  }
}

export function verdict(diagnosis: Diagnosis): string {
  return {
    fine: 'Fine as it is',
    relight: 'Needs light',
    restore: 'Needs light, and care for noise or blur',
    highlights: 'Over-exposed',
  }[diagnosis.verdict];
}

export async function restore(entry: Entry, wishes: Wishes) {
  if (!entry.file || entry.sending) return;
  entry.error = null;
  entry.sending = true;
  try {
    take(await api.create(entry.file, wishes, entry.video), entry);
    say(`${entry.name} is in the queue`);
  } catch (cause) {
    entry.error = words(cause);
    say(entry.error);
  } finally {
    entry.sending = false;
  }
}

/** Another try with other wishes, of a photo that has been through already. */
export function again(entry: Entry) {
  if (!entry.file) return;
  const copy = { ...entry, key: `new-${count++}`, job: null, error: null };
  photos.list.unshift(copy);
  photos.chosen = copy.key;
}

export async function act(entry: Entry, what: (id: string) => Promise<void>) {
  if (!entry.job) return;
  try {
    await what(entry.job.id);
  } catch (cause) {
    entry.error = words(cause);
  }
}

export function forget(entry: Entry) {
  const at = photos.list.indexOf(entry);
  photos.list.splice(at, 1);
  if (photos.chosen === entry.key) photos.chosen = photos.list[at]?.key ?? photos.list[0]?.key ?? null;
}

/** Takes the news about a job; `mine` is the entry that made it. */
export function take(job: Job, mine?: Entry) {
  const known = photos.list.find((entry) => entry.job?.id === job.id);
  // The events may have told of the job before the answer did.
  if (mine && known && known !== mine) forget(known);
  const entry = mine ?? known;
  if (job.state === 'removed') {
    if (entry) forget(entry);
    return;
  }
  if (!entry) {
    insert(job);
    return;
  }
  const newest = known?.job && known.job.version > job.version ? known.job : job;
  if (entry.job?.state !== newest.state && newest.state === 'done') say(`${entry.name} is done`);
  entry.job = newest;
}

function insert(job: Job) {
  const first = job.photos[0];
  if (!first) return;
  const entry: Entry = {
    key: job.id,
    name: job.photos.length === 1 ? first.name : `${first.name} and ${job.photos.length - 1} more`,
    file: null,
    before: '',
    video: first.video !== undefined,
    sending: false,
    diagnosis: null,
    job,
    photo: 0,
    error: null,
  };
  const older = photos.list.findIndex((other) => other.job && other.job.created < job.created);
  photos.list.splice(older < 0 ? photos.list.length : older, 0, entry);
  photos.chosen ??= entry.key;
}

export function words(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
