import { describe, expect, it } from 'vitest';
import { SentenceSplitter, SpokenText } from './sentences';

function said(text: string, step: number): string[] {
  const splitter = new SentenceSplitter();
  const spoken = new SpokenText('代码块');
  const all: string[] = [];
  for (let end = step; end < text.length; end += step)
    all.push(...splitter.push(text.slice(0, end)));
  all.push(...splitter.finish(text));
  return all.map((sentence) => spoken.of(sentence)).filter((sentence) => sentence !== '');
}

describe('SentenceSplitter', () => {
  it('says each sentence once, however the text arrives', () => {
    const text = '你好。今天是 3.14 日！Is it? Yes, v1.2 is. 完';
    const expected = ['你好。', '今天是 3.14 日！', 'Is it?', 'Yes, v1.2 is.', '完'];
    for (const step of [1, 2, 3, 7, 100]) expect(said(text, step)).toEqual(expected);
  });

  it('does not read out markup or code', () => {
    const text = '## 标题\n\n见[文档](http://x)与**重点**。\n```py\nx = 1\n```\n- 之后。\n';
    expect(said(text, 4)).toEqual(['标题', '见文档与 重点 。', '代码块', '之后。']);
  });

  it('says a very long sentence in parts', () => {
    expect(said('很'.repeat(1000), 50).length).toBeGreaterThan(1);
  });
});
