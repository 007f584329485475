import type { Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import { decodeEntities, headingLevels, lexMarkdown, safeHref } from './lexer';

function inlineTypes(source: string): string[] {
  return ((lexMarkdown(source)[0] as Tokens.Paragraph).tokens ?? []).map((token) => token.type);
}

describe('lexMarkdown', () => {
  it('takes a strong that ends between punctuation and a Han character', () => {
    expect(inlineTypes('**注意：**后文')).toEqual(['strong', 'text']);
    expect(inlineTypes('前文**“重点”**后文')).toEqual(['text', 'strong', 'text']);
    expect(inlineTypes('2 ** 3 ** 4')).not.toContain('strong');
    expect(inlineTypes('**half')).toEqual(['text']);
  });

  it('takes a code block that is still open as code', () => {
    expect(lexMarkdown('```py\nx = 1')[0]).toMatchObject({
      type: 'code',
      lang: 'py',
      text: 'x = 1',
    });
  });

  it('survives what no person writes', () => {
    for (const source of ['> '.repeat(5000) + 'x', '['.repeat(5000), '*'.repeat(5000), '\u0000']) {
      expect(Array.isArray(lexMarkdown(source))).toBe(true);
    }
  });
});

describe('headingLevels', () => {
  it('starts at 3 and never skips on the way down', () => {
    const source = '## a\n\ntext\n\n#### b\n\n# c\n\n###### d\n';
    expect(headingLevels(lexMarkdown(source))).toEqual([3, 0, 4, 3, 4]);
  });
});

describe('safeHref', () => {
  it('lets three schemes through and nothing else', () => {
    expect(safeHref('https://example.com/a b')).toBe('https://example.com/a%20b');
    expect(safeHref('mailto:a@example.com')).toBe('mailto:a@example.com');
    for (const href of [
      'javascript:alert(1)',
      ' JaVaScRiPt:alert(1)',
      'java\nscript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
      '/v1/models',
      '//evil.example',
      '',
    ]) {
      expect(safeHref(href), href).toBeNull();
    }
  });
});

describe('decodeEntities', () => {
  it('decodes what models write and leaves the rest', () => {
    expect(decodeEntities('a &lt;b&gt; &amp;amp; &#39;c&#x27; &nope; &#x110000;')).toBe(
      "a <b> &amp; 'c' &nope; &#x110000;",
    );
  });
});
