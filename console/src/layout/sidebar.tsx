import { PlusOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { ConversationList } from '../conversations/conversation_list';
import { useConversations } from '../conversations/use_conversations';
import { useI18n } from '../i18n/i18n_context';
import { useServices } from '../wiring';
import { Brand } from './brand';
import { LanguageSwitch } from './language_switch';

// `onLeave` is called after the user went to another conversation.
export function Sidebar({ onLeave }: { onLeave: () => void }) {
  const { text } = useI18n();
  const { conversations, chat } = useServices();
  const { heads, activeId, persistent } = useConversations();

  // Leaving a conversation stops its answer; so does removing it.
  const startNew = () => {
    chat.stop();
    conversations.startNew();
    onLeave();
  };
  const open = (id: string) => {
    if (id !== activeId) chat.stop();
    void conversations.open(id).then(onLeave);
  };
  const remove = (id: string) => {
    if (id === activeId) chat.stop();
    conversations.remove(id);
  };

  return (
    <div className="sidebar">
      <Brand />
      <Button block icon={<PlusOutlined aria-hidden />} onClick={startNew} data-action="new-chat">
        {text.newChat}
      </Button>
      <nav className="conversations" aria-label={text.sidebar}>
        <ConversationList
          heads={heads}
          activeId={activeId}
          onOpen={open}
          onRename={(id, title) => conversations.rename(id, title)}
          onRemove={remove}
        />
      </nav>
      {!persistent && <p className="side-note">{text.historyNotKept}</p>}
      <div className="side-foot">
        <LanguageSwitch />
      </div>
    </div>
  );
}
