import { RedoOutlined } from '@ant-design/icons';
import Bubble from '@ant-design/x/es/bubble';
import { Alert, Button } from 'antd';
import { memo } from 'react';
import type { AssistantMessage } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { CopyButton } from '../layout/copy_button';
import { IconButton } from '../layout/icon_button';
import { CodeBlock } from '../markdown/code_block';
import { Markdown } from '../markdown/markdown';
import { AnswerNotes, AnswerStats } from './answer_stats';
import { errorText } from './error_text';
import { Thoughts } from './thoughts';

interface AnswerViewProps {
  readonly message: AssistantMessage;
  readonly loading: boolean; // the model is not in memory yet
  readonly onRetry: (() => void) | null; // null: cannot be asked again now
}

export const AnswerView = memo(
  function AnswerView({ message, loading, onRetry }: AnswerViewProps) {
    const { text } = useI18n();
    const { status } = message;
    return (
      <article
        className="answer"
        aria-label={text.assistant}
        data-role="assistant"
        data-status={status}
      >
        <h2 className="visually-hidden">{text.assistant}</h2>
        <p className="answer-model">{message.model}</p>
        <Bubble
          variant="borderless"
          content={message}
          contentRender={() => <AnswerBody message={message} loading={loading} />}
        />
        {message.error !== null && <AnswerError message={message} onRetry={onRetry} />}
        {status !== 'streaming' && (
          <div className="message-actions">
            {message.content !== '' && (
              <CopyButton value={message.content} label={text.copyAnswer} />
            )}
            {onRetry !== null && (
              <IconButton label={text.regenerate} icon={<RedoOutlined />} onClick={onRetry} />
            )}
            <AnswerNotes message={message} />
            <AnswerStats message={message} />
          </div>
        )}
      </article>
    );
  },
  (a, b) =>
    a.message === b.message &&
    a.onRetry === null &&
    b.onRetry === null &&
    (a.loading === b.loading || a.message.status !== 'streaming'),
);

function AnswerBody({ message, loading }: { message: AssistantMessage; loading: boolean }) {
  const { text } = useI18n();
  const { content, reasoning, status, toolCalls } = message;
  const silent = content === '' && reasoning === '' && toolCalls.length === 0;
  if (silent && status === 'streaming') {
    return <p className="waiting">{loading ? text.waitingForLoad : text.waiting}</p>;
  }
  return (
    <>
      {reasoning !== '' && <Thoughts message={message} />}
      {content !== '' && <Markdown source={content} />}
      {toolCalls.map((call, i) => (
        <section key={i} className="tool-call" aria-label={text.toolCall}>
          <p>
            {text.toolCall} <code>{call.name}</code>
          </p>
          <CodeBlock code={call.arguments} language="json" />
        </section>
      ))}
    </>
  );
}

function AnswerError(props: { message: AssistantMessage; onRetry: (() => void) | null }) {
  const { text } = useI18n();
  const { error } = props.message;
  if (error === null) return null;
  return (
    <Alert
      className="answer-error"
      type="error"
      showIcon
      title={
        <>
          {errorText(error, text)}
          {error.code !== '' && <span className="error-code">{text.errorCode(error.code)}</span>}
        </>
      }
      action={
        props.onRetry !== null && (
          <Button size="small" onClick={props.onRetry} data-action="retry">
            {text.retry}
          </Button>
        )
      }
    />
  );
}
