import { useEffect, useRef, useState } from 'react';
import type { Message } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { SentenceSplitter, SpokenText } from './sentences';

interface Line {
  readonly key: number;
  readonly text: string;
}

interface Following {
  readonly id: string;
  readonly splitter: SentenceSplitter;
  readonly spoken: SpokenText;
}

const kLinesKept = 4;

// Reads a streaming answer to a screen reader, sentence by sentence. Only answers that are seen
// streaming are read; what was there before is left to the reader's own keys.
export function Announcer({ messages }: { messages: readonly Message[] }) {
  const { text } = useI18n();
  const [lines, setLines] = useState<readonly Line[]>([]);
  const following = useRef<Following | null>(null);
  const nextKey = useRef(0);
  const last = messages.at(-1);

  useEffect(() => {
    const say = (sentences: readonly string[]) => {
      const fresh = sentences
        .filter((sentence) => sentence !== '')
        .map((sentence) => ({ key: nextKey.current++, text: sentence }));
      if (fresh.length > 0) setLines((old) => [...old, ...fresh].slice(-kLinesKept - fresh.length));
    };
    if (last?.role !== 'assistant') return;
    if (last.status === 'streaming') {
      if (following.current?.id !== last.id) {
        following.current = {
          id: last.id,
          splitter: new SentenceSplitter(),
          spoken: new SpokenText(text.codeBlockSpoken),
        };
        say([text.answerStarted]);
      }
      const { splitter, spoken } = following.current;
      say(splitter.push(last.content).map((sentence) => spoken.of(sentence)));
    } else if (following.current?.id === last.id) {
      const { splitter, spoken } = following.current;
      following.current = null;
      const rest = splitter.finish(last.content).map((sentence) => spoken.of(sentence));
      // An error speaks for itself: its alert is announced.
      const end = { done: text.answerFinished, stopped: text.stopped, error: '' }[last.status];
      say([...rest, end]);
    }
  }, [last, text]);

  return (
    <div className="visually-hidden" aria-live="polite" aria-relevant="additions">
      {lines.map((line) => (
        <p key={line.key}>{line.text}</p>
      ))}
    </div>
  );
}
