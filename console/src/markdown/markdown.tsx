import { memo, useMemo } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { blocks } from './block';
import { lexMarkdown } from './lexer';

// Markdown of a model as React elements. Safe by construction: no HTML string is ever made, links
// are http, https and mailto only, and no image is loaded.
export const Markdown = memo(function Markdown({ source }: { source: string }) {
  const { text } = useI18n();
  const tokens = useMemo(() => lexMarkdown(source), [source]);
  return <div className="md">{blocks(tokens, text)}</div>;
});
