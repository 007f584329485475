import { Marked, type Token, type Tokens } from 'marked';

// Models write `**注意：**后文`. CommonMark does not close a strong between punctuation and a Han
// character, so such runs would show their asterisks: this takes any simple `**…**` as strong.
const kSimpleStrong = /^\*\*(?![\s*])([^*\n`]{1,400}?)(?<![\s*])\*\*(?!\*)/;

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [
    {
      name: 'strong',
      level: 'inline',
      start: (source) => {
        const index = source.indexOf('**');
        return index < 0 ? undefined : index;
      },
      tokenizer(source) {
        const match = kSimpleStrong.exec(source);
        if (match === null) return undefined;
        const text = match[1] ?? '';
        const tokens = this.lexer.inlineTokens(text);
        return { type: 'strong', raw: match[0], text, tokens };
      },
    },
  ],
});

// Never throws: text that the lexer cannot take comes back as one paragraph.
export function lexMarkdown(source: string): Token[] {
  try {
    return marked.lexer(source).filter((token) => token.type !== 'space' && token.type !== 'def');
  } catch {
    const text: Tokens.Text = { type: 'text', raw: source, text: source };
    return [{ type: 'paragraph', raw: source, text: source, tokens: [text] }];
  }
}

// The page owns h1 and h2: an answer starts at h3, and never skips a level on the way down, however
// the model numbered its headings. One entry per token; 0 for what is not a heading.
export function headingLevels(tokens: readonly Token[]): number[] {
  let last = 2;
  return tokens.map((token) => {
    if (token.type !== 'heading') return 0;
    last = Math.min((token as Tokens.Heading).depth + 2, last + 1, 6);
    return last;
  });
}

const kNamedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
};

// The entities that models write; the result is given to React as text, never as HTML.
export function decodeEntities(text: string): string {
  return text.replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,4});/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return kNamedEntities[name.toLowerCase()] ?? whole;
    const hex = /^#x/i.test(name);
    const point = parseInt(name.slice(hex ? 2 : 1), hex ? 16 : 10);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

// The address of a link that may be shown as a link, or null. Only these three schemes: no
// javascript:, no data:, nothing relative to this page.
export function safeHref(href: string): string | null {
  try {
    const url = new URL(href);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
