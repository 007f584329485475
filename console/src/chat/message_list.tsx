import { ArrowDownOutlined } from '@ant-design/icons';
import { useRef } from 'react';
import type { ModelState } from '../api/models';
import type { Message } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { IconButton } from '../layout/icon_button';
import { useServices } from '../wiring';
import { AnswerView } from './answer_view';
import type { ChatTarget } from './chat_controller';
import { QuestionView } from './question_view';
import { useStickToEnd } from './use_stick_to_end';

interface MessageListProps {
  readonly messages: readonly Message[];
  readonly running: boolean;
  readonly target: ChatTarget | null;
  readonly modelState: ModelState;
}

export function MessageList({ messages, running, target, modelState }: MessageListProps) {
  const { text } = useI18n();
  const { chat } = useServices();
  const box = useRef<HTMLElement>(null);
  const lastQuestion = messages.findLastIndex((message) => message.role === 'user');
  const { atEnd, scrollToEnd } = useStickToEnd(box, messages[lastQuestion]?.id, running);
  const idle = !running && target !== null;

  return (
    <div className="messages-frame">
      <section className="messages" ref={box} tabIndex={0} aria-label={text.messageList}>
        <div className="messages-column">
          {messages.map((message, i) =>
            message.role === 'user' ? (
              <QuestionView
                key={message.id}
                message={message}
                onEdit={
                  idle && i === lastQuestion
                    ? (value) => void chat.editAndSend(message.id, value, target)
                    : null
                }
              />
            ) : (
              <AnswerView
                key={message.id}
                message={message}
                loading={modelState !== 'ready'}
                onRetry={
                  idle && i === messages.length - 1 ? () => void chat.regenerate(target) : null
                }
              />
            ),
          )}
        </div>
      </section>
      {!atEnd && (
        <div className="to-end">
          <IconButton
            label={text.scrollToEnd}
            icon={<ArrowDownOutlined />}
            size="middle"
            onClick={scrollToEnd}
          />
        </div>
      )}
    </div>
  );
}
