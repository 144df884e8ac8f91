// Walks through the dashboard as a planner does, in a real browser against a real server:
//
//     node walk.js BINARY PROJECT [SCREENSHOTS]
//
// BINARY is a built restock, PROJECT the example shop, SCREENSHOTS a folder for pictures of each page. Anything that does
// not hold ends it with status 1. With a folder in RESTOCK_ASSETS, the files of the dashboard come from there.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { accessibility, launch, open, picture, still } from './browser.js';
import { chain, PASSWORD, serve, serveNew, until } from './serve.js';

const [binary, project, screenshots] = process.argv.slice(2).map((path) => resolve(path));

/** Pages of which pictures are written. */
const PICTURES = ['today', 'orders', 'why', 'exceptions', 'forecast', 'network', 'what-if', 'scenario', 'simulation', 'performance', 'policies', 'data'];

const THEMES = ['light', 'dark'];
const LOOKS = [[360, 780], [1280, 800], [2560, 1300]].flatMap(([width, height]) => ['en-GB', 'zh-CN'].map((locale) => ({ width, height, locale })));

/** A budget that the plan stays below, so that there is one to change. */
const BUDGETS = { budgets: 'scope,from,to,amount\nall,,,5000\n' };

const began = performance.now();
const secondsSince = (at) => ((performance.now() - at) / 1_000).toFixed(0);
const browser = await launch();
const sessions = new Map();
const looks = [...LOOKS];
/** What does not look right, with the places where it was seen. */
const wrong = new Map();
try {
  // Two at a time, each with a server of its own: one that is only read, and one whose orders are decided.
  const quiet = serve(binary, project, BUDGETS);
  const scenario = quiet.then(plansOtherwise);
  const looksAround = async () => {
    for (let look = looks.shift(); look; look = looks.shift()) await looksRight(await quiet, await scenario, look);
  };
  await Promise.all([
    scenario.then(async () => {
      await playsTheFuture(await quiet);
      await looksAhead(await quiet);
      await looksAround();
    }),
    startsWithAFile().then(async () => {
      const busy = await serve(binary, project, BUDGETS);
      await reviewsAndOrders(busy);
      await seesWhatARoleMay(busy);
      await handlesExceptions(busy);
      await seesWhatHappensElsewhere(busy);
      await asksWhatIf(busy);
      await holdsManyLines(busy);
      await holdsALargeNetwork(busy);
      busy.stop();
      await reviewsByException();
      await looksAround();
    }),
  ]);
} finally {
  await browser.close();
}
assert.deepEqual([...wrong].map(([fault, places]) => `${fault}: ${places[0]} and ${places.length - 1} more`), []);
console.log(`walk: everything holds, after ${secondsSince(began)} s`);
// Servers that still run end with the process.
process.exit();

/** Says what holds, with the time since the part began. */
function timed() {
  const began = performance.now();
  return (text) => console.log(`walk: ${secondsSince(began).padStart(3)} s: ${text}`);
}

/** Through the form. The server lets a person sign in five times a minute: who comes more often goes on with an earlier session. */
async function signIn(page, { address }, name = 'ada', path = '/orders') {
  const key = `${name} ${address}`;
  const known = sessions.get(key) ?? { signIns: [], state: undefined };
  sessions.set(key, known);
  await page.goto(`${address}/#${path}`);
  await page.waitForSelector('form');
  if (known.state !== undefined && known.signIns.filter((at) => Date.now() - at < 61_000).length >= 4) {
    await page.context().addCookies(known.state.cookies);
    const { localStorage: kept } = known.state.origins.find(({ origin }) => origin === address);
    await page.evaluate((all) => all.forEach(({ name, value }) => localStorage.setItem(name, value)), kept.filter(({ name }) => name === 'restock.session'));
    await page.reload();
  } else {
    known.signIns.push(Date.now());
    await page.fill('input[autocomplete=username]', name);
    await page.fill('input[autocomplete=current-password]', PASSWORD);
    await page.keyboard.press('Enter');
  }
  await page.waitForSelector('header nav');
  known.state ??= await page.context().storageState();
}

async function settled(page) {
  await page.waitForSelector('main h1');
  if (page.url().includes('#/orders')) await page.waitForSelector('.entry.line');
  await still(page);
}

/** Nothing but `restock serve` in an empty folder: an account, a file that is dropped, what is asked about it, and the first orders, each with its
    reasons; then stock, on a phone, and in Chinese what a page of it looks like. */
async function startsWithAFile() {
  const say = timed();
  const begun = await serveNew(binary);
  try {
    const { page, faults, close } = await open(browser, begun.address);
    const look = async (where) => assert.deepEqual(await check(page, faults), [], where);
    await page.goto(begun.link);
    await page.fill('input[autocomplete=username]', 'ada');
    await page.fill('input[autocomplete=new-password]', PASSWORD);
    await look('the first account');
    await page.keyboard.press('Enter');
    await page.waitForSelector('h1:has-text("Drop your sales file here")');
    assert.ok(!page.url().includes('code='), 'the code stays in no history');
    await look('the drop zone');

    const days = Array.from({ length: 56 }, (_, idx) => new Date(Date.UTC(2024, 0, 1 + idx)).toISOString().slice(0, 10));
    const rows = days.flatMap((day, idx) => [`${day};flour;${1 + (idx % 3)}.250;x`, `${day};sugar;${1 + (idx % 2)}.125;y`]);
    const text = ['Datum;Artikel;Menge;Kasse', ...rows, 'soon;flour;1.250;x', ''].join('\n');
    await dropFile(page, text);
    await page.waitForSelector('fieldset:has-text("can be read in two ways")');
    await page.waitForSelector('.example:has-text("1.250") b:text-is("1,250")');
    await page.waitForSelector('text=1 row cannot be read and is left out');
    await look('what a file would become');
    if (screenshots !== undefined) await picturesOfAFile(page, begun, text);
    const submit = page.locator('button:has-text("Take in and plan")');
    assert.ok(await submit.isDisabled(), 'a question is open');
    await page.getByLabel('Kasse is read as').selectOption('location_id');
    await page.waitForSelector('section[aria-busy=false]:has-text("2 locations")');
    await page.getByLabel('Kasse is read as').selectOption('');
    await page.waitForSelector('section[aria-busy=false]:has-text("1 location")');
    await page.getByLabel('The point is the decimal mark').check();
    await submit.and(page.locator(':enabled')).waitFor();
    await submit.click();
    await page.waitForSelector('.views', { timeout: 120_000 });
    await page.waitForSelector('.entry.line', { timeout: 60_000 });
    await look('the first orders');
    await page.evaluate(() => (location.hash = '#/today'));
    await page.waitForSelector('main section:has-text("What would improve the orders most") button:has-text("Add a file")');
    await look('what comes next');
    await page.evaluate(() => (location.hash = '#/orders'));
    await page.locator('.entry.line a').first().click();
    await page.waitForSelector('text=flour');
    await page.waitForSelector('.waterfall, [aria-label*="waterfall" i], svg', { timeout: 30_000 });
    assert.deepEqual(faults, []);
    await close();

    const phone = await open(browser, begun.address, { width: 360, height: 780, locale: 'zh-CN' });
    await signIn(phone.page, begun, 'ada', '/data');
    await phone.page.click('button:has-text("添加文件")');
    const file = phone.page.locator('dialog input[type=file]');
    await file.focus();
    await file.setInputFiles({ name: 'stock.csv', mimeType: 'text/csv', buffer: Buffer.from('item_id,on_hand,as_of\nflour,400,2024-02-25\n') });
    await phone.page.waitForSelector('dialog section[aria-label="stock.csv"]');
    assert.deepEqual(await check(phone.page, phone.faults), [], 'a file on a phone');
    await phone.page.click('dialog button:has-text("接收并计划")');
    await phone.page.waitForSelector('dialog :text("已纳入计划")', { timeout: 60_000 });
    assert.deepEqual(await check(phone.page, phone.faults), [], 'a file that was taken in, on a phone');
    await phone.close();
  } finally {
    begun.stop();
  }
  say('an empty folder, a file and its questions, the first orders, and stock on a phone');
}

async function dropFile(page, text) {
  const dropped = await page.evaluateHandle((content) => {
    const data = new DataTransfer();
    data.items.add(new File([content], 'kasse.csv', { type: 'text/csv' }));
    return data;
  }, text);
  await page.dispatchEvent('.first label', 'drop', { dataTransfer: dropped });
  await page.waitForSelector('section[aria-label="kasse.csv"]');
}

/** What is asked about a file, as it looks everywhere; `page` shows it already. */
async function picturesOfAFile(page, begun, text) {
  const chinese = await open(browser, begun.address, { locale: 'zh-CN' });
  await signIn(chinese.page, begun, 'ada', '/today');
  await dropFile(chinese.page, text);
  const before = page.viewportSize();
  for (const { width, height, locale } of LOOKS) {
    const shown = locale === 'zh-CN' ? chinese.page : page;
    await shown.setViewportSize({ width, height });
    for (const theme of THEMES) await keepPicture(shown, 'first', { width, theme: await turn(shown, theme), locale });
  }
  await page.setViewportSize(before);
  await turn(page, 'light');
  await chinese.close();
}

/** The curve, a scenario by slider, field and text, its orders beside those of the plan, and a viewer who only looks; gives a link to it. */
async function plansOtherwise(server) {
  const say = timed();
  const { page, faults, close } = await open(browser, server.address, { width: 1600, height: 900 });
  await signIn(page, server, 'pia', '/what-if');
  await page.click('button:has-text("Calculate the curve")');
  const chart = page.locator('.area[role=slider]');
  await chart.waitFor({ timeout: 180_000 });
  await chart.focus();
  await page.keyboard.press('Home');
  assert.match(await chart.getAttribute('aria-valuetext'), /^Target 80%: Demand met .*Orders €/);
  const points = page.locator('[aria-label="The curve in numbers"] tbody tr');
  assert.equal(await points.count(), 10, 'nine targets, and things as they are');

  const result = page.locator('section:has(h2:has-text("What it comes to"))');
  const figures = (label) => result.locator(`tr:has(th:text-is("${label}")) td`).allTextContents();
  const planned = () => page.waitForFunction(() => document.querySelector('section[aria-busy=false] td.if') !== null, null, { timeout: 60_000 });
  await page.locator('#target').focus();
  for (let press = 0; press < 3; press++) await page.keyboard.press('ArrowRight');
  await planned();
  const [before, after] = await figures('Demand met');
  assert.notEqual(after, before, 'a higher target meets more demand');
  await page.locator('[aria-label="Budget: all orders, in EUR"]').fill('2000');
  await page.keyboard.press('Tab');
  await page.waitForSelector(':text-matches("The next .* would bring €")', { timeout: 60_000 });
  await planned();

  const field = page.locator('input[aria-describedby]');
  await field.fill('colour=red');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#change-refused:has-text("is not known")');
  assert.equal(await field.inputValue(), 'colour=red');
  await field.fill("demand=+10% where location.kind == 'store'");
  await page.keyboard.press('Enter');
  await page.waitForSelector('.texts li:has-text("demand=+10%")');
  await page.waitForSelector('section[aria-busy=true]');
  assert.deepEqual((await page.locator('.texts li code').allTextContents()).length, 3);
  await planned();

  const differ = page.locator('section:has(h2:has-text("Orders that differ"))');
  await differ.waitFor({ timeout: 60_000 });
  const n = Number((await differ.locator('h2 .soft').textContent()).match(/\d+/)[0]);
  const [saved] = await Promise.all([page.waitForEvent('download'), differ.locator('button:has-text("Export as CSV")').click()]);
  assert.equal(readFileSync(await saved.path(), 'utf8').trim().split('\r\n').length, 1 + n);

  await page.fill('label:has-text("Name") input', 'Growth');
  await page.click('button:has-text("Save under this name")');
  await page.waitForSelector('h2:has-text("Growth")');
  await planned();
  await page.click('button[aria-label="Compare: What if"]');
  await page.waitForSelector('th.beside:text-is("What if")');
  await page.reload();
  await page.waitForSelector('h2:has-text("Growth")');
  await planned();
  const link = new URL(page.url()).hash;
  assert.match(link, /^#\/what-if\?scenario=sc_/);
  assert.ok(faults.every((fault) => fault.includes('422') || fault.includes('/diff?')), faults.join('\n'));
  await close();

  const viewer = await open(browser, server.address, { width: 1600, height: 900 });
  await signIn(viewer.page, server, 'vera', '/what-if');
  await viewer.page.click('button[aria-label="Open: Growth"]');
  await viewer.page.waitForSelector('td.if');
  assert.ok(await viewer.page.locator('#target').isDisabled());
  for (const text of ['Calculate again', 'Add', 'Remove', 'Rename', 'Try']) {
    assert.equal(await viewer.page.locator(`main button:text-is("${text}")`).count(), 0, text);
  }
  await viewer.page.locator('[role=row] a').first().click();
  await viewer.page.waitForSelector('.page h1');
  assert.match(viewer.page.url(), /#\/why\?item=/);
  assert.deepEqual(viewer.faults, []);
  await viewer.close();
  say(`a scenario: demand met ${before} becomes ${after}, ${n} orders differ`);
  return link;
}

/** A shock by form, played and cancelled; policies replayed on the own history; the jobs of all. */
async function playsTheFuture(server) {
  const say = timed();
  const { page, faults, close } = await open(browser, server.address, { width: 1600, height: 900 });
  await signIn(page, server, 'pia', '/what-if/simulation');
  await page.selectOption('fieldset select >> nth=1', 'location');
  await page.selectOption('fieldset select >> nth=2', 'station');
  await page.click('button:has-text("Add it")');
  const shock = await page.locator('form li code').textContent();
  assert.match(shock, /^demand=\+30%@2026-03-23\.\.2026-04-05 where location\.id == 'station'$/);
  await page.click('button:has-text("Play it")');
  await page.click('button:text-is("Cancel")');
  await page.waitForSelector('form [role=status]:text-is("cancelled")', { timeout: 120_000 });
  await page.fill('.run label:has-text("Days") input', '21');
  await page.fill('.run label:has-text("Futures") input', '20');
  await page.click('button:has-text("Play it")');
  await page.waitForSelector('h2:has-text("Stock value, by day")', { timeout: 180_000 });
  const lost = await page.locator('tr:has(th:text-is("Demand not met, units")) td').last().textContent();
  assert.match(lost, /^\+/, 'more demand is missed');
  await page.locator('.area').first().focus();
  await page.keyboard.press('End');
  assert.match(await page.locator('.area').first().getAttribute('aria-valuetext'), /As expected .*If that happens /);

  await page.evaluate(() => (location.hash = '#/performance'));
  await page.fill('label:has-text("Weeks that count") input', '3');
  await page.fill('label:has-text("Item-locations at most") input', '12');
  await page.click('button:text-is("Replay")');
  await page.waitForSelector('.headline', { timeout: 180_000 });
  assert.match(await page.locator('.headline').textContent(), /simple rule/);

  await page.evaluate(() => (location.hash = '#/admin/jobs'));
  await page.waitForSelector('th:has-text("Backtest of policies")');
  await page.waitForSelector('[aria-label="Jobs"] .chip:text-is("cancelled")');
  await page.waitForSelector('[aria-label="Jobs"] th:has-text("Simulation")');
  assert.deepEqual(faults, []);
  await close();
  say(`the future of ${shock}: ${lost.trim().replace(/\s+/g, ' ')} units more are missed`);
}

/** Every page at a width and in a language, light and dark: no fault, nothing that leaves the host, nothing serious for axe. */
async function looksRight(server, scenario, { width, height, locale }) {
  const say = timed();
  // Pages are opened light and dark in turn, and then seen in the other theme too.
  let theme = THEMES[looks.length % 2];
  const { page, faults, close } = await open(browser, server.address, { width, height, theme, locale });
  const look = async (name) => {
    for (const idx of THEMES.keys()) {
      if (idx > 0) theme = await turn(page, THEMES.find((other) => other !== theme));
      for (const fault of await check(page, faults)) wrong.set(fault, [...(wrong.get(fault) ?? []), `${name} ${width} ${theme} ${locale}`]);
      if (PICTURES.includes(name)) await keepPicture(page, name, { width, theme, locale });
    }
  };
  await page.goto(`${server.address}/`);
  await page.waitForSelector('form');
  await look('sign-in');
  await signIn(page, server);
  await settled(page);
  const first = await page.locator('.entry.line a').first().getAttribute('href');
  const places = {
    today: '#/today',
    orders: '#/orders',
    why: first,
    'why-policy': `${first}/policy`,
    'why-forecast': `${first}/forecast`,
    'why-data': `${first}/data`,
    'why-what-if': `${first}?what_if=lead_time%3D5%2Cdemand%3D%2B20%25`,
    'why-not-ordered': '#/why?item=umbrella&location=dc',
    exceptions: '#/exceptions',
    forecast: '#/forecast?item=water-6x1500ml&location=harbour',
    'forecast-pick': '#/forecast',
    network: '#/network',
    'network-node': '#/network?node=s%3Adairy-and-meat',
    'what-if': '#/what-if',
    scenario,
    simulation: '#/what-if/simulation',
    performance: '#/performance',
    'performance-class': '#/performance?by=class',
    policies: '#/policies',
    'policies-lines': '#/policies?segment=0',
    models: '#/models',
    data: '#/data',
    'admin-users': '#/admin/users',
    'admin-audit': '#/admin/audit',
    'admin-jobs': '#/admin/jobs',
  };
  for (const [name, place] of Object.entries(places)) {
    await page.evaluate((hash) => (location.hash = hash), place);
    await settled(page);
    if (name === 'scenario') {
      await page.waitForSelector('h2:has-text("Growth")');
      await settled(page);
      await page.locator('#scenario').evaluate((part) => part.scrollIntoView());
    }
    await look(name);
    if (name === 'data' && screenshots !== undefined) {
      await page.locator('section:has(li form)').evaluate((part) => part.scrollIntoView());
      for (const other of THEMES) await keepPicture(page, 'count', { width, theme: (theme = await turn(page, other)), locale });
    }
  }
  await reachesEveryPage(page);
  await close();
  say(`${width} px, light and dark, ${locale}: ${Object.keys(places).length} pages`);
}

/** Shows a page in a theme, and says in which. */
async function turn(page, theme) {
  await page.emulateMedia({ colorScheme: theme });
  await page.waitForFunction((dark) => matchMedia('(prefers-color-scheme: dark)').matches === dark, theme === 'dark');
  await still(page);
  return theme;
}

/** Writes a picture of a page as it stands, if pictures are wanted. */
async function keepPicture(page, name, { width, theme, locale }) {
  if (screenshots === undefined) return;
  mkdirSync(screenshots, { recursive: true });
  const { page: converter, close } = await open(browser, 'about:blank');
  writeFileSync(join(screenshots, `${name}-${width}-${theme}-${locale.slice(0, 2)}.webp`), await picture(page, converter));
  await close();
}

/** Whatever the width, every page is one or two presses away. */
async function reachesEveryPage(page) {
  const N_PAGES = 11;
  const seen = () => page.locator('header nav a:visible').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  const direct = await seen();
  if (await page.locator('.more summary').isVisible()) await page.click('.more summary');
  const all = new Set([...direct, ...(await seen())]);
  assert.equal(all.size, N_PAGES, [...all].join(' '));
  await page.keyboard.press('Escape');
}

/** What is wrong with a page as it stands. */
async function check(page, faults) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) faults.push(`${overflow} px wider than the window`);
  faults.push(...(await accessibility(page)));
  return faults.splice(0);
}

/** By keyboard alone: edit with a reason, approve a line, take it back, approve a group, order, save the files. */
async function reviewsAndOrders(server) {
  const say = timed();
  const { page, faults, close } = await open(browser, server.address);
  await signIn(page, server);
  await settled(page);
  const count = async () => Number(await page.locator('.views [aria-current] .n').textContent());
  const cursor = (part) => page.locator(`.entry.cursor ${part}`);
  const before = await count();

  await page.keyboard.press('j');
  const item = await cursor('a').textContent();
  await page.keyboard.press('e');
  await page.keyboard.type('3');
  await page.click('dialog button:has-text("No space for more")');
  await page.click('dialog button.primary');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.waitForSelector(`.toast.good:has-text("${item}")`);
  await page.waitForSelector('.entry.cursor .chip:has-text("edited")');
  assert.match(await cursor('[role=gridcell]:nth-child(3)').textContent(), /^3 × pack of/);

  await page.keyboard.press('a');
  await until(async () => (await count()) === before - 1, 'an approved line leaves the inbox');
  await page.keyboard.press('u');
  await until(async () => (await count()) === before, 'what was taken back is in the inbox again');

  await page.keyboard.press('Home');
  const inGroup = Number((await cursor('.count').textContent()).match(/\d+/)[0]);
  await page.keyboard.press('a');
  await until(async () => (await count()) === before - inGroup, 'an approved group leaves the inbox');

  const [exported] = await Promise.all([page.waitForEvent('download'), page.click('button[aria-label="Export lines as CSV"]')]);
  const csv = readFileSync(await exported.path(), 'utf8');
  assert.equal(csv.trim().split('\r\n').length, 1 + before - inGroup);
  assert.match(csv, /^proposal_id,version,state,/);
  await page.click('button[aria-label="Import edited CSV"]');
  await page.setInputFiles('dialog input[type=file]', { name: 'lines.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
  await page.waitForSelector('dialog :text("No quantity differs")');
  await page.keyboard.press('Escape');

  await page.click('.views a:has-text("Approved")');
  await page.click('button.primary:has-text("Order")');
  await page.click('dialog button.primary');
  await page.waitForSelector('dialog :text("1 order made")');
  for (const [format, ending] of [['CSV', 'csv'], ['JSON', 'json'], ['Odoo', 'csv'], ['ERPNext', 'csv']]) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(`dialog .files button:text-is("${format}")`)]);
    assert.ok(file.suggestedFilename().endsWith(`.${ending}`), file.suggestedFilename());
    assert.ok(readFileSync(await file.path(), 'utf8').length > 100, format);
  }
  await page.keyboard.press('Escape');
  await page.click('.views a:has-text("Ordered")');
  await page.waitForSelector(`td:text-is("${inGroup} lines")`);

  await page.click('header nav a:has-text("Orders")');
  await page.waitForSelector('.entry.cursor');
  await page.keyboard.press('Home');
  await page.keyboard.press('j');
  const rejected = await cursor('a').textContent();
  await page.keyboard.press('r');
  await page.click('dialog button:has-text("Not needed")');
  await page.click('dialog button.danger');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.click('.views a:has-text("Rejected")');
  await page.waitForSelector('td:text-is("Not needed")');

  // The trail knows who did what and why.
  await page.goto(`${server.address}/#/admin/audit`);
  await page.waitForSelector('td:text-is("No space for more")');
  assert.deepEqual(faults, []);
  await close();
  say(`${item} edited, ${inGroup} lines ordered, ${rejected} rejected, all in the audit trail`);
}

/** A viewer is offered nothing that the server would refuse; a planner edits and does not approve. */
async function seesWhatARoleMay(server) {
  const say = timed();
  for (const [name, edits, approves] of [['vera', false, false], ['pia', true, false]]) {
    const { page, faults, close } = await open(browser, server.address);
    await signIn(page, server, name);
    await settled(page);
    assert.equal((await page.locator('.act[aria-label^="Edit"]').count()) > 0, edits, name);
    assert.equal((await page.locator('.act.yes').count()) > 0, approves, name);
    await page.keyboard.press('a');
    await still(page);
    assert.equal(await page.locator('.toast').count(), 0, `${name} presses the key of approvals`);
    await page.goto(`${server.address}/#/admin`);
    assert.equal(await page.locator('a:has-text("Users")').count(), 0, name);
    assert.deepEqual(faults, [], name);
    await close();
  }
  say('a viewer looks, a planner edits');
}

/** By keyboard: two exceptions are snoozed and taken back, one is assigned and acknowledged; the audit trail has all of it. */
async function handlesExceptions(server) {
  const say = timed();
  const { page, faults, close } = await open(browser, server.address);
  await signIn(page, server, 'pia', '/exceptions');
  await page.waitForSelector('[data-exception]');
  const nOf = async (shown) => Number((await page.locator(`option[value=${shown}]`).textContent()).match(/\d+/)[0]);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const give = async (reason) => {
    await page.fill('dialog textarea', reason);
    await page.click('dialog button.primary');
    await page.waitForSelector('dialog', { state: 'detached' });
  };
  const nOpen = await nOf('open');
  await press('j', 'x', 'j', 'x', 's');
  await give('the supplier was asked');
  await until(async () => (await nOf('snoozed')) === 2 && (await nOf('open')) === nOpen - 2, 'two are snoozed');
  await press('u');
  await until(async () => (await nOf('snoozed')) === 0 && (await nOf('open')) === nOpen, 'the snoozes are taken back');
  await press('j', 'm');
  await give('knows the item');
  await until(async () => (await nOf('mine')) === 1, 'one is assigned');
  await press('j', 'a');
  await give('known and wanted');
  await until(async () => (await nOf('acknowledged')) === 1 && (await nOf('open')) === nOpen - 1, 'one is acknowledged');
  const { records } = await (await fetch(`${server.address}/v1/audit?limit=1000`, { headers: { authorization: `Bearer ${server.ask}` } })).json();
  const about = records.filter(({ action }) => action.startsWith('exception.')).map(({ action, actor }) => `${action} ${actor}`);
  assert.deepEqual(about, [...Array(4).fill('exception.snooze pia'), 'exception.assign pia', 'exception.ack pia']);
  assert.deepEqual(faults, []);
  await close();
  say('exceptions are snoozed, taken back, assigned and acknowledged');
}

/** A count and a sale that come in meanwhile change the page without a reload; a stale decision is refused and shown. */
async function seesWhatHappensElsewhere(server) {
  const say = timed();
  const [item_id, location_id] = ['water-6x1500ml', 'harbour'];
  const { page, faults, close } = await open(browser, server.address);
  await signIn(page, server, 'ada', `/orders?find=${item_id}&location=${location_id}`);
  await settled(page);
  await page.waitForSelector('.live:not(.off)');
  const quantity = () => page.locator('.entry.line [role=gridcell]:nth-child(3)').first().textContent();
  const old = await quantity();

  const base = { source: 'till', item_id, location_id };
  const counts = await server.post([
    { ...base, event_id: 'walk-1', type: 'count', occurred_at: '2026-03-23T06:00:00Z', on_hand: 4 },
    { ...base, event_id: 'walk-2', type: 'sale', occurred_at: '2026-03-23T09:00:00Z', quantity: 3 },
  ]);
  assert.equal(counts.accepted, 2, JSON.stringify(counts));
  await until(async () => (await quantity()) !== old, 'the sale changes the proposal on the page');
  const now = await quantity();
  await page.locator('.entry.line a').first().click();
  await page.click('[role=tab]:has-text("Data")');
  await page.waitForSelector('section :text("sale")');
  assert.deepEqual(faults, []);
  await close();

  // Somebody else rejects a line that this page still offers.
  const other = await open(browser, server.address);
  const mine = await open(browser, server.address);
  for (const { page: one } of [other, mine]) {
    await signIn(one, server, 'ada', '/orders?location=station');
    await settled(one);
  }
  await mine.page.route('**/v1/stream*', (route) => route.abort());
  await mine.page.route('**/v1/proposals/p_*', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    await other.page.keyboard.press('j');
    await other.page.keyboard.press('r');
    await other.page.click('dialog button:has-text("Not needed")');
    await other.page.click('dialog button.danger');
    await other.page.waitForSelector('dialog', { state: 'detached' });
    await route.continue();
  });
  await mine.page.keyboard.press('j');
  await mine.page.keyboard.press('a');
  await mine.page.waitForSelector('.toast.bad:has-text("rejected")');
  assert.ok(mine.faults.every((fault) => fault.includes('409')), mine.faults.join('\n'));
  await other.close();
  await mine.close();
  say(`${item_id} at ${location_id}: ${old} became ${now}; a decision that came too late is taken back`);
}

/** Sliders ask for a plan with other numbers, which stands beside the one that is; a link keeps them, and a key takes them back. */
async function asksWhatIf(server) {
  const say = timed();
  const { page, faults, close } = await open(browser, server.address);
  await signIn(page, server, 'ada', '/orders?find=toilet-paper-10&location=dc');
  await settled(page);
  const href = await page.locator('.entry.line a').first().getAttribute('href');
  await page.goto(`${server.address}/${href}`);
  const slider = page.locator('input[type=range]');
  await slider.first().waitFor();
  const rows = () => page.locator('.ask tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
  const planned = await rows();
  assert.ok(planned.every((row) => row.length === 2));
  await slider.first().focus();
  for (let press = 0; press < 4; press++) await page.keyboard.press('ArrowRight');
  await page.waitForSelector('.ask .differs');
  const asked = await rows();
  assert.ok(asked.every((row, idx) => row.length === 3 && row[1] === planned[idx][1]), 'the plan stays as it is');
  assert.notEqual(asked[0][2], asked[0][1], 'a longer lead time asks for another order');
  assert.match(page.url(), /what_if=lead_time/);

  await page.reload();
  await page.waitForSelector('.ask .differs');
  assert.deepEqual(await rows(), asked, 'a link keeps what is asked');
  const chart = page.locator('[role=slider].area');
  await chart.focus();
  await page.keyboard.press('Home');
  assert.match(await chart.getAttribute('aria-valuetext'), /With \d.*Without \d.*If so \d/);
  await page.click('button:has-text("As planned")');
  await page.waitForSelector('.ask .differs', { state: 'detached' });
  assert.deepEqual(faults, []);
  await close();
  say(`what if: ${planned[0][1]} becomes ${asked[0][2]} with four days more`);
}

/** By keyboard to the pages that look ahead; what their tables hold is in their files too. */
async function looksAhead(server) {
  const say = timed();
  const { page, faults, close } = await open(browser, server.address);
  await signIn(page, server, 'vera', '/today');
  await page.waitForSelector('.tiles');
  const file = async (within) => {
    const [saved] = await Promise.all([page.waitForEvent('download'), page.locator(within).locator('button:has-text("Export as CSV")').click()]);
    return readFileSync(await saved.path(), 'utf8').trim().split('\r\n');
  };
  const goTo = async (key) => {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    // What comes late moves what is to be clicked.
    await settled(page);
  };

  await goTo('f');
  await page.fill('.picker input', 'milk');
  await page.click('.picker a:has-text("milk-1l · station")');
  await page.waitForSelector('h2:text-is("Whole milk 1 l")');
  await page.locator('.area').focus();
  await page.keyboard.press('End');
  assert.match(await page.locator('.area').getAttribute('aria-valuetext'), /median .*mean .*futures/);
  const forecast = await file('section:has(h2:text-is("The forecast in numbers"))');
  assert.match(forecast[0], /^item_id,location_id,date,mean,q0.05,/);
  assert.equal(forecast.length, 1 + (await page.locator('[aria-label="The forecast in numbers"] tbody tr').count()));
  const sales = await file('section:has(h2:text-is("Sales and demand in numbers"))');
  assert.match(sales[0], /^date,item_id,location_id,quantity,/);

  await page.locator('h1').click();
  await goTo('p');
  await page.click('.choice button:has-text("Supplier")');
  await page.waitForSelector('th:has-text("Dairy and Meat United")');
  const kpis = await file('section:has(.choice[role=group])');
  assert.equal(kpis.length, 1 + (await page.locator('section:has(.choice[role=group]) tbody tr').count()));

  await goTo('s');
  await page.waitForSelector('h2:text-is("Segments")');
  const covered = page.locator('[aria-label="Segments"] td:last-child a');
  await covered.first().waitFor();
  const counts = await covered.evaluateAll((links) => links.map((link) => Number(link.textContent.replace(',', ''))));
  const acting = await page.locator('[aria-label="Policies that decide"] tbody td.bar').evaluateAll((cells) => cells.map((cell) => Number.parseInt(cell.textContent.replace(',', ''), 10)));
  const sum = (all) => all.reduce((total, n) => total + n, 0);
  assert.equal(sum(counts), sum(acting), 'each item-location is in one segment');
  await covered.last().click();
  await page.waitForSelector(`h2:has-text("Everything else") .soft:text-is("${counts.at(-1)}")`);

  await goTo('n');
  await page.waitForSelector('.graph .node');
  assert.equal(await page.locator('.graph .node').count(), 10);
  await page.click('.graph .node:has-text("Dairy and Meat United")');
  await page.waitForSelector('h2:text-is("What goes where: Dairy and Meat United")');
  assert.equal(await page.locator('[aria-label="What goes where"] tbody tr').count(), 1);

  // A page that nobody touches asks for nothing more.
  for (const place of ['why?item=umbrella&location=dc', 'forecast', 'network', 'what-if', 'what-if/simulation', 'performance', 'policies?segment=0', 'admin/jobs', 'orders']) {
    await page.evaluate((hash) => (location.hash = hash), `#/${place}`);
    await settled(page);
    const asked = [];
    const note = (request) => asked.push(request.url());
    page.on('request', note);
    await page.waitForTimeout(1_000);
    page.off('request', note);
    assert.deepEqual(asked.filter((url) => url.includes('/v1/') && !url.endsWith('/v1/plans')), [], place);
  }
  assert.deepEqual(faults, []);
  await close();
  say(`forecast, performance, policies with ${counts.join(' + ')} item-locations, and the network`);
}

/** Five hundred proposals are decided with at most 60 presses of a key or a button: routine at once, the rest by what stands out. */
async function reviewsByException() {
  const say = timed();
  const [N, MAX] = [500, 60];
  const folder = await chain(binary, 640);
  const big = await serve(binary, folder);
  const { page, faults, close } = await open(browser, big.address, { width: 1600, height: 900 });
  try {
    await signIn(page, big, 'ada', '/today');
    await page.waitForSelector('.tiles');
    let n = 0;
    const press = (key) => (n++, page.keyboard.press(key));
    const click = (selector) => (n++, page.click(selector));
    const type = async (text) => {
      for (const key of text) await press(key);
    };
    const count = async () => Number((await page.locator('.views [aria-current] .n').textContent()).replace(',', ''));
    const cursor = (part) => page.locator(`.entry.cursor ${part}`);
    const isDecided = (before, nDecided) => until(async () => (await count()) === before - nDecided, `${nDecided} lines are decided`);

    await click('.tiles a[href="#/orders?group=look"]');
    await page.waitForSelector('.entry.group:has-text("Routine")');
    const nAll = await count();
    assert.ok(nAll >= N, `${nAll} proposals, expected at least ${N}`);

    const groupAtCursor = async () => {
      await page.waitForSelector('.entry.cursor.group');
      return { name: await cursor('.title').textContent(), lines: Number((await cursor('.count').textContent()).match(/\d+/)[0]) };
    };
    const routine = await groupAtCursor();
    assert.match(routine.name, /^Routine/);
    await press('a');
    await isDecided(nAll, routine.lines);

    // The first lines of the kind with the most at risk one by one: one is changed, one is not wanted, one is right.
    let left = nAll - routine.lines;
    const first = await groupAtCursor();
    assert.ok(first.lines > 3, `${first.name}: ${first.lines} lines`);
    await press('n');
    await press('e');
    await type('2');
    await click('dialog button:has-text("No space for more")');
    await click('dialog button.primary');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.waitForSelector('.entry.cursor .chip:has-text("edited")');
    await press('a');
    await isDecided(left, 1);
    await press('r');
    await click('dialog button:has-text("Not needed")');
    await click('dialog button.danger');
    await page.waitForSelector('dialog', { state: 'detached' });
    await isDecided(left, 2);
    await press('a');
    await isDecided(left, 3);
    left -= 3;

    // What stands out is said on each line and beside it; then each kind is decided as a whole.
    const kinds = [];
    await press('Home');
    while (left > 0) {
      const { name, lines } = await groupAtCursor();
      kinds.push(`${name} ${lines}`);
      await press('a');
      await isDecided(left, lines);
      left -= lines;
    }
    await page.waitForSelector(':text("Everything is decided")');
    assert.ok(n <= MAX, `${n} presses`);
    assert.deepEqual(faults, []);
    say(`${nAll} proposals decided with ${n} presses: ${routine.lines} routine at once, 3 lines alone, then ${kinds.join(', ')}`);
  } finally {
    await close();
    big.stop();
    rmSync(dirname(folder), { recursive: true, force: true });
  }
}

/** A hundred thousand lines, as another server would send them: few are on the page, and the last can be reached. */
async function holdsManyLines(server) {
  const say = timed();
  const N = 100_000;
  const { page, faults, close } = await open(browser, server.address, { width: 1600, height: 900 });
  await signIn(page, server, 'ada', '/admin/runs');
  const [model] = (await page.evaluate(() => fetch('/v1/proposals?state=open&limit=1').then((answer) => answer.json()))).proposals;
  const row = (idx) => ({
    ...model,
    proposal_id: `p_${String(idx).padStart(6, '0')}`,
    item_id: `item-${idx}`,
    supplier_id: `supplier-${idx % 250}`,
    from_location: null,
    priority: String(N - idx),
  });
  await page.route(/\/v1\/proposals\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    const from = Number(query.get('cursor') ?? 0);
    const to = from + Number(query.get('limit'));
    const proposals = Array.from({ length: to - from }, (_, at) => row(from + at));
    return route.fulfill({ json: { proposals, next_cursor: to < N ? String(to) : null, last_number: 1_000_000_000 } });
  });
  const refusal = { type: 'urn:restock:problem:no-planner', title: '', status: 409, detail: 'this server does not plan' };
  await page.route('**/explanation', (route) => route.fulfill({ status: 409, json: refusal }));
  await page.goto(`${server.address}/#/orders?group=no`);
  await page.reload();
  await page.waitForSelector('.views .n:text-is("100,000")', { timeout: 120_000 });
  const rows = () => page.locator('.entry').count();
  assert.ok((await rows()) < 100, `${await rows()} lines are on the page`);
  await page.keyboard.press('End');
  await page.waitForSelector(`.entry.cursor a:text-is("item-${N - 1}")`);
  assert.ok((await rows()) < 100, `${await rows()} lines are on the page`);
  await page.keyboard.press('Home');
  await page.waitForSelector('.entry.cursor a:text-is("item-0")');
  const { frames, nMade } = await page.evaluate(async () => {
    const list = document.querySelector('[role=grid]');
    const known = new Set(list.querySelectorAll('.entry'));
    const times = [];
    let last = performance.now();
    for (let step = 0; step < 120; step++) {
      list.scrollTop = step * 2_000;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    const nMade = [...list.querySelectorAll('.entry')].filter((entry) => !known.has(entry)).length;
    return { frames: times.sort((a, b) => a - b), nMade };
  });
  // At the top of the list there are fewer lines than in its middle.
  assert.ok(nMade < 20, `${nMade} lines were made while scrolling, instead of being used again`);
  await page.fill('input[type=search]', 'item-99999');
  await page.waitForSelector('.entry.line a:text-is("item-99999")');
  assert.ok(faults.every((fault) => fault.includes('409')), faults.slice(0, 3).join('\n'));
  await close();
  say(`100,000 lines: median frame ${frames[60].toFixed(0)} ms, slowest ${frames[119].toFixed(0)} ms while scrolling`);
}

/** Two hundred places and fifty suppliers, each supplying all: few elements stand for many ways, and pointing at one is quick. */
async function holdsALargeNetwork(server) {
  const say = timed();
  const [N_SUPPLIERS, N_PLACES] = [50, 200];
  const { page, faults, close } = await open(browser, server.address);
  await signIn(page, server, 'pia', '/today');
  await page.waitForSelector('.tiles');
  const standing = { plan_id: 'pl_1', as_of: '2026-03-23', currency: 'EUR' };
  const each = (n, of) => Array.from({ length: n }, (_, idx) => of(idx));
  const [kpis] = (await page.evaluate(() => fetch('/v1/kpis').then((answer) => answer.json()))).kpis;
  const kpi = (key) => (idx) => ({ ...kpis, key: `${key}-${idx}`, lost_margin: [String(1000 - idx), '5'] });
  const answers = {
    suppliers: { suppliers: each(N_SUPPLIERS, (idx) => ({ supplier_id: `supplier-${idx}`, name: `Supplier ${idx}` })), next_cursor: null },
    locations: { locations: each(N_PLACES, (idx) => ({ location_id: `place-${idx}`, name: `Place ${idx}`, kind: 'store', parent_id: null, attributes: {} })), next_cursor: null },
    'kpis?by=supplier': { kpis: each(N_SUPPLIERS, kpi('supplier')), ...standing },
    'kpis?by=location': { kpis: each(N_PLACES, kpi('place')), ...standing },
    'order-groups': {
      order_groups: each(N_SUPPLIERS * N_PLACES, (idx) => ({
        supplier_id: `supplier-${idx % N_SUPPLIERS}`,
        from_location: null,
        destination: `place-${Math.floor(idx / N_SUPPLIERS)}`,
        n_lines: 2,
        value: String(1 + ((idx * 37) % 500)),
        order_by: '2026-03-23',
        minimum_met: true,
      })),
      ...standing,
    },
    'item-locations': { lines: [], n_found: 100_000, next_cursor: null, ...standing },
  };
  for (const [path, json] of Object.entries(answers)) {
    await page.route((url) => `${url.pathname}${url.search}`.startsWith(`/v1/${path}`), (route) => route.fulfill({ json }));
  }
  const nodes = page.locator('.graph .node');
  await page.evaluate(() => (location.hash = '#/network'));
  await nodes.first().waitFor();
  assert.ok((await nodes.count()) <= 50, 'long columns are folded');
  await page.click('.graph .more >> nth=-1');
  await page.waitForFunction((n) => document.querySelectorAll('.graph .node').length === n, N_SUPPLIERS + N_PLACES);
  assert.ok((await page.locator('.graph path').count()) <= 10, 'ways are few long paths');
  const times = await page.evaluate(async () => {
    const all = [...document.querySelectorAll('.graph .node')];
    const times = [];
    for (let idx = 0; idx < 41; idx++) {
      const began = performance.now();
      all[(idx * 13) % all.length].dispatchEvent(new PointerEvent('pointerenter'));
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b);
  });
  assert.deepEqual(faults, []);
  assert.deepEqual(await accessibility(page), []);
  await close();
  say(`${N_PLACES} places and ${N_SUPPLIERS} suppliers: ${times[20].toFixed(0)} ms from pointing to seeing, at most ${times[40].toFixed(0)} ms`);
}
