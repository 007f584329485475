// A conversation with the real model: streamed, stopped, asked again, kept.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as ui from './browser.mjs';

let browser;
before(async () => {
  browser = await ui.launch();
});
after(() => browser.close());

// Runs `body` on a fresh page and checks that the page did nothing it must not do.
async function onChat(body, options = {}) {
  const { context, problems } = await ui.openContext(browser, options);
  try {
    const page = await ui.openChat(context, options);
    await body(page, context);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

test('the page comes with a strict policy and loads nothing from elsewhere', async () => {
  await onChat(async (page) => {
    const response = await page.reload();
    const policy = response.headers()['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.match(policy, /frame-ancestors 'none'/);
    await page.locator('.suggestions').waitFor();
    assert.equal(await page.locator('script:not([src])').count(), 0);
  });
});

test('a question is answered, as a stream, with its numbers', async () => {
  await onChat(async (page) => {
    const drawn = await page.evaluateHandle(() => {
      const sizes = new Set();
      new MutationObserver(() => {
        const text = document.querySelector('[data-role="assistant"] .md')?.textContent ?? '';
        if (text !== '') sizes.add(text.length);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
      return sizes;
    });
    await ui.ask(page, 'Write three sentences about the sea.');
    assert.equal(await ui.settledStatus(page), 'done');
    assert.equal(await ui.questions(page).count(), 1);
    assert.notEqual((await ui.answerText(page).innerText()).trim(), '');
    assert.ok((await drawn.evaluate((sizes) => sizes.size)) > 1, 'the answer was drawn in parts');
    const stats = await page.locator('.stats').innerText();
    assert.match(stats, /in \d+ .*out \d+ tokens/);
    assert.match(stats, /tokens\/s/);
    assert.equal(await ui.input(page).inputValue(), '');
    await ui.sendButton(page).waitFor();
  });
});

test('a second question knows the first', async () => {
  await onChat(async (page) => {
    await ui.ask(page, 'Say hello.');
    assert.equal(await ui.settledStatus(page), 'done');
    const request = page.waitForRequest('**/v1/chat/completions');
    await ui.ask(page, 'Say it again.');
    const body = (await request).postDataJSON();
    assert.deepEqual(
      body.messages.map((message) => message.role),
      ['user', 'assistant', 'user'],
    );
    assert.equal(body.stream, true);
    assert.equal(await ui.settledStatus(page), 'done');
    assert.equal(await ui.answers(page).count(), 2);
  });
});

for (const how of ['the button', 'Escape', 'a new chat']) {
  test(`${how} stops an answer and closes its connection`, async () => {
    await onChat(
      async (page) => {
        const failed = page.waitForEvent('requestfailed', { timeout: ui.kAnswerTimeoutMs });
        await ui.ask(page, 'Count from 1 to 2000, one number per line. 1, 2, 3, 4, 5, 6,');
        await page.waitForFunction(
          () => (document.querySelector('[data-role="assistant"] .md')?.textContent ?? '') !== '',
          undefined,
          { timeout: ui.kAnswerTimeoutMs },
        );
        if (how === 'the button') await ui.stopButton(page).click();
        if (how === 'Escape') await page.keyboard.press('Escape');
        if (how === 'a new chat') {
          await ui.newChatButton(page).click();
          await page.locator('.suggestions').waitFor();
          await page.locator('.conversation-open').click();
        }
        assert.match((await failed).url(), /\/v1\/chat\/completions$/);
        assert.equal(await ui.settledStatus(page), 'stopped');
        const text = await ui.answerText(page).innerText();
        assert.notEqual(text.trim(), '');
        await ui.sendButton(page).waitFor();
        assert.equal(await ui.answerText(page).innerText(), text);
      },
      { maxTokens: 4000 },
    );
  });
}

test('an answer is asked for again, and a question is edited', async () => {
  await onChat(async (page) => {
    await ui.ask(page, 'Name a colour.');
    assert.equal(await ui.settledStatus(page), 'done');

    const again = page.waitForRequest('**/v1/chat/completions');
    await page.getByRole('button', { name: 'Regenerate' }).click();
    assert.equal((await again).postDataJSON().messages.length, 1);
    assert.equal(await ui.settledStatus(page), 'done');
    assert.equal(await ui.answers(page).count(), 1);

    await ui.questions(page).hover();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByRole('textbox', { name: 'Edit message' }).fill('Name a fruit.');
    await page.getByRole('button', { name: 'Send again' }).click();
    await ui.questions(page).getByText('Name a fruit.').waitFor();
    assert.equal(await ui.settledStatus(page), 'done');
    assert.equal(await ui.questions(page).count(), 1);
    assert.equal(await ui.answers(page).count(), 1);
  });
});

test('a conversation survives a reload, is renamed and removed', async () => {
  await onChat(async (page) => {
    await ui.ask(page, 'Remember me');
    assert.equal(await ui.settledStatus(page), 'done');
    const text = await ui.answerText(page).innerText();
    await page.reload();
    assert.equal(await ui.settledStatus(page), 'done');
    assert.equal(await ui.answerText(page).innerText(), text);
    assert.equal(await page.locator('.conversation.active').innerText(), 'Remember me');

    await page.locator('.conversation').hover();
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Conversation name' }).fill('A new name');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByRole('button', { name: 'A new name', exact: true }).hover();

    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.locator('.suggestions').waitFor();
    await page.reload();
    await page.locator('.suggestions').waitFor();
    assert.equal(await page.locator('.conversation').count(), 0);
  });
});

test('the page follows an answer, and a button leads back to its end', async () => {
  await onChat(
    async (page) => {
      const box = page.locator('.messages');
      const fromEnd = () => box.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
      const grown = (by) =>
        page.waitForFunction(
          (least) => {
            const { scrollHeight, clientHeight } = document.querySelector('.messages');
            return scrollHeight > clientHeight + least;
          },
          by,
          { timeout: ui.kAnswerTimeoutMs },
        );
      // Lines that are certain to fill the page, whatever the model says.
      await ui.ask(page, 'line\n'.repeat(60));
      await grown(200);
      await page.waitForFunction(() => {
        const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.messages');
        return scrollHeight - scrollTop - clientHeight < 48;
      });
      await ui.settledStatus(page);
      assert.ok((await fromEnd()) < 48, 'at the end');
      await box.hover();
      await page.mouse.wheel(0, -400);
      await page.getByRole('button', { name: 'Back to the latest' }).click();
      await page.getByRole('button', { name: 'Back to the latest' }).waitFor({ state: 'hidden' });
      assert.ok((await fromEnd()) < 48, 'back at the end');
    },
    { maxTokens: 32 },
  );
});

test('an answer that a reload cuts off is kept as stopped', async () => {
  await onChat(
    async (page) => {
      await ui.ask(page, 'Count from 1 to 2000, one number per line. 1, 2, 3, 4, 5, 6,');
      await ui.answerText(page).waitFor({ timeout: ui.kAnswerTimeoutMs });
      await page.reload();
      assert.equal(await ui.settledStatus(page), 'stopped');
      assert.equal(await ui.questions(page).count(), 1);
    },
    { maxTokens: 4000 },
  );
});

test('an answer is read out by sentence, and copied as it was written', async () => {
  await onChat(async (page, context) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: ui.kUrl });
    await ui.ask(page, 'Write two sentences about the sky.');
    assert.equal(await ui.settledStatus(page), 'done');
    const live = page.locator('[aria-live="polite"]');
    await live.getByText('Answer complete').waitFor({ state: 'attached' });
    assert.ok((await live.locator('p').count()) >= 2, 'sentences, then the end');
    await page.getByRole('button', { name: 'Copy answer' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.notEqual(copied.trim(), '');
  });
});
