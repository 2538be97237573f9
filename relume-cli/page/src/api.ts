// The REST API as the page uses it; `/docs.html` describes all of it.

export type State = 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'removed';

export interface Item {
  name: string;
  result: string;
  format: string;
  width: number;
  height: number;
  bytes: number;
  /** Of a video. */
  video?: { frames: number; seconds: number | null; frames_done: number };
  state: State;
  report: Done | null;
  /** What a workflow made, the main result first. */
  outputs?: { name: string; file: string }[];
  error: string | null;
}

/** What the program says about a photo, a video, or a run of a workflow. */
export interface Done {
  report?: { left_alone: boolean; gain_ev: number; brightness_before: number; brightness_wanted: number };
  seconds: number;
  warnings: string[];
  nodes?: { id: string; kind: string; chosen?: string; values?: Record<string, unknown> }[];
}

export interface Job {
  id: string;
  version: number;
  state: State;
  progress: number;
  created: number;
  photos: Item[];
  settings: { workflow?: string };
  error: string | null;
}

export interface Diagnosis {
  size: { width: number; height: number };
  format: string;
  verdict: 'fine' | 'relight' | 'restore' | 'highlights';
  reasons: string[];
  exposure: { key_ev: number; clipped_high: number; clipped_low: number };
  noise: { relative: number };
  sharpness: { fine_detail: number | null };
}

export interface Model {
  name: string;
  help: string;
  ready: boolean;
  usual: boolean;
}

/** A workflow that can be opened by its name. */
export interface Workflow {
  name: string;
  help: string;
  own: boolean;
  takes: 'photo' | 'video';
  ready: boolean;
}

/** A workflow without a fault. */
export interface Good {
  name: string;
  help: string;
  takes: 'photo' | 'video';
  nodes: number;
  file: unknown;
}

export interface Fault {
  file: string;
  line: number;
  message: string;
}

/** Wishes for a photo or video; what is empty is left to the program. */
export interface Wishes {
  model: string;
  strength: number;
  brightness: number | null;
  always: boolean;
  format: string;
  /** Videos: average frames along their motion first. */
  denoise: boolean;
}

/** What the server said to a request that it did not meet. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly faults: Fault[] | null = null,
  ) {
    super(message);
  }
}

async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0, 'The server does not answer. Is relume serve still running?');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => null);
  throw new Refused(response.status, problem?.detail ?? `The server said ${response.status}.`, problem?.faults ?? null);
}

function form(photo: Blob, name: string, wishes?: Wishes, video = false): FormData {
  const form = new FormData();
  form.append(video ? 'video' : 'photo', photo, name);
  if (!wishes) return form;
  form.append('model', wishes.model);
  if (wishes.strength < 1) form.append('strength', String(wishes.strength));
  if (wishes.brightness !== null) form.append('brightness', String(wishes.brightness));
  if (wishes.always) form.append('always', 'true');
  if (wishes.format && !video) form.append('format', wishes.format);
  if (video && !wishes.denoise) form.append('denoise', 'false');
  return form;
}

export async function signIn(token: string) {
  await ask('/v1/session', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
}

export async function models(): Promise<Model[]> {
  return (await ask('/v1/models')).json();
}

export async function jobs(): Promise<Job[]> {
  return (await ask('/v1/jobs')).json();
}

export async function inspect(photo: File): Promise<Diagnosis> {
  return (await ask('/v1/inspect', { method: 'POST', body: form(photo, photo.name) })).json();
}

/** Restores a small copy at once. */
export async function restore(photo: Blob, name: string, wishes: Wishes): Promise<Blob> {
  return (await ask('/v1/restore', { method: 'POST', body: form(photo, name, wishes) })).blob();
}

export async function create(photo: File, wishes: Wishes, video: boolean): Promise<Job> {
  // Sent twice by a browser that lost its connection, it counts once.
  const headers = { 'Idempotency-Key': key() };
  const body = form(photo, photo.name, wishes, video);
  return (await ask('/v1/jobs', { method: 'POST', headers, body })).json();
}

export async function nodes() {
  return (await ask('/v1/nodes')).json();
}

export async function workflows(): Promise<Workflow[]> {
  return (await ask('/v1/workflows')).json();
}

export async function workflow(name: string): Promise<Workflow & { text: string; file: unknown }> {
  return (await ask(`/v1/workflows/${encodeURIComponent(name)}`)).json();
}

const plain = { 'Content-Type': 'text/plain' };

export async function check(text: string): Promise<Good> {
  return (await ask('/v1/workflows/check', { method: 'POST', headers: plain, body: text })).json();
}

export async function save(name: string, text: string) {
  await ask(`/v1/workflows/${encodeURIComponent(name)}`, { method: 'PUT', headers: plain, body: text });
}

export async function removeWorkflow(name: string) {
  await ask(`/v1/workflows/${encodeURIComponent(name)}`, { method: 'DELETE' });
}

/** Runs a workflow on a small copy at once. */
export async function runAtOnce(photo: Blob, name: string, text: string): Promise<Blob> {
  const body = form(photo, name);
  body.append('text', text);
  return (await ask('/v1/workflows/run?wait=true', { method: 'POST', body })).blob();
}

export async function runWorkflow(file: File, name: string, text: string, video: boolean): Promise<Job> {
  const headers = { 'Idempotency-Key': key() };
  const body = form(file, file.name, undefined, video);
  body.append('workflow', name);
  body.append('text', text);
  return (await ask('/v1/workflows/run', { method: 'POST', headers, body })).json();
}

function key(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Cancels a job that is not finished; removes one that is. */
export async function remove(id: string) {
  await ask(`/v1/jobs/${id}`, { method: 'DELETE' });
}

export async function retry(id: string) {
  await ask(`/v1/jobs/${id}/retry`, { method: 'POST' });
}

export const originalOf = (id: string, photo: number) => `/v1/jobs/${id}/original?photo=${photo}`;
export const resultOf = (id: string, photo: number) => `/v1/jobs/${id}/result?photo=${photo}`;
export const frameOf = (id: string, photo: number, number: number, of: 'before' | 'after') => `/v1/jobs/${id}/frame?photo=${photo}&number=${number}&of=${of}`;
export const allOf = (id: string) => `/v1/jobs/${id}/result`;

/** Calls back with every change of every job; the browser reconnects by itself. */
export function follow(changed: (job: Job) => void, connected: (is: boolean) => void): EventSource {
  const events = new EventSource('/v1/events');
  events.addEventListener('job', (event) => changed(JSON.parse(event.data)));
  events.onopen = () => connected(true);
  events.onerror = () => connected(false);
  return events;
}
