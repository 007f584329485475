import { EditOutlined } from '@ant-design/icons';
import Bubble from '@ant-design/x/es/bubble';
import { Button, Input } from 'antd';
import { memo, useState } from 'react';
import type { UserMessage } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { CopyButton } from '../layout/copy_button';
import { IconButton } from '../layout/icon_button';

interface QuestionViewProps {
  readonly message: UserMessage;
  readonly onEdit: ((text: string) => void) | null; // null: cannot be edited now
}

export const QuestionView = memo(
  function QuestionView({ message, onEdit }: QuestionViewProps) {
    const { text } = useI18n();
    const [editing, setEditing] = useState(false);
    if (editing && onEdit !== null) {
      return (
        <article className="question" aria-label={text.you}>
          <Editor value={message.content} onCancel={() => setEditing(false)} onSend={onEdit} />
        </article>
      );
    }
    return (
      <article className="question" aria-label={text.you} data-role="user">
        <h2 className="visually-hidden">{text.you}</h2>
        {message.images.length > 0 && (
          <div className="question-images">
            {message.images.map((url, i) => (
              <img key={i} src={url} alt={text.imageAlt} />
            ))}
          </div>
        )}
        <div className="question-row">
          <div className="message-actions">
            <CopyButton value={message.content} label={text.copy} />
            {onEdit !== null && (
              <IconButton
                label={text.edit}
                icon={<EditOutlined />}
                onClick={() => setEditing(true)}
              />
            )}
          </div>
          {message.content !== '' && (
            <Bubble
              placement="end"
              content={message.content}
              classNames={{ content: 'question-text' }}
            />
          )}
        </div>
      </article>
    );
  },
  (a, b) => a.message === b.message && a.onEdit === null && b.onEdit === null,
);

interface EditorProps {
  readonly value: string;
  readonly onCancel: () => void;
  readonly onSend: (text: string) => void;
}

function Editor({ value, onCancel, onSend }: EditorProps) {
  const { text } = useI18n();
  const [draft, setDraft] = useState(value);
  const send = () => {
    if (draft.trim() === '') return;
    onCancel();
    onSend(draft);
  };
  return (
    <div className="question-editor">
      <Input.TextArea
        aria-label={text.editLabel}
        autoFocus
        value={draft}
        autoSize={{ minRows: 2, maxRows: 12 }}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel();
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <div className="question-editor-actions">
        <Button size="small" onClick={onCancel}>
          {text.cancel}
        </Button>
        <Button size="small" type="primary" disabled={draft.trim() === ''} onClick={send}>
          {text.editSend}
        </Button>
      </div>
    </div>
  );
}
