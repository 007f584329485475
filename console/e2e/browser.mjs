// Opens pages of the server under test in a real Chromium and records what a page must never do.
// XC_E2E_URL, XC_E2E_KEY and XC_E2E_MODEL name a running server; XC_CHROMIUM a browser.
import { chromium } from 'playwright-core';

export const kUrl = (process.env.XC_E2E_URL ?? 'http://127.0.0.1:8660').replace(/\/$/, '');
export const kKey = process.env.XC_E2E_KEY ?? '';
export const kModel = process.env.XC_E2E_MODEL ?? '';

// A small model on a busy machine; nothing here asserts time.
export const kAnswerTimeoutMs = 180_000;

const kLocales = { zh: 'zh-CN', en: 'en-US' };

// Fails at once, and once, when there is no server to test.
export async function launch() {
  const response = await fetch(`${kUrl}/v1/models`, {
    headers: { Authorization: `Bearer ${kKey}` },
  }).catch((error) => {
    throw new Error(`XC_E2E_URL=${kUrl}: ${error.cause?.message ?? error.message}`);
  });
  if (!response.ok) throw new Error(`XC_E2E_KEY: ${kUrl} answered ${response.status}`);
  return chromium.launch({
    executablePath: process.env.XC_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

// A fresh profile: no key, no conversation. `problems` collects console errors, exceptions and
// requests to any other origin.
export async function openContext(browser, options = {}) {
  const { language = 'en', ...rest } = options;
  const context = await browser.newContext({
    locale: kLocales[language],
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...rest,
  });
  const problems = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol) && url.origin !== kUrl) {
      problems.push(`request to ${url.href}`);
    }
  });
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => problems.push(`exception: ${error.error()}`));
  return { context, problems };
}

// body(context, problems) in a fresh profile, which is closed afterwards.
export async function withContext(browser, options, body) {
  const { context, problems } = await openContext(browser, options);
  try {
    await body(context, problems);
  } finally {
    await context.close();
  }
}

// Opens the chat page with the key, on the model under test, with greedy and bounded answers.
export async function openChat(context, { key = kKey, maxTokens = 40 } = {}) {
  const page = await context.newPage();
  await page.addInitScript(
    ({ model, settings }) => {
      if (model !== '') localStorage.setItem('xingcha.model', model);
      if (localStorage.getItem('xingcha.settings') === null) {
        localStorage.setItem('xingcha.settings', JSON.stringify(settings));
      }
    },
    { model: kModel, settings: { systemPrompt: '', temperature: 0, maxTokens } },
  );
  await page.goto(`${kUrl}/${key === '' ? '' : `#key=${encodeURIComponent(key)}`}`);
  await input(page).waitFor();
  return page;
}

// Handles that do not depend on the language.
export const input = (page) => page.locator('#composer');
export const sendButton = (page) => page.locator('[data-action="send"]');
export const stopButton = (page) => page.locator('[data-action="stop"]');
export const newChatButton = (page) => page.locator('[data-action="new-chat"]:visible');
export const languageButton = (page) => page.locator('[data-action="language"]:visible').last();
export const retryButton = (page) => page.locator('[data-action="retry"]');
export const answers = (page) => page.locator('[data-role="assistant"]');
export const questions = (page) => page.locator('[data-role="user"]');
export const answerText = (page) => answers(page).last().locator('.md').last();

// Waits until the last answer has ended and answers its status: done, stopped or error.
export async function settledStatus(page, timeout = kAnswerTimeoutMs) {
  const ended = answers(page).last().and(page.locator(':not([data-status="streaming"])'));
  await ended.waitFor({ timeout });
  return ended.getAttribute('data-status');
}

export async function ask(page, question) {
  // The model is known, so the page can send.
  await page.locator('.model-select .model-name').waitFor();
  await input(page).fill(question);
  await input(page).press('Enter');
}

// Answers every chat request with these SSE payloads instead of the model's: for what a model
// cannot be made to say on demand.
export async function routeAnswer(page, ...payloads) {
  const body = payloads
    .map((item) => `data: ${typeof item === 'string' ? item : JSON.stringify(item)}\n\n`)
    .join('');
  await page.route('**/v1/chat/completions', (route) =>
    route.fulfill({ status: 200, contentType: 'text/event-stream', body }),
  );
}

export const delta = (fields) => ({ choices: [{ index: 0, delta: fields, finish_reason: null }] });
