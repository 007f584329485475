import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';

// Loaded only when the first code block is on the page. Each language brings its usual aliases
// (js, ts, py, sh, c++, html, yml …).
const lowlight = createLowlight({
  bash,
  c,
  cpp,
  css,
  go,
  java,
  javascript,
  json,
  python,
  sql,
  typescript,
  xml,
  yaml,
});

// Highlighting takes time in proportion; longer code is shown plain.
const kCodeCharsMax = 40_000;

export interface CodeSpan {
  readonly className: string;
  readonly children: readonly (CodeSpan | string)[];
}

type HastNode = ReturnType<typeof lowlight.highlight>['children'][number];

function spanOf(node: HastNode): CodeSpan | string {
  if (node.type === 'text') return node.value;
  if (node.type !== 'element') return '';
  const names = node.properties['className'];
  return {
    className: Array.isArray(names) ? names.join(' ') : '',
    children: node.children.map(spanOf),
  };
}

// null when the language is not one of ours.
export function highlight(code: string, language: string): CodeSpan | null {
  if (code.length > kCodeCharsMax || !lowlight.registered(language)) return null;
  return { className: '', children: lowlight.highlight(language, code).children.map(spanOf) };
}
