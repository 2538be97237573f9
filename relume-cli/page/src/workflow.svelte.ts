// What is in the editor; it stays when another view is looked at.

import * as api from './api';
import { Refused, type Fault } from './api';
import { fits, fromFile, outputs, step, toToml, type Card, type Cards, type Flow, type Step, type Wire } from './flow';
import { words } from './photos.svelte';

export const editor = $state({
  flow: { name: '', help: '', steps: [] } as Flow,
  cards: new Map() as Cards,
  /** Workflows that can be opened. */
  known: [] as api.Workflow[],
  /** The step that is looked at. */
  chosen: null as string | null,
  /** What is wrong, the step it belongs to with it. */
  faults: [] as (Fault & { key: string | undefined })[],
  checked: null as api.Good | null,
  trouble: '',
  said: '',
  /** Grows when everything is to be laid out anew. */
  layout: 0,
});

export const chosen = (): Step | undefined => editor.flow.steps.find((step) => step.key === editor.chosen);

/** What the colours of ports tell, in the order of the legend. */
export const TYPES = ['image', 'linear-image', 'mask', 'label', 'number', 'video', 'frame-window', 'text'];

export async function begin() {
  if (editor.cards.size > 0) return;
  try {
    const cards: Card[] = await api.nodes();
    // Files lie on the server: what a page cannot name, it does not offer.
    const usable = cards.map((card) => ({ ...card, settings: card.settings.filter((setting) => setting.type !== 'file') }));
    editor.cards = new Map(usable.map((card) => [card.name, card]));
    await list();
    await open('night');
  } catch (cause) {
    editor.trouble = words(cause);
  }
}

export async function list() {
  editor.known = await api.workflows();
}

function show(flow: Flow) {
  editor.flow = flow;
  editor.chosen = flow.steps[0]?.key ?? null;
  editor.layout++;
}

/** Takes a workflow from the server. */
export async function open(name: string) {
  try {
    const found = await api.workflow(name);
    show(fromFile(found.file, editor.cards));
    editor.flow.name ||= name;
    // What belongs to relume is not written over: a copy has another name.
    if (!found.own) editor.flow.name = free(`my-${name}`);
    editor.trouble = '';
    editor.said = `${name} is open`;
  } catch (cause) {
    editor.trouble = words(cause);
  }
}

function free(name: string): string {
  const taken = (name: string) => editor.known.some((known) => known.name === name);
  let found = name;
  for (let number = 2; taken(found); number++) found = `${name}-${number}`;
  return found;
}

/** Takes a workflow from a file of the user's. */
export async function openFile(file: File) {
  try {
    const good = await api.check(await file.text());
    show(fromFile(good.file, editor.cards));
    editor.flow.name ||= name(file.name.replace(/\.[^.]*$/, ''));
    editor.trouble = '';
  } catch (cause) {
    editor.trouble = `${file.name}: ${words(cause)}`;
  }
}

const name = (text: string) => text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64) || 'workflow';

export function blank() {
  show({ name: free('workflow'), help: '', steps: [] });
}

/** Adds a step, wired to the one that is looked at where that fits. */
export function add(kind: string) {
  const { flow, cards } = editor;
  const made = step(kind, flow.steps);
  flow.steps.push(made);
  const before = chosen();
  const input = cards.get(kind)?.inputs[0];
  const first = before && outputs(before, flow, cards)[0];
  if (before && input && first && fits({ key: before.key, port: first.name }, made, input.name, flow, cards)) {
    flow.steps.find((other) => other.key === made.key)!.wires[input.name] = { key: before.key, port: first.name };
  }
  editor.chosen = made.key;
  editor.said = `${made.id} added`;
}

export function remove(keys: string[]) {
  const at = editor.flow.steps.findIndex((step) => step.key === keys[0]);
  editor.flow.steps = editor.flow.steps.filter((step) => !keys.includes(step.key));
  for (const step of editor.flow.steps) {
    for (const [port, wire] of Object.entries(step.wires)) if (keys.includes(wire.key)) delete step.wires[port];
  }
  if (keys.includes(editor.chosen ?? '')) editor.chosen = editor.flow.steps[Math.max(0, at - 1)]?.key ?? null;
}

export function join(to: Step, port: string, wire: Wire | null) {
  if (wire) to.wires[port] = wire;
  else delete to.wires[port];
}

export const text = () => toToml(editor.flow, editor.cards);

let asked = 0;

/** Has the server check what is there; what is wrong is shown at its step. */
export async function check() {
  const mine = ++asked;
  const { toml, stepOf } = text();
  try {
    const good = await api.check(toml);
    if (mine !== asked) return;
    editor.checked = good;
    editor.faults = [];
    editor.trouble = '';
  } catch (cause) {
    if (mine !== asked) return;
    editor.checked = null;
    const faults = cause instanceof Refused ? cause.faults : null;
    editor.faults = (faults ?? []).map((fault) => ({ ...fault, key: stepOf.get(fault.line) }));
    editor.trouble = faults ? '' : words(cause);
  }
}

export async function save() {
  const wanted = name(editor.flow.name);
  editor.flow.name = wanted;
  try {
    await api.save(wanted, text().toml);
    await list();
    editor.trouble = '';
    editor.said = `${wanted} is saved`;
  } catch (cause) {
    editor.trouble = words(cause);
    editor.said = '';
  }
}

/** Removes the saved copy; what is in the editor stays. */
export async function forget(name: string) {
  try {
    await api.removeWorkflow(name);
    await list();
    editor.said = `${name} is removed`;
  } catch (cause) {
    editor.trouble = words(cause);
  }
}
