import type { Token, Tokens } from 'marked';
import { Fragment, type ReactNode } from 'react';
import type { Messages } from '../i18n/messages';
import { decodeEntities, safeHref } from './lexer';

// Deeper nesting than any person writes is shown as its source.
const kDepthMax = 24;

function link(href: string, children: ReactNode): ReactNode {
  const safe = safeHref(decodeEntities(href));
  if (safe === null) return <span>{children}</span>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function one(token: Token, text: Messages, depth: number): ReactNode {
  const children = () => inline((token as Tokens.Generic).tokens ?? [], text, depth + 1);
  switch (token.type) {
    case 'strong':
      return <strong>{children()}</strong>;
    case 'em':
      return <em>{children()}</em>;
    case 'del':
      return <del>{children()}</del>;
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br />;
    case 'link':
      return link((token as Tokens.Link).href, children());
    case 'image': {
      // Images are never loaded: a remote one would tell its server who reads this.
      const image = token as Tokens.Image;
      return link(image.href, text.imageInMarkdown(image.text));
    }
    case 'html':
      // No HTML of the model is rendered; a line break is the one tag with a plain meaning.
      return /^<br\s*\/?>$/i.test(token.raw.trim()) ? <br /> : token.raw;
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'text':
      return (token as Tokens.Text).tokens
        ? children()
        : decodeEntities((token as Tokens.Text).text);
    default:
      return token.raw;
  }
}

export function inline(tokens: readonly Token[], text: Messages, depth = 0): ReactNode {
  if (depth > kDepthMax) return tokens.map((token) => token.raw).join('');
  return tokens.map((token, i) => <Fragment key={i}>{one(token, text, depth)}</Fragment>);
}
