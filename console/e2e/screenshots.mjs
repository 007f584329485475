// Writes chat-zh.png and chat-en.png of a real conversation with XC_E2E_MODEL:
//   npm run screenshots -- ../docs/images
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as ui from './browser.mjs';

const kQuestions = {
  zh: '用 Python 写一个快速排序函数，并用一句话说明它的平均时间复杂度。',
  en: 'Write quicksort in Python and state its average complexity in one sentence.',
};

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node e2e/screenshots.mjs FOLDER');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const browser = await ui.launch();
try {
  for (const language of ['zh', 'en']) {
    const { context } = await ui.openContext(browser, { language, deviceScaleFactor: 2 });
    const page = await ui.openChat(context, { maxTokens: 600 });
    await ui.ask(page, kQuestions[language]);
    const status = await ui.settledStatus(page, 600_000);
    if (status !== 'done') throw new Error(`${language}: the answer ended as ${status}`);
    await page.locator('.messages').evaluate((box) => (box.scrollTop = 0));
    await page.mouse.move(0, 0);
    const path = join(folder, `chat-${language}.png`);
    await page.screenshot({ path });
    console.log(path);
    await context.close();
  }
} finally {
  await browser.close();
}
