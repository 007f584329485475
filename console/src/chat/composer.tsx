import Sender from '@ant-design/x/es/sender';
import type { SenderRef } from '@ant-design/x/es/sender/interface';
import { Alert, Input } from 'antd';
import {
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
  type ComponentProps,
  type Ref,
} from 'react';
import type { Model } from '../api/models';
import { kMessagesMax } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { AttachButton, ImageStrip, useImages } from './composer_images';

export interface ComposerRef {
  focus(): void;
}

interface ComposerProps {
  readonly ref?: Ref<ComposerRef>;
  readonly running: boolean;
  readonly model: Model | null;
  readonly messageCount: number;
  readonly onSend: (text: string, images: readonly string[]) => void;
  readonly onStop: () => void;
}

// Sender gives its ARIA attributes to its frame too, so the label is put on the text area here.
function LabelledTextArea(props: ComponentProps<typeof Input.TextArea>) {
  const { text } = useI18n();
  return <Input.TextArea {...props} id="composer" aria-label={text.inputLabel} />;
}

const kSenderComponents = { input: LabelledTextArea };

export function Composer({ ref, running, model, messageCount, onSend, onStop }: ComposerProps) {
  const { text } = useI18n();
  const [draft, setDraft] = useState('');
  const images = useImages();
  const sender = useRef<SenderRef>(null);
  const focus = () => sender.current?.focus();
  useImperativeHandle(ref, () => ({ focus }));
  useEffect(focus, []);

  const full = messageCount + 2 > kMessagesMax;
  const empty = draft.trim() === '' && images.urls.length === 0;
  const canSend = !empty && !full && model !== null;
  const canSee = model?.vision ?? false;
  const send = () => {
    if (!canSend || running) return;
    onSend(draft.trim(), images.urls);
    setDraft('');
    images.clear();
  };

  return (
    <div className="composer">
      {full && <Alert type="info" showIcon title={text.conversationFull(kMessagesMax)} />}
      {images.problem !== null && (
        <Alert
          type="warning"
          showIcon
          closable={{ onClose: images.forgive }}
          title={images.problem}
        />
      )}
      {images.urls.length > 0 && !canSee && (
        <Alert type="warning" showIcon title={text.modelCannotSee} />
      )}
      <Sender
        ref={sender}
        value={draft}
        onChange={setDraft}
        onSubmit={send}
        onCancel={() => {
          onStop();
          focus();
        }}
        loading={running}
        placeholder={text.inputPlaceholder}
        autoSize={{ minRows: 1, maxRows: 10 }}
        components={kSenderComponents}
        {...(canSee ? { onPasteFile: images.add } : {})}
        header={
          images.urls.length > 0 && <ImageStrip urls={images.urls} onRemove={images.remove} />
        }
        prefix={canSee && <AttachButton onFiles={images.add} />}
        suffix={(_, { components: { SendButton, LoadingButton } }) =>
          running ? (
            <LoadingButton aria-label={text.stop} title={text.stop} data-action="stop" />
          ) : (
            <SendButton
              aria-label={text.send}
              title={text.send}
              data-action="send"
              disabled={!canSend}
            />
          )
        }
      />
    </div>
  );
}
