// The page in a real browser: node test/page.mjs [PROGRAM [FOLDER FOR PICTURES]]
// Needs Chromium (CHROMIUM=/path, else /usr/bin/chromium) and `npm ci`.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, copyFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../../..');
const program = resolve(process.argv[2] ?? join(root, 'target/debug/relume'));
const pictures = process.argv[3];
const work = mkdtempSync(join(tmpdir(), 'relume-page-'));
const axe = readFileSync(join(here, '../node_modules/axe-core/axe.min.js'), 'utf8');
const photo = join(work, 'harbour.jpg');
copyFileSync(join(root, 'examples/harbour.jpg'), photo);
if (pictures) mkdirSync(pictures, { recursive: true });

let server;
let url;
async function start(port) {
  server = spawn(program, ['-q', 'serve', '--port', String(port), '--data', join(work, 'data')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await new Promise((done, failed) => {
    server.stdout.once('data', (line) => done(String(line).trim()));
    server.once('exit', (code) => failed(new Error(`the server ended with ${code}`)));
  });
}

/** A workflow built, broken, mended, saved, opened again and run. */
async function editor(page) {
  await page.getByRole('link', { name: 'Workflows' }).click();
  const good = page.getByText(/^Nothing is wrong/);
  await good.waitFor();
  await accessible(page, 'the editor');
  const put = (kind) => page.getByRole('button', { name: new RegExp(`^Add ${kind}:`) }).click();
  const box = (name) => page.locator('.box', { has: page.getByText(name, { exact: true }) });
  const edges = (count) =>
    page.waitForFunction((count) => document.querySelectorAll('.svelte-flow__edge').length === count, count);
  await page.getByRole('button', { name: 'New', exact: true }).click();
  for (const kind of ['input', 'curve', 'sharpen', 'output']) await put(kind);
  await good.waitFor();
  await edges(3);
  passed('steps that are added are wired where they fit');

  // By mouse: a mask does not fit into an image, an image does.
  await page.getByLabel('Step', { exact: true }).selectOption({ label: 'sharpen (sharpen)' });
  await page.getByLabel('image from').selectOption('');
  await page.getByText(/sharpen lacks its image/).first().waitFor();
  await edges(2);
  const handle = (label) => page.getByLabel(label, { exact: true });
  const drag = async (from, to) => {
    const [a, b] = [await handle(from).boundingBox(), await handle(to).boundingBox()];
    await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
    await page.mouse.down();
    await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2, { steps: 8 });
    await page.mouse.up();
  };
  await drag('alpha out of input, mask', 'image of sharpen, image');
  await page.waitForTimeout(300);
  await edges(2);
  await drag('image out of curve, image', 'image of sharpen, image');
  await good.waitFor();
  await edges(3);
  passed('only what fits is wired, by mouse and by keys');

  await page.getByLabel('Step', { exact: true }).selectOption({ label: 'curve (curve)' });
  const gamma = page.getByRole('spinbutton', { name: 'gamma' });
  await gamma.fill('60');
  await box('curve').getByText(/60 is no good; give a number from/).waitFor();
  await accessible(page, 'a broken workflow');
  await gamma.fill('0.6');
  await good.waitFor();
  passed('what is wrong is told at its step');

  await page.locator('#flow-name').fill('tones');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('tones is saved').waitFor();
  await page.reload();
  await good.waitFor();
  await page.getByLabel('Open').selectOption('tones');
  await page.getByText('tones is open').waitFor();
  await good.waitFor();
  assert.equal(await page.getByRole('spinbutton', { name: 'gamma' }).count(), 0);
  await page.getByLabel('Step', { exact: true }).selectOption({ label: 'curve (curve)' });
  assert.equal(await page.getByRole('spinbutton', { name: 'gamma' }).inputValue(), '0.6');
  passed('it is saved and opened again');

  await page.getByLabel('A photo or video to run on').setInputFiles(photo);
  await page.getByRole('button', { name: 'Try on a small copy' }).click();
  await page.getByRole('slider', { name: 'Divide' }).waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const link = page.getByRole('link', { name: /^Download harbour/ });
  await link.waitFor();
  const result = await saved(page, link, 'workflow.jpg');
  const file = await saved(page, page.getByRole('button', { name: 'Download TOML' }), 'tones.toml');
  assert.equal(file.name, 'tones.toml');
  execFileSync(program, ['-q', 'run', file.path, photo, '-o', join(work, 'run.jpg')]);
  assert.ok(result.bytes.equals(readFileSync(join(work, 'run.jpg'))));
  passed("its result equals the program's byte for byte");

  await page.getByLabel('Open').selectOption('photo');
  await page.getByText('photo is open').waitFor();
  await good.waitFor();
  await page.waitForTimeout(400);
  await accessible(page, 'a large workflow');
  await page.evaluate(() => scrollTo(0, 0));
  await shoot(page, 'editor');
  await page.getByRole('link', { name: 'Photos' }).click();
}

/** A video restored across a kill of the server, and looked at frame by frame. */
async function video(page) {
  const clip = join(work, 'evening.mp4');
  const source = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30:d=12', '-vf', 'eq=brightness=-0.35', '-c:v', 'libx264'];
  try {
    execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...source, clip]);
  } catch {
    console.log('skipped: videos, for want of ffmpeg with libx264');
    return;
  }
  await drop(page, [clip]);
  await page.getByLabel('Model').selectOption('sem');
  await page.getByRole('button', { name: 'Restore', exact: true }).click();
  const row = page.locator('li', { hasText: 'evening.mp4' });
  await row.getByText(/frame (9[6-9]|[1-3]\d\d) of 360/).waitFor();
  server.kill('SIGKILL');
  await page.getByText('The server does not answer').waitFor();
  await start(port);
  await row.getByText('Done').waitFor();
  const frame = page.getByRole('slider', { name: /^Frame/ });
  await frame.focus();
  await page.keyboard.press('End');
  assert.equal(await frame.inputValue(), '359');
  await page.waitForFunction(() => {
    const images = [...document.querySelectorAll('.frame img')];
    return images.length === 2 && images.every((image) => image.complete && image.naturalWidth === 320 && image.src.includes('number=359'));
  });
  await page.getByRole('slider', { name: 'Divide' }).waitFor();
  await accessible(page, 'a video');
  await shoot(page, 'video');
  const result = await saved(page, page.getByRole('link', { name: /^Download evening/ }), 'video.mp4');
  execFileSync(program, ['-q', 'video', clip, '-o', join(work, 'cli.mp4'), '--model', 'sem']);
  assert.ok(result.bytes.equals(readFileSync(join(work, 'cli.mp4'))));
  passed("a video goes on after a kill, frames are compared, the result equals the program's");
}

/** Drops files on the page as a person does. */
async function drop(page, files) {
  const data = files.map((path) => ({ name: path.split('/').pop(), text: readFileSync(path).toString('base64') }));
  const transfer = await page.evaluateHandle((data) => {
    const transfer = new DataTransfer();
    for (const { name, text } of data) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
    }
    return transfer;
  }, data);
  await page.dispatchEvent('.drop', 'drop', { dataTransfer: transfer });
}

async function accessible(page, what) {
  // The page's policy forbids scripts from elsewhere; the debugger's are none.
  const client = await page.context().newCDPSession(page);
  await client.send('Runtime.evaluate', { expression: axe });
  const found = await page.evaluate(() => axe.run());
  const serious = found.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  const text = serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`).join('\n');
  assert.equal(serious.length, 0, `${what}: ${text}`);
}

async function shoot(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** Bytes of built files as they may go over the wire. */
function weight(wanted) {
  const dist = join(here, '../dist');
  const files = readdirSync(dist).filter((name) => /\.(html|js|css|svg)$/.test(name) && wanted(name));
  return files.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name))).length, 0);
}

async function saved(page, link, name) {
  const waits = page.waitForEvent('download');
  await link.click();
  const file = await waits;
  const path = join(work, name);
  await file.saveAs(path);
  return { name: file.suggestedFilename(), path, bytes: readFileSync(path) };
}

const passed = (what) => console.log(`ok  ${what}`);

const first = weight((name) => !['editor.js', 'docs.js', 'docs.html'].includes(name));
const all = weight(() => true);
assert.ok(first <= 100_000 && all <= 200_000, `${first}, ${all}`);
passed(`gzip: ${first} bytes before the first paint, ${all} in all`);

await start(0);
const port = Number(new URL(url).port);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'dark' });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const strangers = [];
  const complaints = [];
  page.on('request', (request) => {
    const own = [url, 'blob:', 'data:'].some((start) => request.url().startsWith(start));
    if (!own) strangers.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  await page.goto(url);
  await page.getByText('Photos that were too dark to keep').waitFor();
  await accessible(page, 'the empty page');
  await shoot(page, 'empty');
  passed('the page opens, axe finds nothing serious');

  await drop(page, [photo]);
  await page.getByRole('heading', { name: /Needs light/ }).waitFor();
  await accessible(page, 'a diagnosed photo');
  await shoot(page, 'diagnosed');
  passed('a dropped photo is diagnosed');

  await page.getByRole('button', { name: 'Quick preview' }).click();
  await page.getByRole('slider', { name: 'Divide' }).waitFor();
  passed('the preview is there');

  await page.getByRole('button', { name: 'Restore', exact: true }).click();
  const link = page.getByRole('link', { name: /^Download harbour/ });
  await link.waitFor();
  passed('the photo is restored');

  const slider = page.getByRole('slider', { name: 'Divide' });
  const value = async () => Number(await slider.getAttribute('aria-valuenow'));
  await slider.focus();
  assert.equal(await value(), 50);
  await page.keyboard.press('ArrowRight');
  assert.equal(await value(), 51);
  await page.keyboard.press('Home');
  assert.equal(await value(), 0);
  await page.keyboard.press('End');
  assert.equal(await value(), 100);
  await page.keyboard.press('PageDown');
  assert.equal(await value(), 90);
  const frame = await page.locator('.frame').boundingBox();
  const at = await slider.boundingBox();
  const middle = frame.y + frame.height / 2;
  await page.mouse.move(at.x + at.width / 2, middle);
  await page.mouse.down();
  await page.mouse.move(frame.x + frame.width / 2, middle, { steps: 5 });
  await page.mouse.up();
  assert.ok(Math.abs((await value()) - 50) <= 1);
  passed('the slider moves by keys and mouse');

  const places = () =>
    page.$$eval('.frame img', (images) => images.map((image) => getComputedStyle(image).transform));
  const [first, second] = await places();
  assert.equal(first, second);
  await page.getByRole('button', { name: '100 %' }).click();
  const zoomed = await places();
  assert.equal(zoomed[0], zoomed[1]);
  assert.match(zoomed[0], /^matrix\(1, 0, 0, 1,/);
  for (let i = 0; i < 4; i++) await page.getByRole('button', { name: 'Zoom in' }).click();
  const large = await places();
  await page.mouse.move(frame.x + 200, frame.y + 100);
  await page.mouse.down();
  await page.mouse.move(frame.x + 150, frame.y + 80, { steps: 4 });
  await page.mouse.up();
  const panned = await places();
  assert.equal(panned[0], panned[1]);
  assert.notEqual(panned[0], large[0]);
  await page.getByRole('button', { name: 'Fit' }).click();
  assert.equal((await places())[0], first);
  passed('zoom and pan move both pictures');

  const download = page.waitForEvent('download');
  await link.click();
  const saved = join(work, 'downloaded.jpg');
  const file = await download;
  assert.equal(file.suggestedFilename(), 'harbour.relume.jpg');
  await file.saveAs(saved);
  execFileSync(program, ['-q', 'restore', photo, '-o', join(work, 'cli.jpg')]);
  assert.ok(readFileSync(saved).equals(readFileSync(join(work, 'cli.jpg'))));
  passed("the download equals the program's result byte for byte");

  await accessible(page, 'a restored photo');
  await page.mouse.move(5, 5);
  await slider.blur();
  await shoot(page, 'desktop');
  const dark = page.getByRole('button', { name: /^Theme/ });
  await dark.click();
  await dark.click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  await accessible(page, 'the light theme');
  await shoot(page, 'desktop-light');
  passed('dark and light are both readable');

  const other = await context.newPage();
  await other.goto(url);
  await other.getByRole('button', { name: /^harbour.jpg/ }).waitFor();
  await other.getByRole('link', { name: /^Download harbour/ }).waitFor();
  passed('a second tab shows the same history');

  const big = join(work, 'large.png');
  execFileSync(program, ['-q', 'degrade', photo, '-o', big, '--ev', '0']);
  const slow = join(work, 'again.png');
  copyFileSync(big, slow);
  // So many before it that it still waits when it is cancelled, also on a fast machine.
  const before = Array.from({ length: 8 }, (_, i) => join(work, `before-${i}.png`));
  before.forEach((path) => copyFileSync(big, path));
  await drop(page, [big, ...before, slow]);
  await page.getByRole('button', { name: `Restore all ${before.length + 2} new files` }).click();
  await page.getByRole('button', { name: 'Cancel again.png' }).click();
  await page.getByRole('button', { name: 'Retry again.png' }).click();
  await other.getByRole('button', { name: /^again.png/ }).waitFor();
  server.kill('SIGKILL');
  await page.getByText('The server does not answer').waitFor();
  await start(port);
  await page.getByText('The server does not answer').waitFor({ state: 'detached' });
  await page.locator('li', { hasText: 'again.png' }).getByText(/^(Done|Fine, left alone)$/).waitFor();
  await page.locator('li', { hasText: 'large.png' }).getByText(/^(Done|Fine, left alone)$/).waitFor();
  passed('cancel, retry; a kill of the server costs nothing, and the page goes on');

  await page.reload();
  await page.getByRole('button', { name: /^harbour.jpg/ }).waitFor();
  await page.getByRole('button', { name: 'Remove again.png' }).click();
  await other.getByRole('button', { name: /^again.png/ }).waitFor({ state: 'detached' });
  passed('history survives; what is removed goes from both tabs');

  await editor(page);
  await video(page);

  await other.goto(`${url}docs.html`);
  await other.getByRole('heading', { name: 'POST /v1/jobs', exact: true }).waitFor();
  await accessible(other, 'the API page');
  await shoot(other, 'docs');
  passed('the API page shows the API');

  const phone = await browser.newContext({
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
    colorScheme: 'dark',
  });
  const small = await phone.newPage();
  await small.goto(url);
  await small.getByRole('button', { name: /^harbour.jpg/ }).last().click();
  await small.getByRole('link', { name: /^Download harbour/ }).waitFor();
  await small.waitForFunction(() => [...document.querySelectorAll('.frame img')].every((i) => i.complete));
  const wide = await small.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  await accessible(small, 'the phone');
  await small.locator('.card').scrollIntoViewIfNeeded();
  await shoot(small, 'phone');
  passed('it fits a phone');

  await small.getByRole('link', { name: 'Workflows' }).click();
  await small.getByText(/^Nothing is wrong/).waitFor();
  const broad = await small.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(broad <= 0, `the editor is ${broad} pixels too wide`);
  await accessible(small, 'the editor on a phone');
  await small.locator('.stage').scrollIntoViewIfNeeded();
  await shoot(small, 'editor-phone');
  passed('the editor fits a phone');

  assert.deepEqual(strangers, []);
  // The kills, and the workflows that were broken on purpose, which the browser itself tells of.
  const own = complaints.filter((text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|ERR_EMPTY|status of 422/.test(text));
  assert.deepEqual(own, []);
  passed('no request leaves the server, the console is clean');
} finally {
  await browser.close();
  server.kill('SIGTERM');
  rmSync(work, { recursive: true, force: true });
}
