import { memo, useEffect, useMemo, useState, type ReactNode } from 'react';
import { CopyButton } from '../layout/copy_button';
import { useI18n } from '../i18n/i18n_context';
import type { CodeSpan } from './highlight';

type Highlighter = typeof import('./highlight').highlight;

let loading: Promise<Highlighter> | null = null;
let loaded: Highlighter | null = null;

// The highlighter is its own chunk; until it is there, and if it cannot be had, code is plain.
function useHighlighter(): Highlighter | null {
  const [, setReady] = useState(loaded !== null);
  useEffect(() => {
    if (loaded !== null) return;
    let live = true;
    loading ??= import('./highlight').then((module) => (loaded = module.highlight));
    loading.then(
      () => live && setReady(true),
      () => (loading = null),
    );
    return () => {
      live = false;
    };
  }, []);
  return loaded;
}

function draw(span: CodeSpan | string, key: number): ReactNode {
  if (typeof span === 'string') return span;
  return (
    <span key={key} className={span.className}>
      {span.children.map(draw)}
    </span>
  );
}

export const CodeBlock = memo(function CodeBlock(props: { code: string; language: string }) {
  const { code } = props;
  const language = props.language.trim().split(/\s+/)[0] ?? '';
  const { text } = useI18n();
  const highlighter = useHighlighter();
  const tree = useMemo(
    () => highlighter?.(code, language.toLowerCase()) ?? null,
    [highlighter, code, language],
  );
  return (
    <div className="md-code">
      <div className="md-code-head">
        <span>{language || 'text'}</span>
        <CopyButton value={code} label={text.copyCode} />
      </div>
      <pre tabIndex={0} lang="en" translate="no">
        <code>{tree === null ? code : tree.children.map(draw)}</code>
      </pre>
    </div>
  );
});
