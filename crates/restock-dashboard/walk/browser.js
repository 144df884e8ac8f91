// A page in the distribution's Chromium that tells of everything it should not do.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const fromApp = createRequire(new URL('../app/package.json', import.meta.url));
const { chromium } = fromApp('playwright-core');
const axe = readFileSync(fromApp.resolve('axe-core'), 'utf8');

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS });
}

/** What each page asks for: requests without an answer yet, and how many there were. */
const traffic = new WeakMap();

/** A new page; `faults` are errors of the console and of the page, and requests to other hosts. */
export async function open(browser, address, { width = 1280, height = 800, theme = 'light', locale = 'en-GB' } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale,
    timezoneId: 'Europe/Berlin',
    hasTouch: width < 600,
    reducedMotion: 'reduce',
  });
  if (process.env.RESTOCK_ASSETS) await context.route(`${address}/**`, fromFolder(process.env.RESTOCK_ASSETS));
  const page = await context.newPage();
  const faults = [];
  const asked = { open: new Set(), n: 0 };
  traffic.set(page, asked);
  page.on('request', (request) => {
    asked.n++;
    // A stream has no end.
    if (request.resourceType() !== 'eventsource') asked.open.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => asked.open.delete(request));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['blob:', 'data:'].includes(url.protocol) && url.origin !== address) faults.push(`request to ${url.origin}`);
  });
  return { page, faults, close: () => context.close() };
}

/** Waits until a page has drawn all that it asked for: twice in a row it does nothing new, and nothing on it says that more comes. */
export async function still(page) {
  const asked = traffic.get(page);
  const began = Date.now();
  for (let nCalm = 0; nCalm < 2; ) {
    const before = asked.n;
    const isWaiting = await page.evaluate(async () => {
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 40)));
      return document.querySelector('.wait') !== null;
    });
    nCalm = !isWaiting && asked.open.size === 0 && asked.n === before ? nCalm + 1 : 0;
    if (Date.now() - began > 60_000) throw new Error(`${page.url()} asks for a minute: ${[...asked.open].map((request) => request.url()).join(' ')}`);
  }
}

/** Files of the dashboard from a folder, so that a change can be walked through before it is in the program. */
function fromFolder(folder) {
  return (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname !== '/' && !pathname.startsWith('/assets/')) return route.fallback();
    return route.fulfill({ path: `${folder}${pathname === '/' ? '/index.html' : pathname}` });
  };
}

/** Serious findings of axe on the page as it stands. */
export async function accessibility(page) {
  // Evaluated through the debugger, which the policy of the page does not bind.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations'], reporter: 'no-passes' }),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help} (${nodes.slice(0, 3).map(({ target }) => target.join(' ')).join('; ')})`);
}

/** A picture of the page as WebP, which is a fifth of a PNG. */
export async function picture(page, converter) {
  const png = (await page.screenshot()).toString('base64');
  const webp = await converter.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.76).split(',')[1];
  }, png);
  return Buffer.from(webp, 'base64');
}
