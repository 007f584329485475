import type { Token, Tokens } from 'marked';
import { memo, type ReactNode } from 'react';
import type { Messages } from '../i18n/messages';
import { CodeBlock } from './code_block';
import { inline } from './inline';

interface BlockProps {
  readonly token: Token;
  readonly text: Messages;
  readonly depth: number; // of nesting
  readonly level: number; // of a heading; 0: none, or nested in something else
}

const kDepthMax = 16;

// One block of an answer. While an answer streams in only its last block changes: the others are
// recognised by their source and not drawn again.
export const Block = memo(
  function Block({ token, text, depth, level }: BlockProps) {
    if (depth > kDepthMax) return <p>{token.raw}</p>;
    if (token.type === 'heading') return drawHeading(token as Tokens.Heading, text, level);
    return drawBlock(token, text, depth);
  },
  (a, b) =>
    a.token.raw === b.token.raw &&
    a.token.type === b.token.type &&
    a.text === b.text &&
    a.level === b.level,
);

function drawHeading(heading: Tokens.Heading, text: Messages, level: number): ReactNode {
  const children = inline(heading.tokens, text);
  if (level === 0) {
    return (
      <p>
        <strong>{children}</strong>
      </p>
    );
  }
  const Tag = `h${level}` as 'h3';
  return <Tag className={`md-heading-${heading.depth}`}>{children}</Tag>;
}

function drawBlock(token: Token, text: Messages, depth: number): ReactNode {
  switch (token.type) {
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

// Blocks inside of another one.
function blocks(tokens: readonly Token[], text: Messages, depth: number): ReactNode {
  return tokens
    .filter((token) => token.type !== 'space' && token.type !== 'def')
    .map((token, i) => <Block key={i} token={token} text={text} depth={depth} level={0} />);
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
