import { RightOutlined } from '@ant-design/icons';
import { useId, useState } from 'react';
import type { AssistantMessage } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { Markdown } from '../markdown/markdown';

// What the model thought before it answered: folded until asked for.
export function Thoughts({ message }: { message: AssistantMessage }) {
  const { text, format } = useI18n();
  const [open, setOpen] = useState(false);
  const id = useId();
  const thinking = message.status === 'streaming' && message.content === '';
  const seconds = format.seconds(message.reasoningMs);
  return (
    <div className="thoughts">
      <button
        type="button"
        className="thoughts-head"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <RightOutlined rotate={open ? 90 : 0} aria-hidden />
        <span className={thinking ? 'thinking' : undefined}>
          {thinking ? text.thinking(seconds) : text.thought(seconds)}
        </span>
      </button>
      {open && (
        <div id={id} className="thoughts-body">
          <Markdown source={message.reasoning} />
        </div>
      )}
    </div>
  );
}
