import { Input, Modal, type InputRef } from 'antd';
import { useEffect, useId, useRef, useState } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { kTitleCharsMax, type ConversationHead } from './conversation';

interface DialogProps {
  readonly head: ConversationHead | null; // null: closed
  readonly onClose: () => void;
}

export function RenameDialog(
  props: DialogProps & { onRename: (id: string, title: string) => void },
) {
  const { head, onClose, onRename } = props;
  const { text } = useI18n();
  const [title, setTitle] = useState('');
  const input = useRef<InputRef>(null);
  const id = useId();
  useEffect(() => setTitle(head?.title ?? ''), [head]);
  const submit = () => {
    if (head === null || title.trim() === '') return;
    onRename(head.id, title);
    onClose();
  };
  return (
    <Modal
      open={head !== null}
      title={text.renameTitle}
      okText={text.save}
      cancelText={text.cancel}
      okButtonProps={{ disabled: title.trim() === '' }}
      closable={{ 'aria-label': text.close }}
      onOk={submit}
      onCancel={onClose}
      afterOpenChange={(open) => open && input.current?.focus({ cursor: 'all' })}
      width={400}
      centered
    >
      <label htmlFor={id} className="visually-hidden">
        {text.renameLabel}
      </label>
      <Input
        id={id}
        ref={input}
        value={title}
        maxLength={kTitleCharsMax}
        onChange={(event) => setTitle(event.target.value)}
        onPressEnter={(event) => {
          if (event.nativeEvent.isComposing) return;
          // The focus goes back to the button that opened this, which the same key would press.
          event.preventDefault();
          submit();
        }}
      />
    </Modal>
  );
}

export function RemoveDialog(props: DialogProps & { onRemove: (id: string) => void }) {
  const { head, onClose, onRemove } = props;
  const { text } = useI18n();
  const [title, setTitle] = useState('');
  // The title stays while the closed dialog fades out.
  useEffect(() => {
    if (head !== null) setTitle(head.title || text.untitled);
  }, [head, text]);
  return (
    <Modal
      open={head !== null}
      title={text.removeTitle}
      okText={text.remove}
      okButtonProps={{ danger: true }}
      cancelText={text.cancel}
      closable={{ 'aria-label': text.close }}
      onOk={() => {
        if (head !== null) onRemove(head.id);
        onClose();
      }}
      onCancel={onClose}
      width={400}
      centered
    >
      {text.removeText(title)}
    </Modal>
  );
}
