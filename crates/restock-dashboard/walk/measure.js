// Measures the dashboard over a project of many item-locations:
//
//     node measure.js BINARY [ITEM_LOCATIONS]
//
// What each page asks for is recorded in a browser and asked for again, one after another, over one connection. Then how
// soon Today is painted for somebody who is signed in, and how smoothly the table of orders scrolls from its top to its end.
// Times depend on the machine, so nothing fails here; whoever runs it reads the table. With a folder in RESTOCK_ASSETS, the
// files of the dashboard come from there.

import { once } from 'node:events';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

import { launch, open, still } from './browser.js';
import { PASSWORD, serveFolder, temporary } from './serve.js';

/** How often each request is sent, and how long one should take at most. */
const [N_TIMES, MS_MAX] = [30, 200];
const [N_STORES, N_DAYS] = [20, 60];

const binary = resolve(process.argv[2]);
const nItemLocations = Number(process.argv[3] ?? 100_000);
const began = performance.now();
const say = (text) => console.log(`${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${text}`);

const folder = temporary('restock-measure-');
await writeProject(folder, Math.ceil(nItemLocations / N_STORES));
say(`a project of ${nItemLocations} item-locations is written; ${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}`);
const server = await serveFolder(binary, folder, 3_600);
say('the first plan is filed');
const browser = await launch();
try {
  const { page, faults } = await open(browser, server.address);
  await page.goto(`${server.address}/#/today`);
  await page.fill('input[autocomplete=username]', 'ada');
  await page.fill('input[autocomplete=current-password]', PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.tiles', { timeout: 300_000 });
  await calm(page);
  const [item, location] = ['item-00000', 'store-00'];
  await page.evaluate(() => (location.hash = '#/orders?group=no'));
  const line = await page.locator('.entry.line a').first().getAttribute('href', { timeout: 300_000 });
  const places = {
    today: '#/today',
    orders: '#/orders',
    'orders by exception': '#/orders?group=look',
    why: line,
    'why, policy': `${line}/policy`,
    'why, forecast': `${line}/forecast`,
    'why, data': `${line}/data`,
    'why, not ordered': `#/why?item=${item}&location=${location}`,
    exceptions: '#/exceptions',
    forecast: `#/forecast?item=${item}&location=${location}`,
    'forecast, which': '#/forecast',
    network: '#/network',
    'what-if': '#/what-if',
    simulation: '#/what-if/simulation',
    performance: '#/performance',
    policies: '#/policies',
    'policies, lines': '#/policies?segment=0',
    models: '#/models',
    data: '#/data',
    users: '#/admin/users',
    audit: '#/admin/audit',
    jobs: '#/admin/jobs',
  };
  await report(await recorded(page, places));
  await paints(page);
  await scrolls(page);
  if (faults.length > 0) say(`faults: ${[...new Set(faults)].slice(0, 10).join('\n')}`);
} finally {
  await browser.close();
}
process.exit();

/** Items sold in stores, bought from a supplier: the project of the example `soak` of restock-server. */
async function writeProject(folder, nItems) {
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'restock.toml'), '[forecast]\nmodel = "ses"\n[policy]\nkind = "base_stock"\n');
  let state = 7;
  // Mulberry32: numbers that look random, from a seed.
  const random = (from, to) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return from + (((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * (to - from);
  };
  const day = (back) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  const days = Array.from({ length: N_DAYS }, (_, idx) => day(N_DAYS - idx));
  const table = (name, head) => {
    const stream = createWriteStream(join(folder, 'data', `${name}.csv`));
    stream.write(`${head}\n`);
    return stream;
  };
  const [items, stock, sales] = [
    table('items', 'item_id,unit_cost,price'),
    table('inventory', 'item_id,location_id,on_hand,as_of'),
    table('sales', 'date,item_id,location_id,quantity'),
  ];
  for (let idx = 0; idx < nItems; idx++) {
    const item = `item-${String(idx).padStart(5, '0')}`;
    let text = '';
    items.write(`${item},2.00,3.50\n`);
    for (let store = 0; store < N_STORES; store++) {
      const location = `store-${String(store).padStart(2, '0')}`;
      const rate = random(0.2, 6);
      stock.write(`${item},${location},${Math.round(rate * random(2, 14))},${day(1)}\n`);
      for (const date of days) {
        const sold = Math.round(rate * random(0, 2));
        if (sold > 0) text += `${date},${item},${location},${sold}\n`;
      }
    }
    if (!sales.write(text)) await once(sales, 'drain');
  }
  const sources = table('sources', 'supplier_id,lead_time_days,pack_size');
  sources.write('farm,3,6\n');
  await Promise.all([items, stock, sales, sources].map((stream) => new Promise((resolve) => stream.end(resolve))));
}

/** Waits until a page asks for nothing more, however long that takes at this size. */
async function calm(page) {
  for (const began = Date.now(); ; ) {
    try {
      return await still(page);
    } catch (error) {
      if (Date.now() - began > 600_000) throw error;
    }
  }
}

/** What each page asks for, by kind of request, when it is opened anew. */
async function recorded(page, places) {
  const kinds = new Map();
  for (const [name, place] of Object.entries(places)) {
    const note = (request) => {
      const url = new URL(request.url());
      if (!url.pathname.startsWith('/v1/') || url.pathname === '/v1/stream') return;
      const kind = kindOf(request.method(), url);
      const entry = kinds.get(kind) ?? { requests: new Map(), pages: new Map() };
      entry.requests.set(`${url.pathname}${url.search} ${request.postData() ?? ''}`, {
        method: request.method(),
        path: `${url.pathname}${url.search}`,
        body: request.postData() ?? undefined,
      });
      entry.pages.set(name, (entry.pages.get(name) ?? 0) + 1);
      kinds.set(kind, entry);
    };
    page.on('request', note);
    const began = performance.now();
    await page.evaluate((hash) => (location.hash = hash), place);
    await page.reload();
    await page.waitForSelector('main h1', { timeout: 300_000 });
    await calm(page);
    page.off('request', note);
    say(`${name}: everything is there after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  }
  return kinds;
}

/** Requests that differ in ids and cursors are of one kind. */
function kindOf(method, url) {
  const path = url.pathname.replace(/\/(p|sc|pl)_[^/:]+/g, '/{$1}').replace(/^(\/v1\/item-locations)\/[^/]+\/[^/]+/, '$1/{item}/{location}');
  const query = [...url.searchParams].map(([name, value]) => `${name}=${['cursor', 'after', 'from', 'item', 'location', 'item_id', 'location_id', 'find'].includes(name) ? '…' : value}`);
  return `${method} ${path}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

/** Sends each kind of request again and again, and prints how long its answers take. */
async function report(kinds) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const rows = [];
  for (const [kind, { requests, pages }] of kinds) {
    const all = [...requests.values()];
    const answers = [];
    for (let idx = 0; idx < N_TIMES; idx++) answers.push(await send(agent, all[idx % all.length]));
    const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
    rows.push({
      kind,
      p50: times[Math.ceil(N_TIMES * 0.5) - 1],
      p95: times[Math.ceil(N_TIMES * 0.95) - 1],
      bytes: Math.max(...answers.map(({ bytes }) => bytes)),
      status: [...new Set(answers.map(({ status }) => status))].join(' '),
      pages: [...pages].map(([name, n]) => (n > 1 ? `${name} ×${n}` : name)),
    });
  }
  agent.destroy();
  rows.sort((a, b) => b.p95 - a.p95);
  console.log('\n  p50 ms   p95 ms     bytes  status  request; pages that send it when they are opened');
  for (const { kind, p50, p95, bytes, status, pages } of rows) {
    const shown = pages.length > 8 ? [...pages.slice(0, 2), `${pages.length - 2} more`] : pages;
    console.log(`${p50.toFixed(1).padStart(8)} ${p95.toFixed(1).padStart(8)}${p95 > MS_MAX ? '!' : ' '} ${String(bytes).padStart(8)}  ${status.padEnd(6)}  ${kind}; ${shown.join(', ')}`);
  }
  const slow = rows.filter(({ p95 }) => p95 > MS_MAX).length;
  console.log(`\n${rows.length} kinds of requests, each ${N_TIMES} times; ${slow} with a 95th percentile above ${MS_MAX} ms\n`);
}

/** One request, until the last byte of its answer as it is sent. */
function send(agent, { method, path, body }) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const headers = { authorization: `Bearer ${server.ask}`, accept: 'application/json', 'accept-encoding': 'gzip, br, zstd' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const sent = request(`${server.address}${path}`, { agent, method, headers }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk) => (bytes += chunk.length));
      answer.on('end', () => resolve({ ms: performance.now() - began, bytes, status: answer.statusCode }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** How soon Today is painted first, and how soon its figures are there, for somebody who was here before. */
async function paints(page) {
  const found = [];
  for (let time = 0; time < 6; time++) {
    await page.goto('about:blank');
    await page.goto(`${server.address}/#/today`);
    const figures = await page.evaluate(async () => {
      const has = () => document.querySelector('.tiles .big')?.textContent.trim();
      while (!has()) await new Promise(requestAnimationFrame);
      return performance.now();
    });
    // The browser tells of a paint some time after it.
    const first = await page.evaluate(async () => {
      const paint = () => performance.getEntriesByName('first-contentful-paint')[0];
      while (!paint()) await new Promise(requestAnimationFrame);
      return paint().startTime;
    });
    // The first visit fills the cache.
    if (time > 0) found.push({ first, figures });
    await calm(page);
  }
  const median = (of) => found.map(of).sort((a, b) => a - b)[2].toFixed(0);
  say(`Today: first contentful paint after ${median(({ first }) => first)} ms, its figures after ${median(({ figures }) => figures)} ms (medians of ${found.length})`);
}

/** Frames while the table of orders is scrolled from its top to its end. */
async function scrolls(page) {
  await page.evaluate(() => (location.hash = '#/orders?group=no'));
  await page.waitForSelector('.entry.line', { timeout: 300_000 });
  await calm(page);
  const n = await page.locator('.views [aria-current] .n').textContent();
  const { frames, height } = await page.evaluate(async () => {
    const list = document.querySelector('[role=grid]');
    const height = list.scrollHeight;
    const step = Math.max(40, Math.ceil(height / 3_000));
    const frames = [];
    let last = performance.now();
    for (let top = 0; top < height; top += step) {
      list.scrollTop = top;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - last);
      last = now;
    }
    return { frames: frames.sort((a, b) => a - b), height };
  });
  const at = (share) => frames[Math.ceil(frames.length * share) - 1].toFixed(0);
  const long = frames.filter((ms) => ms > 50).length;
  say(`Orders, ${n} lines, ${height} px: ${frames.length} frames, ${long} longer than 50 ms; median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, longest ${at(1)} ms`);
}
