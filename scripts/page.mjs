/**
 * Opens a report in Chromium as a reader does: `node scripts/page.mjs <report.html>`. Holds that the page draws itself without an error, asks
 * for nothing from anywhere, and shows text. CHROMIUM names another browser.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, say } from './runtime.mjs';

const path = resolve(process.argv[2] ?? 'anomalyst-out/report.html');
if (!existsSync(path)) fail(2, `page: there is no ${path}. Run \`npm run demo\` first.`);

const profile = mkdtempSync(join(tmpdir(), 'anomalyst-page-'));
const picture = join(profile, 'page.png');
const chromium = (...args) =>
  spawnSync(
    process.env.CHROMIUM ?? 'chromium',
    // Without the sandbox, because root (a container) has none. The resolver rule makes any request to the outside fail, loudly.
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      `--user-data-dir=${profile}`,
      '--host-resolver-rules=MAP * ~NOTFOUND',
      ...args,
      pathToFileURL(path).href,
    ],
    { encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 28 },
  );

const dom = chromium('--virtual-time-budget=3000', '--enable-logging=stderr', '--dump-dom');
const shot = chromium('--window-size=1280,2000', `--screenshot=${picture}`);
const pictureBytes = existsSync(picture) ? statSync(picture).size : 0;
rmSync(profile, { recursive: true, force: true });

if (dom.error) fail(2, `page: ${dom.error.message}. Install chromium or name a browser in CHROMIUM.`);
if (dom.status !== 0 || shot.status !== 0) fail(1, `page: Chromium failed:\n${dom.stderr}${shot.stderr}`);
const complaints = dom.stderr.split('\n').filter((line) => /CONSOLE|Uncaught|ERR_/.test(line));
if (complaints.length > 0) fail(1, 'page: the page complains in the console:', ...complaints);
// Links may lead outside, since a reader clicks them; what the page itself loads may not.
const loads =
  dom.stdout.match(/(?:<link\b[^>]*\bhref=|\bsrc(?:set)?=|\baction=|url\()\s*["']?\s*(?:https?:)?\/\/[^"'\s>)]*/gi) ??
  [];
if (loads.length > 0) fail(1, 'page: the page would load from outside:', ...loads);
const words = dom.stdout
  .replace(/<(script|style|svg)\b[\s\S]*?<\/\1>/gi, ' ')
  .replace(/<[^>]*>/g, ' ')
  .split(/\s+/)
  .filter((word) => /\w/.test(word)).length;
if (words < 50) fail(1, `page: the page shows ${words} words`);
if (pictureBytes < 10_000) fail(1, `page: the page looks empty (its picture has ${pictureBytes} bytes)`);
say(`${path}: ${words} words, no complaint, nothing asked from outside`);
