// A workflow as steps and wires: read from a file, written to one, laid out. Nothing here touches
// the page or the server.

export interface Port {
  name: string;
  type: string;
  help: string;
  required: boolean;
  labels: string[];
}

export interface Setting {
  name: string;
  type: 'number' | 'whole' | 'flag' | 'choice' | 'model' | 'file' | 'text';
  help: string;
  minimum: number | null;
  maximum: number | null;
  choices: string[];
  default: number | boolean | string | null;
  required: boolean;
}

/** A kind of node, as `GET /v1/nodes` tells it. */
export interface Card {
  name: string;
  help: string;
  work: string;
  inputs: Port[];
  settings: Setting[];
  outputs: Port[];
}

export type Value = number | boolean | string;

/** Where a wire begins. */
export interface Wire {
  key: string;
  port: string;
}

export interface Step {
  /** Stays when the id changes. */
  key: string;
  id: string;
  kind: string;
  settings: Record<string, Value>;
  /** By the port where they end. Of `choose`: `on`, `otherwise`, `case LABEL` or `case 1`, `case 2` … */
  wires: Record<string, Wire>;
  /** Of `choose` by a number. */
  limits: number[];
}

export interface Flow {
  name: string;
  help: string;
  steps: Step[];
}

export type Cards = Map<string, Card>;

let count = 0;
const fresh = () => `n${++count}`;

/** A step that nothing is wired to. */
export function step(kind: string, taken: Step[]): Step {
  const ids = new Set(taken.map((step) => step.id));
  const base = kind.replace(/^video-/, '');
  let id = base;
  for (let number = 2; ids.has(id); number++) id = `${base}-${number}`;
  return { key: fresh(), id, kind, settings: {}, wires: {}, limits: [] };
}

const CASE = 'case ';

/** What is in a workflow file, as the server gives it in JSON. */
export function fromFile(file: any, cards: Cards): Flow {
  const nodes: any[] = file?.node ?? [];
  const keys = new Map<string, string>(nodes.map((node) => [String(node.id), fresh()]));
  const wire = (text: unknown): Wire | null => {
    const [id, port] = String(text).split('.');
    const key = keys.get(id!);
    const kind = nodes.find((node) => node.id === id)?.kind;
    const first = cards.get(kind)?.outputs[0]?.name ?? '';
    return key ? { key, port: port ?? first } : null;
  };
  const steps = nodes.map((node) => {
    const made: Step = { key: keys.get(String(node.id))!, id: String(node.id), kind: String(node.kind), settings: {}, wires: {}, limits: [] };
    const card = cards.get(made.kind);
    const join = (name: string, text: unknown) => {
      const found = wire(text);
      if (found) made.wires[name] = found;
    };
    for (const [name, value] of Object.entries<any>(node)) {
      if (name === 'id' || name === 'kind') continue;
      const setting = card?.settings.find((setting) => setting.name === name);
      const isWire = card?.inputs.some((port) => port.name === name) || (setting && isNumber(setting) && typeof value === 'string');
      if (card?.work === 'choose') {
        if (name === 'limits') made.limits = value;
        else if (name === 'cases' && Array.isArray(value)) value.forEach((text, at) => join(`${CASE}${at + 1}`, text));
        else if (name === 'cases') Object.entries(value).forEach(([label, text]) => join(CASE + label, text));
        else join(name, value);
      } else if (isWire) join(name, value);
      else made.settings[name] = value;
    }
    return made;
  });
  return { name: file?.name ?? '', help: file?.help ?? '', steps };
}

export const isNumber = (setting: Setting) => setting.type === 'number' || setting.type === 'whole';

const optional = (name: string, type: string, help: string): Port => ({ name, type, help, required: false, labels: [] });

/** Where wires may end at a step: its inputs, and its numbers. */
export function inputs(step: Step, flow: Flow, cards: Cards): Port[] {
  const card = cards.get(step.kind);
  if (!card) return [];
  if (card.work !== 'choose') {
    const numbers = card.settings.filter(isNumber).map((setting) => optional(setting.name, 'number', setting.help));
    return [...card.inputs, ...numbers];
  }
  const on = output(step.wires.on, flow, cards);
  const names = new Set(Object.keys(step.wires).filter((name) => name.startsWith(CASE)));
  if (on?.type === 'label') on.labels.forEach((label) => names.add(CASE + label));
  if (on?.type === 'number') for (let at = 0; at <= Math.max(1, step.limits.length); at++) names.add(`${CASE}${at + 1}`);
  return [
    { name: 'on', type: 'label or number', help: 'what chooses', required: true, labels: [] },
    ...[...names].map((name) => optional(name, 'any', `taken for ${name.slice(CASE.length)}`)),
    optional('otherwise', 'any', 'taken for everything else'),
  ];
}

/** What comes out of a step; what `choose` gives is what it chooses from. */
export function outputs(step: Step, flow: Flow, cards: Cards, depth = 0): Port[] {
  const card = cards.get(step.kind);
  if (!card) return [];
  if (card.work !== 'choose' || depth > flow.steps.length) return card.outputs;
  const arm = Object.entries(step.wires).find(([name]) => name !== 'on');
  const chosen = arm && output(arm[1], flow, cards, depth + 1);
  return card.outputs.map((port) => ({ ...port, type: chosen?.type ?? 'any', labels: chosen?.labels ?? [] }));
}

/** The port where a wire begins. */
export function output(wire: Wire | undefined, flow: Flow, cards: Cards, depth = 0): Port | undefined {
  const from = wire && flow.steps.find((step) => step.key === wire.key);
  return from && outputs(from, flow, cards, depth).find((port) => port.name === wire.port);
}

/** Whether a wire may lead from one port to another: types fit, and it does not go round. */
export function fits(from: Wire, to: Step, name: string, flow: Flow, cards: Cards): boolean {
  const given = output(from, flow, cards);
  const wanted = inputs(to, flow, cards).find((port) => port.name === name);
  if (!given || !wanted || reaches(to.key, from.key, flow)) return false;
  if (wanted.type === 'label or number') return given.type === 'label' || given.type === 'number';
  if (wanted.type === 'any') {
    const others = Object.entries(to.wires).filter(([other]) => other !== 'on' && other !== name);
    return others.every(([, wire]) => output(wire, flow, cards)?.type === given.type);
  }
  return given.type === wanted.type || given.type === 'any';
}

/** Whether something leads from one step to another. */
function reaches(from: string, to: string, flow: Flow): boolean {
  const seen = new Set<string>();
  const open = [to];
  while (open.length > 0) {
    const key = open.pop()!;
    if (key === from) return true;
    if (seen.has(key)) continue;
    seen.add(key);
    const step = flow.steps.find((step) => step.key === key);
    open.push(...Object.values(step?.wires ?? {}).map((wire) => wire.key));
  }
  return false;
}

/** Every wire that fits into an input. */
export function sources(to: Step, name: string, flow: Flow, cards: Cards): Wire[] {
  const all = flow.steps.flatMap((step) => outputs(step, flow, cards).map((port) => ({ key: step.key, port: port.name })));
  return all.filter((wire) => fits(wire, to, name, flow, cards));
}

/** A wire as a file names it. */
export function told(wire: Wire, flow: Flow, cards: Cards): string {
  const from = flow.steps.find((step) => step.key === wire.key);
  const first = from && cards.get(from.kind)?.outputs[0]?.name;
  return !from ? '' : wire.port === first ? from.id : `${from.id}.${wire.port}`;
}

const text = (value: string) => JSON.stringify(value).replace(/\u007f/g, '\\u007f');
const key = (name: string) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : text(name));

/** The file, and which step each of its lines is about. */
export function toToml(flow: Flow, cards: Cards): { toml: string; stepOf: Map<number, string> } {
  const lines: string[] = [];
  const stepOf = new Map<number, string>();
  if (flow.name) lines.push(`name = ${text(flow.name)}`);
  if (flow.help) lines.push(`help = ${text(flow.help)}`);
  for (const step of flow.steps) {
    if (lines.length > 0) lines.push('');
    const start = lines.length;
    lines.push('[[node]]', `id = ${text(step.id)}`, `kind = ${text(step.kind)}`);
    const wires = Object.entries(step.wires).map(([name, wire]) => [name, text(told(wire, flow, cards))] as const);
    if (cards.get(step.kind)?.work === 'choose') lines.push(...choice(step, wires));
    else lines.push(...wires.map(([name, wire]) => `${key(name)} = ${wire}`));
    for (const [name, value] of Object.entries(step.settings)) {
      if (!(name in step.wires)) lines.push(`${key(name)} = ${typeof value === 'string' ? text(value) : String(value)}`);
    }
    for (let at = start; at < lines.length; at++) stepOf.set(at + 1, step.key);
  }
  return { toml: lines.join('\n') + '\n', stepOf };
}

function choice(step: Step, wires: (readonly [string, string])[]): string[] {
  const cases = wires.filter(([name]) => name.startsWith(CASE)).map(([name, wire]) => [name.slice(CASE.length), wire] as const);
  const plain = wires.filter(([name]) => !name.startsWith(CASE)).map(([name, wire]) => `${name} = ${wire}`);
  if (step.limits.length > 0) {
    const list = [...cases].sort(([a], [b]) => Number(a) - Number(b)).map(([, wire]) => wire);
    return [...plain, `limits = [${step.limits.join(', ')}]`, `cases = [${list.join(', ')}]`];
  }
  return [...plain, `cases = { ${cases.map(([label, wire]) => `${key(label)} = ${wire}`).join(', ')} }`];
}

const COLUMN = 270;
const GAP = 36;
const LINE = 24;

/** Columns by the longest way from an input; in a column one below the other. */
export function places(flow: Flow, cards: Cards): Map<string, { x: number; y: number }> {
  const columns = new Map<string, number>();
  const column = (step: Step, depth = 0): number => {
    const known = columns.get(step.key);
    if (known !== undefined || depth > flow.steps.length) return known ?? 0;
    const before = Object.values(step.wires).map((wire) => flow.steps.find((other) => other.key === wire.key));
    const at = Math.max(0, ...before.filter((other) => other !== undefined).map((other) => column(other, depth + 1) + 1));
    columns.set(step.key, at);
    return at;
  };
  const next: number[] = [];
  const found = new Map<string, { x: number; y: number }>();
  for (const step of flow.steps) {
    const at = column(step);
    const y = next[at] ?? 0;
    found.set(step.key, { x: at * COLUMN, y });
    const rows = inputs(step, flow, cards).length + outputs(step, flow, cards).length;
    next[at] = y + 60 + rows * LINE + GAP;
  }
  return found;
}
