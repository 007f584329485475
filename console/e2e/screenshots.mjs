// Writes chat-zh.png and chat-en.png of a real conversation:
//   node e2e/screenshots.mjs ../docs/images
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ask, launch, openChat, openContext, settledStatus } from './browser.mjs';

const kQuestions = {
  zh: '用三句话说明什么是大模型的 KV 缓存，再给一个 Python 例子。',
  en: 'Explain the KV cache of a language model briefly, with a small C++ example.',
};

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node e2e/screenshots.mjs FOLDER');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const browser = await launch();
for (const language of ['zh', 'en']) {
  const { context } = await openContext(browser, { language, deviceScaleFactor: 2 });
  const page = await openChat(context);
  await ask(page, kQuestions[language]);
  const status = await settledStatus(page, 300_000);
  if (status !== 'done') throw new Error(`${language}: the answer ended as ${status}`);
  await page.mouse.move(0, 0);
  const path = join(folder, `chat-${language}.png`);
  await page.screenshot({ path });
  console.log(path);
  await context.close();
}
await browser.close();
