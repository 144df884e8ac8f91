// A page in the distribution's Chromium that tells of everything it should not do.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const fromApp = createRequire(new URL('../app/package.json', import.meta.url));
const { chromium } = fromApp('playwright-core');
const AXE = fromApp.resolve('axe-core');

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
  const source = readFileSync(AXE, 'utf8');
  // Evaluated through the debugger, which the policy of the page does not bind.
  await page.evaluate(source);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations'] }),
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
    return canvas.toDataURL('image/webp', 0.82).split(',')[1];
  }, png);
  return Buffer.from(webp, 'base64');
}
