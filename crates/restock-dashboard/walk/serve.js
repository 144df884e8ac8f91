// A server over a copy of the example shop, with a person of each kind, for the time of a walk.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PASSWORD = 'four words make one';

/** A generated chain with a sample of everything, in a folder that the caller takes away. */
export function chain(binary, nItemLocations) {
  const folder = join(mkdtempSync(join(tmpdir(), 'restock-chain-')), 'chain');
  execFileSync(binary, ['demo', '--items', String(nItemLocations), '--out', folder], { stdio: 'ignore' });
  return folder;
}

/** Starts `binary` and waits until it is ready, with more `tables` by name. `stop` ends it and takes its folder away. */
export async function serve(binary, project, tables = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'restock-walk-'));
  cpSync(project, folder, { recursive: true, filter: (path) => !/[\\/](\.restock|out)$/.test(path) });
  for (const [name, text] of Object.entries(tables)) writeFileSync(join(folder, 'data', `${name}.csv`), text);
  const run = (args, input) => execFileSync(binary, args, { cwd: folder, input, encoding: 'utf8' });
  for (const [name, role] of [['ada', 'admin'], ['pia', 'planner'], ['vera', 'viewer']]) {
    run(['user', 'create', name, '--role', role, '--password-stdin'], `${PASSWORD}\n`);
  }
  const secret = (name, role) => JSON.parse(run(['token', 'create', name, '--role', role, '--json'])).token;
  const [till, watch] = [secret('till', 'integrator'), secret('watch', 'viewer')];

  const process = spawn(binary, ['serve', '--listen', '127.0.0.1:0'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const address = await new Promise((resolve, reject) => {
    let text = '';
    process.stderr.on('data', (chunk) => {
      text += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(text);
      if (found) resolve(found[0].replace('127.0.0.1', 'localhost'));
    });
    process.on('exit', (code) => reject(new Error(`restock serve ended with ${code}: ${text}`)));
  });
  const runs = async () => (await fetch(`${address}/v1/plans`, { headers: { authorization: `Bearer ${watch}` } })).json();
  await until(async () => (await runs()).plans[0]?.outcome === 'filed', 'the first plan is filed');
  const stop = () => {
    process.removeAllListeners('exit');
    process.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const post = (events) =>
    fetch(`${address}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${till}`, 'content-type': 'application/json' },
      body: JSON.stringify(events),
    }).then((answer) => answer.json());
  return { address, post, stop };
}

/** Starts `binary` in an empty folder, where nobody may use it yet; `link` is what it tells whoever started it. */
export async function serveNew(binary) {
  const folder = mkdtempSync(join(tmpdir(), 'restock-walk-'));
  const process = spawn(binary, ['serve', '--listen', '127.0.0.1:0'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const link = await new Promise((resolve, reject) => {
    let text = '';
    process.stderr.on('data', (chunk) => {
      text += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+\/#\/first\?code=\w+/.exec(text);
      if (found) resolve(found[0]);
    });
    process.on('exit', (code) => reject(new Error(`restock serve ended with ${code}: ${text}`)));
  });
  const stop = () => {
    process.removeAllListeners('exit');
    process.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { address: new URL(link).origin, link, stop };
}

/** Waits until something holds, at most a minute. */
export async function until(holds, what) {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await holds().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited a minute, but never: ${what}`);
}
