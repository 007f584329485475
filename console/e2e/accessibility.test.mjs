// axe on every state of the page, in both languages and both colour schemes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { check } from './axe.mjs';
import * as ui from './browser.mjs';

let browser;
before(async () => {
  browser = await ui.launch();
});
after(() => browser.close());

const kAnswer = `## Title\n\nText with **strong**, *em*, \`code\` and a [link](https://example.com/).

- one
- [x] two

> quote

| a | b |
|--|--:|
| x | 1 |

\`\`\`python
# A comment
def f(x: int) -> str:
    return "text" + str(x + 1)
\`\`\`
`;

const kStates = {
  'the key dialog': async (context) => {
    const page = await ui.openChat(context, { key: 'xc-wrong' });
    await page.getByRole('dialog').locator('.ant-alert').waitFor();
    return page;
  },
  'an empty conversation': async (context) => {
    const page = await ui.openChat(context);
    await page.locator('.suggestions').waitFor();
    return page;
  },
  'no model': async (context) => {
    const page = await context.newPage();
    await page.route('**/v1/models', (route) => route.fulfill({ json: { data: [] } }));
    await page.goto(`${ui.kUrl}/#key=${ui.kKey}`);
    await page.locator('.command').waitFor();
    return page;
  },
  'an answer with thoughts': async (context) => {
    const page = await answered(context, [
      ui.delta({ reasoning_content: kAnswer }),
      ui.delta({ content: kAnswer }),
      { choices: [], usage: { prompt_tokens: 3, completion_tokens: 5 } },
      '[DONE]',
    ]);
    await page.locator('.thoughts-head').click();
    await page.locator('.thoughts-body .hljs-keyword').first().waitFor();
    await page.locator('.conversation-open').focus();
    return page;
  },
  'an error': (context) =>
    answered(context, [ui.delta({ content: 'half' }), { error: { message: 'x', code: 'y' } }]),
  'a running answer': async (context) => {
    const page = await ui.openChat(context);
    await page.route('**/v1/chat/completions', () => undefined);
    await ui.ask(page, 'Hello');
    await ui.stopButton(page).waitFor();
    return page;
  },
  'an edited question': async (context) => {
    const page = await answered(context, [ui.delta({ content: 'Hi.' }), '[DONE]']);
    await ui.questions(page).hover();
    await ui.questions(page).locator('button').last().click();
    await page.locator('.question-editor textarea').waitFor();
    return page;
  },
  'the settings': async (context) => {
    const page = await ui.openChat(context);
    await page.locator('.top-bar button').last().click();
    await page.getByRole('dialog').locator('textarea').waitFor();
    return page;
  },
  'the model list': async (context) => {
    const page = await ui.openChat(context);
    await page.locator('.model-select .model-name').waitFor();
    await page.locator('.model-select').click();
    await page.locator('.ant-select-dropdown .model-option').first().waitFor();
    return page;
  },
  'the rename dialog': async (context) => {
    const page = await answered(context, [ui.delta({ content: 'Hi.' }), '[DONE]']);
    await page.locator('.conversation').hover();
    await page.locator('.conversation-actions button').first().click();
    await page.getByRole('dialog').locator('input').waitFor();
    return page;
  },
};

async function answered(context, payloads) {
  const page = await ui.openChat(context);
  await ui.routeAnswer(page, ...payloads);
  await ui.ask(page, 'Hello');
  await ui.settledStatus(page);
  return page;
}

async function withContext(options, body) {
  const { context } = await ui.openContext(browser, options);
  try {
    await body(context);
  } finally {
    await context.close();
  }
}

// Colours do not depend on the language: dark is checked in one.
const kSchemes = { zh: ['light', 'dark'], en: ['light'] };

for (const language of ['zh', 'en']) {
  for (const colorScheme of kSchemes[language]) {
    for (const [state, open] of Object.entries(kStates)) {
      test(`${language}, ${colorScheme}: ${state}`, () =>
        withContext({ language, colorScheme }, async (context) =>
          check(await open(context), state),
        ));
    }
  }
  test(`${language}: the menu of a narrow screen`, () =>
    withContext({ language, viewport: { width: 390, height: 844 } }, async (context) => {
      const page = await answered(context, [ui.delta({ content: kAnswer }), '[DONE]']);
      await check(page, 'narrow');
      await page.locator('.top-bar button').first().click();
      await page.getByRole('dialog').locator('.conversation').waitFor();
      await check(page, 'menu');
    }));
}
