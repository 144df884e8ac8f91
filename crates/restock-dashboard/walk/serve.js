// A server over a copy of the example shop, with a person of each kind, for the time of a walk.

import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PASSWORD = 'four words make one';

/** Servers that run and folders that are there; a walk that fails leaves none behind. */
const running = new Set();
const folders = new Set();
process.on('exit', () => {
  running.forEach((stop) => stop());
  folders.forEach(takeAway);
});

/** A new folder, which is gone with the process at the latest. */
export function temporary(prefix) {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

function takeAway(folder) {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Runs `binary` to its end, with `input`; gives what it printed. Meanwhile the walk goes on elsewhere. */
function run(binary, args, cwd, input = '') {
  return new Promise((resolve, reject) => {
    const child = execFile(binary, args, { cwd, encoding: 'utf8' }, (error, text) => (error ? reject(error) : resolve(text)));
    child.stdin.end(input);
  });
}

/** Starts a server in `folder`, and waits until it says where it is found; `stop` ends it and takes the folder away. */
async function start(binary, folder, where) {
  const server = spawn(binary, ['serve', '--listen', '127.0.0.1:0'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const stop = () => {
    running.delete(stop);
    server.removeAllListeners('exit');
    server.kill();
    takeAway(folder);
  };
  running.add(stop);
  const found = await new Promise((resolve, reject) => {
    let text = '';
    server.stderr.on('data', (chunk) => {
      text += chunk;
      const match = where.exec(text);
      if (match) resolve(match[0]);
    });
    server.on('exit', (code) => reject(new Error(`restock serve ended with ${code}: ${text}`)));
  });
  return { found, stop };
}

/** A generated chain with a sample of everything, in a folder that the caller takes away. */
export async function chain(binary, nItemLocations) {
  const folder = join(temporary('restock-chain-'), 'chain');
  await run(binary, ['demo', '--items', String(nItemLocations), '--out', folder]);
  return folder;
}

/** Serves a copy of `project` with more `tables` by name. */
export async function serve(binary, project, tables = {}) {
  const folder = temporary('restock-walk-');
  cpSync(project, folder, { recursive: true, filter: (path) => !/[\\/](\.restock|out)$/.test(path) });
  for (const [name, text] of Object.entries(tables)) writeFileSync(join(folder, 'data', `${name}.csv`), text);
  return serveFolder(binary, folder);
}

/** Starts `binary` in a project's folder, and waits at most so many seconds for its first plan. `stop` ends it and takes the folder away. */
export async function serveFolder(binary, folder, seconds = 300) {
  for (const [name, role] of [['ada', 'admin'], ['pia', 'planner'], ['vera', 'viewer']]) {
    await run(binary, ['user', 'create', name, '--role', role, '--password-stdin'], folder, `${PASSWORD}\n`);
  }
  const secret = async (name, role) => JSON.parse(await run(binary, ['token', 'create', name, '--role', role, '--json'], folder)).token;
  const [till, ask] = [await secret('till', 'integrator'), await secret('ask', 'admin')];

  const { found, stop } = await start(binary, folder, /http:\/\/127\.0\.0\.1:\d+/);
  const address = found.replace('127.0.0.1', 'localhost');
  const runs = async () => (await fetch(`${address}/v1/plans`, { headers: { authorization: `Bearer ${ask}` } })).json();
  await until(async () => (await runs()).plans[0]?.outcome === 'filed', 'the first plan is filed', seconds);
  const post = (events) =>
    fetch(`${address}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${till}`, 'content-type': 'application/json' },
      body: JSON.stringify(events),
    }).then((answer) => answer.json());
  return { address, ask, post, stop };
}

/** Starts `binary` in an empty folder, where nobody may use it yet; `link` is what it tells whoever started it. */
export async function serveNew(binary) {
  const folder = temporary('restock-walk-');
  const { found: link, stop } = await start(binary, folder, /http:\/\/127\.0\.0\.1:\d+\/#\/first\?code=\w+(?=\s)/);
  return { address: new URL(link).origin, link, stop };
}

/** Waits until something holds, at most so many seconds. */
export async function until(holds, what, seconds = 60) {
  for (const began = Date.now(); Date.now() - began < seconds * 1_000; ) {
    if (await holds().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${seconds} s, but never: ${what}`);
}
