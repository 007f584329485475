import type { Token, Tokens } from 'marked';
import { memo, type ReactNode } from 'react';
import type { Messages } from '../i18n/messages';
import { CodeBlock } from './code_block';
import { inline } from './inline';

interface BlockProps {
  readonly token: Token;
  readonly text: Messages;
  readonly depth?: number;
}

const kDepthMax = 16;

// One block of an answer. While an answer streams in only its last block changes: the others are
// recognised by their source and not drawn again.
export const Block = memo(
  function Block({ token, text, depth = 0 }: BlockProps) {
    if (depth > kDepthMax) return <p>{token.raw}</p>;
    return drawBlock(token, text, depth);
  },
  (a, b) => a.token.raw === b.token.raw && a.token.type === b.token.type && a.text === b.text,
);

function drawBlock(token: Token, text: Messages, depth: number): ReactNode {
  switch (token.type) {
    case 'heading': {
      // The page owns h1 and h2; an answer starts at h3.
      const Tag = `h${Math.min(6, (token as Tokens.Heading).depth + 2)}` as 'h3';
      return <Tag>{inline(token.tokens ?? [], text)}</Tag>;
    }
    case 'paragraph':
      return <p>{inline(token.tokens ?? [], text)}</p>;
    case 'text':
      return token.tokens ? inline(token.tokens, text) : (token as Tokens.Text).text;
    case 'code': {
      const code = token as Tokens.Code;
      return <CodeBlock code={code.text} language={code.lang ?? ''} />;
    }
    case 'blockquote':
      return <blockquote>{blocks(token.tokens ?? [], text, depth + 1)}</blockquote>;
    case 'list':
      return drawList(token as Tokens.List, text, depth);
    case 'table':
      return <Table table={token as Tokens.Table} text={text} />;
    case 'hr':
      return <hr />;
    default:
      return <p>{token.raw}</p>;
  }
}

export function blocks(tokens: readonly Token[], text: Messages, depth = 0): ReactNode {
  return tokens
    .filter((token) => token.type !== 'space' && token.type !== 'def')
    .map((token, i) => <Block key={i} token={token} text={text} depth={depth} />);
}

function drawList(list: Tokens.List, text: Messages, depth: number): ReactNode {
  const items = list.items.map((item, i) => (
    <li key={i} className={item.task ? 'task' : undefined}>
      {item.task && <span aria-hidden="true">{item.checked ? '☑ ' : '☐ '}</span>}
      {blocks(item.tokens, text, depth + 1)}
    </li>
  ));
  return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ table, text }: { table: Tokens.Table; text: Messages }) {
  const cell = (value: Tokens.TableCell, i: number, Tag: 'th' | 'td') => (
    <Tag key={i} className={value.align ? `align-${value.align}` : undefined}>
      {inline(value.tokens, text)}
    </Tag>
  );
  return (
    <div className="md-table" tabIndex={0} role="group">
      <table>
        <thead>
          <tr>{table.header.map((value, i) => cell(value, i, 'th'))}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, i) => (
            <tr key={i}>{row.map((value, j) => cell(value, j, 'td'))}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
