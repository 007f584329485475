// Everything with the keyboard alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as ui from './browser.mjs';

let browser;
before(async () => {
  browser = await ui.launch();
});
after(() => browser.close());

const focusedName = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? '';
  });

// Presses Tab until the focused element has this name.
async function tabTo(page, name, key = 'Tab') {
  for (let i = 0; i < 60; ++i) {
    await page.keyboard.press(key);
    if ((await focusedName(page)).startsWith(name)) return;
  }
  assert.fail(`Tab does not reach “${name}”`);
}

test('from the key to an answer, settings and back', async () => {
  const { context, problems } = await ui.openContext(browser);
  try {
    const page = await ui.openChat(context, { key: '' });
    await page.getByRole('textbox', { name: 'API key' }).and(page.locator(':focus')).waitFor();
    await page.keyboard.type(ui.kKey);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.locator('.model-select .model-name').waitFor();

    // Writing: the input has the focus; Shift+Enter is a line, Enter sends.
    await page.locator('#composer:focus').waitFor();
    await page.keyboard.type('Say');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('hello.');
    assert.equal(await ui.input(page).inputValue(), 'Say\nhello.');
    await page.keyboard.press('Enter');
    assert.equal(await ui.settledStatus(page), 'done');
    await page.locator('#composer:focus').waitFor();

    // Settings open, take the focus, keep what is typed, close with Escape and give it back.
    await tabTo(page, 'Chat settings', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, '', 'Tab');
    const prompt = page.getByRole('textbox', { name: 'System prompt' });
    for (let i = 0; i < 10 && !(await prompt.evaluate((e) => e === document.activeElement)); ++i) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type('Answer briefly.');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.locator('[aria-label="Chat settings"]:focus').waitFor();

    // The model list opens, moves and closes.
    await tabTo(page, 'Model', 'Shift+Tab');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('listbox').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('listbox').waitFor({ state: 'hidden' });

    // The next question carries the system prompt.
    await tabTo(page, 'Message');
    await page.keyboard.type('Hello');
    const request = page.waitForRequest('**/v1/chat/completions');
    await page.keyboard.press('Enter');
    const body = (await request).postDataJSON();
    assert.deepEqual(body.messages[0], { role: 'system', content: 'Answer briefly.' });
    assert.equal(await ui.settledStatus(page), 'done');
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
});

test('Tab reaches every control, and the skip link comes first', async () => {
  const { context } = await ui.openContext(browser);
  try {
    const page = await ui.openChat(context);
    await ui.routeAnswer(
      page,
      ui.delta({ reasoning_content: 'hm' }),
      ui.delta({ content: '```js\nlet x = 1;\n```\n\n[link](https://example.com/)' }),
      '[DONE]',
    );
    await ui.ask(page, 'Hello');
    assert.equal(await ui.settledStatus(page), 'done');
    await page.evaluate(() => {
      for (const element of document.querySelectorAll('button, a[href], input, textarea, pre')) {
        const box = element.getBoundingClientRect();
        const hidden = element.closest('[aria-hidden="true"]') !== null;
        if (box.height > 0 && !element.disabled && !hidden) element.dataset.mustReach = '';
      }
    });
    // Back over the start of the page, then forward through all of it.
    await page.locator('.skip-link').focus();
    await page.keyboard.press('Shift+Tab');
    const reached = [];
    for (let i = 0; i < 60; ++i) {
      await page.keyboard.press('Tab');
      reached.push(await focusedName(page));
      await page.evaluate(() => delete document.activeElement?.dataset.mustReach);
    }
    assert.equal(reached[0], 'Skip to the input');
    const left = await page
      .locator('[data-must-reach]')
      .evaluateAll((all) => all.map((element) => element.outerHTML.slice(0, 120)));
    assert.deepEqual(left, []);
  } finally {
    await context.close();
  }
});

test('a conversation is renamed and removed without a mouse', async () => {
  const { context, problems } = await ui.openContext(browser);
  try {
    const page = await ui.openChat(context);
    await ui.routeAnswer(page, ui.delta({ content: 'Hi.' }), '[DONE]');
    await ui.ask(page, 'First');
    assert.equal(await ui.settledStatus(page), 'done');
    await tabTo(page, 'Rename', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Conversation name' }).waitFor();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Second');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Second', exact: true }).waitFor();

    await tabTo(page, 'Delete');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, 'Delete');
    await page.keyboard.press('Enter');
    await page.locator('.suggestions').waitFor();
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
});
