// What a model or a broken connection may send: nothing of it may run, load, or look like an
// answer. The payloads are put in place of the model's, everything else is the real server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as ui from './browser.mjs';

let browser;
before(async () => {
  browser = await ui.launch();
});
after(() => browser.close());

async function onAnswer(payloads, body) {
  const { context, problems } = await ui.openContext(browser);
  try {
    const page = await ui.openChat(context);
    await ui.routeAnswer(page, ...payloads);
    await ui.ask(page, 'Hello');
    await body(page, await ui.settledStatus(page), problems);
  } finally {
    await context.close();
  }
}

const kHostile = `
<script>window.hit = 1</script> <img src="http://evil.example/a.png" onerror="window.hit = 1">
![x](http://evil.example/b.png) [run](javascript:window.hit=1) [data](data:text/html,x)
[fine](https://example.com/x) <iframe src="http://evil.example/"></iframe>

| <b>cell</b> | ![y](http://evil.example/c.png) |
|--|--|
| [x](vbscript:x) | <svg onload="window.hit=1"> |

\`\`\`html
</code></pre><script>window.hit = 1</script>
\`\`\`
`;

test('hostile Markdown is shown as text: nothing runs, nothing is loaded', async () => {
  const payloads = [ui.delta({ content: kHostile }), '[DONE]'];
  await onAnswer(payloads, async (page, status, problems) => {
    assert.equal(status, 'done');
    await page.locator('.md-code .hljs-tag').first().waitFor();
    const md = ui.answerText(page);
    assert.equal(await page.evaluate(() => window.hit), undefined);
    assert.equal(await md.locator('script, img, iframe, svg[onload], b').count(), 0);
    const links = md.getByRole('link');
    const hrefs = await links.evaluateAll((all) => all.map((a) => a.protocol));
    assert.ok(hrefs.length > 0 && hrefs.every((p) => p === 'https:' || p === 'http:'), hrefs);
    const rels = await links.evaluateAll((all) => all.map((a) => a.rel));
    assert.ok(rels.every((rel) => rel.includes('noopener')));
    assert.deepEqual(problems, []);
  });
});

test('thoughts are folded until asked for', async () => {
  const payloads = [
    ui.delta({ reasoning_content: 'secret thoughts' }),
    ui.delta({ content: 'the answer' }),
    '[DONE]',
  ];
  await onAnswer(payloads, async (page, status) => {
    assert.equal(status, 'done');
    const thoughts = page.getByRole('button', { name: /^Thought for .* s$/ });
    assert.equal(await thoughts.getAttribute('aria-expanded'), 'false');
    assert.equal(await page.getByText('secret thoughts').count(), 0);
    await thoughts.click();
    await page.getByText('secret thoughts').waitFor();
  });
});

test('an error in mid-stream is shown beside what had arrived, with a retry', async () => {
  const payloads = [
    ui.delta({ content: 'half an answer' }),
    { error: { message: 'the worker was lost', type: 'server_error', code: 'worker_lost' } },
  ];
  await onAnswer(payloads, async (page, status) => {
    assert.equal(status, 'error');
    await ui.answerText(page).getByText('half an answer').waitFor();
    assert.match(await page.getByRole('alert').innerText(), /the worker was lost/);
    await page.unroute('**/v1/chat/completions');
    await ui.retryButton(page).click();
    assert.equal(await ui.settledStatus(page), 'done');
    assert.equal(await page.getByRole('alert').count(), 0);
  });
});

test('a stream that just ends is not taken for an answer', async () => {
  await onAnswer([ui.delta({ content: 'half' })], async (page, status) => {
    assert.equal(status, 'error');
    await page.getByRole('alert').getByText('not complete').waitFor();
  });
});

test('a server that is away is named, and asked again', async () => {
  const { context } = await ui.openContext(browser);
  try {
    const page = await ui.openChat(context);
    await page.route('**/v1/chat/completions', (route) => route.abort('connectionrefused'));
    await ui.ask(page, 'Hello');
    assert.equal(await ui.settledStatus(page), 'error');
    await page.getByRole('alert').getByText('cannot be reached').waitFor();
    await page.unroute('**/v1/chat/completions');
    await ui.retryButton(page).click();
    assert.equal(await ui.settledStatus(page), 'done');
  } finally {
    await context.close();
  }
});

test('the empty states say the next step', async () => {
  const { context, problems } = await ui.openContext(browser);
  try {
    const page = await context.newPage();
    await page.route('**/v1/models', (route) => route.fulfill({ json: { data: [] } }));
    await page.goto(`${ui.kUrl}/#key=${ui.kKey}`);
    await page.getByText('xingcha pull').waitFor();
    await page.unroute('**/v1/models');
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.locator('.suggestions').waitFor();
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
});

test('images are offered only where the model sees, and are bounded', async () => {
  const { context, problems } = await ui.openContext(browser);
  try {
    const page = await context.newPage();
    const model = (id, capabilities) => ({ id, xingcha: { state: 'ready', capabilities } });
    let models = [model('blind', ['chat'])];
    await page.route('**/v1/models', (route) => route.fulfill({ json: { data: models } }));
    await ui.routeAnswer(page, ui.delta({ content: 'a picture' }), '[DONE]');
    await page.goto(`${ui.kUrl}/#key=${ui.kKey}`);
    await page.locator('.suggestions').waitFor();
    assert.equal(await page.locator('input[type="file"]').count(), 0);

    models = [model('sighted', ['chat', 'vision'])];
    await page.reload();
    const file = page.locator('input[type="file"]');
    const pick = (mimeType, bytes) =>
      file.setInputFiles({ name: 'x', mimeType, buffer: Buffer.alloc(bytes, 1) });
    await pick('text/plain', 10);
    await page.getByText('Only PNG, JPEG, WebP and GIF').waitFor();
    await pick('image/png', 8 * 1024 * 1024 + 1);
    await page.getByText('larger than 8 MiB').waitFor();
    await pick('image/png', 100);
    await page.locator('.image-strip img').waitFor();

    const request = page.waitForRequest('**/v1/chat/completions');
    await ui.ask(page, 'What is this?');
    const [image, text] = (await request).postDataJSON().messages[0].content;
    assert.match(image.image_url.url, /^data:image\/png;base64,/);
    assert.deepEqual(text, { type: 'text', text: 'What is this?' });
    assert.equal(await ui.settledStatus(page), 'done');
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
});
