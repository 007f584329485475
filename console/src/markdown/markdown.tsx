import { memo, useMemo } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { Block } from './block';
import { headingLevels, lexMarkdown } from './lexer';

// Markdown of a model as React elements. Safe by construction: no HTML string is ever made, links
// are http, https and mailto only, and no image is loaded.
export const Markdown = memo(function Markdown({ source }: { source: string }) {
  const { text } = useI18n();
  const tokens = useMemo(() => lexMarkdown(source), [source]);
  const levels = useMemo(() => headingLevels(tokens), [tokens]);
  return (
    <div className="md">
      {tokens.map((token, i) => (
        <Block key={i} token={token} text={text} depth={0} level={levels[i] ?? 0} />
      ))}
    </div>
  );
});
