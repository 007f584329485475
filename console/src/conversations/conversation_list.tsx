import { DeleteOutlined, EditOutlined } from '@ant-design/icons';
import { useState } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { IconButton } from '../layout/icon_button';
import { ageOf, type Age, type ConversationHead } from './conversation';
import { RemoveDialog, RenameDialog } from './conversation_dialogs';

interface ConversationListProps {
  readonly heads: readonly ConversationHead[];
  readonly activeId: string | null;
  readonly onOpen: (id: string) => void;
  readonly onRename: (id: string, title: string) => void;
  readonly onRemove: (id: string) => void;
}

const kAges: readonly Age[] = ['today', 'lastWeek', 'earlier'];

export function ConversationList(props: ConversationListProps) {
  const { heads, activeId, onOpen, onRename, onRemove } = props;
  const { text } = useI18n();
  const [renaming, setRenaming] = useState<ConversationHead | null>(null);
  const [removing, setRemoving] = useState<ConversationHead | null>(null);
  const now = Date.now();
  if (heads.length === 0) return <p className="side-empty">{text.noConversations}</p>;
  return (
    <>
      {kAges.map((age) => {
        const group = heads.filter((head) => ageOf(head.updatedAt, now) === age);
        if (group.length === 0) return null;
        return (
          <section key={age}>
            <h2>{text[age]}</h2>
            <ul>
              {group.map((head) => (
                <Item
                  key={head.id}
                  head={head}
                  active={head.id === activeId}
                  onOpen={() => onOpen(head.id)}
                  onRename={() => setRenaming(head)}
                  onRemove={() => setRemoving(head)}
                />
              ))}
            </ul>
          </section>
        );
      })}
      <RenameDialog head={renaming} onClose={() => setRenaming(null)} onRename={onRename} />
      <RemoveDialog head={removing} onClose={() => setRemoving(null)} onRemove={onRemove} />
    </>
  );
}

interface ItemProps {
  readonly head: ConversationHead;
  readonly active: boolean;
  readonly onOpen: () => void;
  readonly onRename: () => void;
  readonly onRemove: () => void;
}

function Item({ head, active, onOpen, onRename, onRemove }: ItemProps) {
  const { text } = useI18n();
  const title = head.title || text.untitled;
  return (
    <li className={active ? 'conversation active' : 'conversation'}>
      <button
        type="button"
        className="conversation-open"
        aria-current={active ? 'page' : undefined}
        title={title}
        onClick={onOpen}
      >
        {title}
      </button>
      <span className="conversation-actions" role="group" aria-label={text.conversationMenu(title)}>
        <IconButton label={text.rename} icon={<EditOutlined />} onClick={onRename} />
        <IconButton label={text.remove} icon={<DeleteOutlined />} onClick={onRemove} />
      </span>
    </li>
  );
}
