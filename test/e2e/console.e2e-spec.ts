/** The console in a real browser over a real cluster, opened by the URL that `npm start` prints. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacks } from '../support/capability.js';
import { eventually } from '../support/local-cluster.js';

const EXECUTABLE = process.env['TRIPTYCH_CHROMIUM'] ?? '/usr/bin/chromium';
const NO_BROWSER = existsSync(EXECUTABLE) ? null : `there is no ${EXECUTABLE}: install chromium, or name one in TRIPTYCH_CHROMIUM`;
const START_TIMEOUT_MS = 240_000;
/** Of a page over a busy machine. */
const SHOWN_WITHIN_MS = 30_000;

describe.skipIf(lacks('chromium', NO_BROWSER))('the console', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-console-'));
  let cluster: ChildProcess;
  let said = '';
  let url = '';
  let browser: Browser;
  let page: Page;
  let load: NodeJS.Timeout | undefined;
  /** What the browser complained about. */
  const complaints: string[] = [];

  beforeAll(async () => {
    const program = path.resolve('dist/apps/cluster/main.js');
    cluster = spawn(process.execPath, [program, '--port', '0', '--data', path.join(directory, 'data'), '--faults'], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [cluster.stdout!, cluster.stderr!]) stream.on('data', (chunk: Buffer) => (said += String(chunk)));
    await eventually(() => /^ready$/m.test(said) || cluster.exitCode !== null, START_TIMEOUT_MS, 'the cluster is ready');
    url = /^Console +(\S+)$/m.exec(said)?.[1] ?? '';
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
    page.setDefaultTimeout(SHOWN_WITHIN_MS);
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => void complaints.push(error.message));
    // A stream that the page itself leaves is no fault.
    page.on('requestfailed', (request) => void (request.failure()?.errorText !== 'net::ERR_ABORTED' && complaints.push(`${request.url()}: ${request.failure()?.errorText}`)));
  }, START_TIMEOUT_MS + 60_000);
  afterAll(async () => {
    clearInterval(load);
    await browser?.close();
    if (cluster?.exitCode === null) {
      cluster.kill('SIGTERM');
      await once(cluster, 'exit');
    }
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  const standing = (zone: string) => page.locator(`[data-zone=${zone}]`);
  const shows = (zone: string, word: string) => standing(zone).filter({ hasText: word }).waitFor();
  const replicas = () => page.getByRole('table', { name: /^Favorites of/ });

  it('opens by the URL that is printed, and keeps its token out of the address', async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/);
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
    expect(page.url()).toBe(new URL('/', url).href);
    // A reload goes on without the URL.
    await page.reload();
    await page.getByText('live', { exact: true }).waitFor();
    // Who has no token sees nothing of the cluster.
    const stranger = await browser.newPage();
    await stranger.goto(new URL('/', url).href);
    await stranger.getByText('Open the URL that npm start prints').waitFor();
    expect(await stranger.getByRole('heading').allTextContents()).toEqual(['Triptych']);
    await stranger.close();
  });

  it('shows three zones and six nodes, by names that a screen reader says', async () => {
    await page.getByRole('img', { name: 'Ring of 6 nodes in 3 zones: zone-a up, zone-b up, zone-c up' }).waitFor();
    expect(await page.getByRole('heading', { level: 3 }).allTextContents()).toEqual(['zone-a', 'zone-b', 'zone-c']);
    const nodes = page.getByRole('region', { name: 'Store nodes' }).getByRole('rowheader');
    expect(await nodes.allTextContents()).toEqual(['a1 zone-a', 'a2 zone-a', 'b1 zone-b', 'b2 zone-b', 'c1 zone-c', 'c2 zone-c']);
    const tree = await page.getByRole('main').ariaSnapshot();
    for (const name of ['heading "Triptych" [level=1]', 'status', 'button "Kill zone-a"', 'button "Pause zone-b"', 'button "Slow zone-c"', 'button "Cut zone-a"', 'button "Heal zone-b"', 'textbox "User"', 'combobox "Film"', 'combobox "Through"', 'button "Add"']) {
      expect(tree).toContain(name);
    }
  });

  it('shows what each zone serves, live', async () => {
    const gateways = /^Gateways +(.+)$/m.exec(said)![1]!.split(/ +/);
    let turn = 0;
    // Devices that add and read, enough to be seen in every second of every zone.
    load = setInterval(() => {
      const [gateway, method] = [gateways[turn % gateways.length]!, turn % 7 === 0 ? 'PUT' : 'GET'];
      const film = method === 'PUT' ? '/heat-1995' : '';
      fetch(`${gateway}/v1/users/device-${turn++ % 40}/favorites${film}`, { method, signal: AbortSignal.timeout(5_000) }).catch(() => {});
    }, 60);
    for (const zone of ['zone-a', 'zone-b', 'zone-c']) {
      const figures = page.getByRole('region', { name: zone }).getByRole('definition');
      await figures.nth(0).filter({ hasText: /^[1-9]/ }).waitFor();
      await figures.nth(3).filter({ hasText: /^[\d.]+ m?s$/ }).waitFor();
      expect(await figures.count()).toBe(4);
    }
  });

  it('adds a film through one zone and shows it arrive in all three replicas', async () => {
    await page.getByRole('textbox', { name: 'User' }).fill('console-tester');
    await page.getByRole('button', { name: 'Watch' }).click();
    await page.getByText('Favorites of console-tester.').waitFor();
    await page.getByRole('combobox', { name: 'Film' }).fill('fargo-1996');
    await page.getByRole('combobox', { name: 'Through' }).selectOption('zone-a');
    await page.getByRole('button', { name: 'Add' }).click();
    const line = replicas().getByRole('row', { name: /^fargo-1996/ });
    await line.waitFor();
    await page.getByText('3 replicas hold this, all alike.').waitFor();
    const cells = await line.getByRole('cell').allTextContents();
    expect(cells).toHaveLength(3);
    expect(new Set(cells.map((cell) => /^[0-9a-f]{4}:1 /.exec(cell)?.[0])).size).toBe(1);
    await page.getByRole('status').filter({ hasText: /^Adding fargo-1996 through zone-a took .*: quorum, [23]\/3 replicas in zone-/ }).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'add fargo-1996 for console-tester through zone-a: 200' }).waitFor();
  });

  it('kills a zone by keyboard alone, shows it dead while the others serve, and heals it', async () => {
    await page.getByRole('heading', { name: 'Triptych' }).click();
    const focused = () => page.evaluate(() => (globalThis as any).document.activeElement?.getAttribute('aria-label') as string | null);
    for (let presses = 0; (await focused()) !== 'Kill zone-b'; presses++) {
      expect(presses).toBeLessThan(40);
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await shows('zone-b', 'dead');
    await page.getByRole('img', { name: 'Ring of 6 nodes in 3 zones: zone-a up, zone-b dead, zone-c up' }).waitFor();
    // The focus is where it was.
    expect(await focused()).toBe('Kill zone-b');

    await page.getByRole('combobox', { name: 'Film' }).fill('brazil-1985');
    await page.getByRole('combobox', { name: 'Through' }).selectOption('zone-c');
    await page.getByRole('button', { name: 'Add' }).click();
    await replicas().getByRole('row', { name: /^brazil-1985/ }).filter({ hasText: 'no answer' }).waitFor();
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture('dark');
    await page.emulateMedia({ colorScheme: 'light' });

    await page.getByRole('button', { name: 'Heal zone-b' }).press('Enter');
    await standing('zone-b').filter({ hasText: 'up' }).filter({ hasNotText: 'partly' }).waitFor({ timeout: 120_000 });
    // What it missed reaches it by a hint.
    await replicas().getByRole('row', { name: /^brazil-1985/ }).filter({ hasNotText: 'no answer' }).waitFor({ timeout: 120_000 });
    await page.getByText('3 replicas hold this, all alike.').waitFor({ timeout: 120_000 });
  });

  it('cuts a zone off and mends it', async () => {
    await page.getByRole('button', { name: 'Cut zone-c' }).click();
    await shows('zone-c', 'cut off');
    expect(await page.getByRole('img', { name: /^Ring/ }).getAttribute('aria-label')).toContain('zone-c cut off');
    await page.getByRole('button', { name: 'Heal zone-c' }).click();
    await standing('zone-c').filter({ hasText: 'up' }).waitFor();
  });

  it('fits a phone of 375 pixels, and a picture of it is kept', async () => {
    await picture('light');
    await page.setViewportSize({ width: 375, height: 812 });
    const widths = await page.evaluate(() => {
      const { documentElement, body } = (globalThis as any).document;
      return [documentElement.scrollWidth, body.scrollWidth] as number[];
    });
    expect(Math.max(...widths)).toBeLessThanOrEqual(375);
    for (const button of await page.getByRole('button').all()) {
      const box = await button.boundingBox();
      expect(box!.x + box!.width).toBeLessThanOrEqual(375);
      expect(box!.height).toBeGreaterThanOrEqual(40);
    }
    await picture('phone');
  });

  it('had nothing to complain about, and does not outlive its stream', async () => {
    expect(complaints).toEqual([]);
    // The cluster goes; the page says so instead of showing what was.
    cluster.kill('SIGTERM');
    await once(cluster, 'exit');
    await page.getByText('connection lost, trying again …').waitFor();
  });

  /** Kept where TRIPTYCH_PICTURES says: docs/images, when they are to be made anew. */
  async function picture(name: string): Promise<void> {
    const folder = process.env['TRIPTYCH_PICTURES'] ?? directory;
    const bytes = await page.screenshot({ path: path.join(folder, `console-${name}.png`) });
    expect(bytes.length).toBeLessThan(200_000);
  }
});
