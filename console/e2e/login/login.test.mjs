// Login and administration in a real browser, against the real program and a small OpenID provider:
// tests/browser/test_login.py starts both. Users there: li (auditor, with an authenticator), wang
// (developer); the provider logs in zhao (auditor). XC_E2E_SHOTS: a folder for pictures.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check } from '../axe.mjs';
import * as ui from '../browser.mjs';

const kPassword = 'correct horse battery';
const kProvider = process.env.XC_E2E_OIDC;

let browser;
before(async () => {
  browser = await ui.launch();
});
after(() => browser.close());

const withContext = (options, body) => ui.withContext(browser, options, body);

async function openLogin(context) {
  const page = await context.newPage();
  await page.goto(`${ui.kUrl}/#/login`);
  await page.locator('[data-action="login"]').waitFor();
  return page;
}

async function picture(page, name) {
  if (process.env.XC_E2E_SHOTS) {
    await page.screenshot({ path: join(process.env.XC_E2E_SHOTS, `${name}.png`) });
  }
}

// RFC 6238. Each code works once, so a second login takes the next one, which is good already.
function code(steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...process.env.XC_E2E_SECRET].map((c) =>
    alphabet.indexOf(c).toString(2).padStart(5, '0'),
  );
  const key = Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)
      .map((byte) => parseInt(byte, 2)),
  );
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function fill(page, name, password, oneTimeCode = '') {
  await page.locator('input[name="username"]').fill(name);
  await page.locator('input[name="password"]').fill(password);
  await page.locator('input[autocomplete="one-time-code"]').fill(oneTimeCode);
  await page.keyboard.press('Enter');
}

const pages = (page) => page.locator('.admin-nav a').allInnerTexts();

test('a password and a code open administration; the scripts never see the token', async () => {
  await withContext({}, async (context) => {
    const page = await openLogin(context);
    await fill(page, 'li', 'wrong horse battery');
    await page.getByRole('alert').getByText('Login failed').waitFor();
    await fill(page, 'li', kPassword);
    await page.getByRole('alert').getByText('authenticator').waitFor();
    await fill(page, 'li', kPassword, code());
    await page.locator('.who').getByText('li · Auditor').waitFor();
    assert.equal(page.url(), `${ui.kUrl}/#/admin/account`);
    assert.deepEqual(await pages(page), ['My account', 'Tenants', 'Users', 'Keys', 'Alarms']);
    const [cookie] = await context.cookies();
    assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict' && cookie.name === 'xingcha_session');
    const seen = await page.evaluate(() => document.cookie + JSON.stringify(localStorage));
    assert.ok(!seen.includes('xcs-'), seen);

    await page.getByRole('link', { name: 'Keys' }).click();
    await page.locator('.admin-table').getByText('first').waitFor();
    await picture(page, 'admin-keys-en');
    await page.reload();
    await page.locator('.admin-table').getByText('first').waitFor();
    await page.getByRole('link', { name: 'Back to chat' }).click();
    assert.equal(await page.locator('[data-action="account"]').innerText(), 'li · Auditor');
    await page.locator('[data-action="account"]').evaluate((link) => link.click());
    await page.locator('[data-action="logout"]').click();
    await page.getByText('You are logged out.').waitFor();
    assert.deepEqual(await context.cookies(), []);
  });
});

test('what a role may not use is not there', async () => {
  await withContext({ language: 'zh' }, async (context, problems) => {
    const page = await openLogin(context);
    await fill(page, 'wang', kPassword);
    await page.locator('.who').getByText('wang · 开发者').waitFor();
    assert.deepEqual(await pages(page), ['我的账户', '租户', '密钥']);
    await page.goto(`${ui.kUrl}/#/admin/users`);
    await page.getByText('你的角色不能使用这个页面。').waitFor();
    assert.deepEqual(problems, []);
  });
});

test('single sign-on comes back to the page that was asked for', async () => {
  await withContext({}, async (context) => {
    const page = await context.newPage();
    await page.goto(`${ui.kUrl}/#/admin/users`);
    await page.locator('[data-action="oidc"]').getByText('Log in with Acme').waitFor();
    await picture(page, 'login-en');
    await page.locator('[data-action="oidc"]').click();
    await page.locator('.who').getByText('zhao · Auditor').waitFor();
    assert.equal(page.url(), `${ui.kUrl}/#/admin/users`);
    await page.locator('.admin-table').getByText('zhao').waitFor();
    await picture(page, 'admin-users-en');

    // Another site: the cookie does not help it.
    const evil = await context.newPage();
    await evil.goto(`${kProvider}/nothing`);
    const results = await evil.evaluate(async (url) => {
      const tries = [
        { method: 'POST', mode: 'no-cors', credentials: 'include' },
        { method: 'POST', credentials: 'include', headers: { 'X-Xingcha-Console': '1' } },
      ];
      const said = [];
      for (const options of tries) {
        said.push(
          await fetch(`${url}/admin/logout`, options).then(
            (r) => r.type,
            () => 'failed',
          ),
        );
      }
      return said;
    }, ui.kUrl);
    assert.deepEqual(results, ['opaque', 'failed']);
    await page.reload();
    await page.locator('.who').getByText('zhao · Auditor').waitFor();

    // Ended elsewhere, while the page is open.
    const headers = { Authorization: `Bearer ${ui.kKey}` };
    const { users } = await (await fetch(`${ui.kUrl}/admin/users`, { headers })).json();
    const { id } = users.find((user) => user.name === 'zhao');
    await fetch(`${ui.kUrl}/admin/users/${id}/disable`, { method: 'POST', headers, body: '{}' });
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByText('The session has ended').waitFor();
    await page.locator('[data-action="oidc"]').click();
    await page.getByText('Your user is disabled').waitFor();
    await picture(page, 'refused-en');
    await page.getByRole('link', { name: 'Back to the login page' }).click();
    await page.locator('[data-action="login"]').waitFor();
  });
});

for (const language of ['zh', 'en']) {
  for (const colorScheme of ['light', 'dark']) {
    test(`axe: login and administration, ${language}, ${colorScheme}`, async () => {
      await withContext({ language, colorScheme }, async (context) => {
        const page = await openLogin(context);
        await check(page, 'login');
        await picture(page, `login-${language}-${colorScheme}`);
        await fill(page, '', '');
        await page.getByRole('alert').waitFor();
        await check(page, 'login with a problem');
        await fill(page, 'wang', kPassword);
        await page.locator('.who').waitFor();
        await check(page, 'account');
        await page.goto(`${ui.kUrl}/#/admin/keys`);
        await page.locator('.admin-table').waitFor();
        await check(page, 'keys');
        await picture(page, `admin-${language}-${colorScheme}`);
      });
    });
  }
}

test('a narrow screen has room for it', async () => {
  await withContext({ viewport: { width: 390, height: 800 } }, async (context) => {
    const page = await openLogin(context);
    await picture(page, 'login-narrow');
    await fill(page, 'wang', kPassword);
    await page.locator('.who').waitFor();
    await page.goto(`${ui.kUrl}/#/admin/keys`);
    await page.locator('.admin-table').waitFor();
    await picture(page, 'admin-narrow');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${wide}`);
  });
});
