import { Drawer } from 'antd';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useConversations } from '../conversations/use_conversations';
import { useI18n } from '../i18n/i18n_context';
import { AiNotice } from '../layout/ai_notice';
import { Sidebar } from '../layout/sidebar';
import { TopBar } from '../layout/top_bar';
import { useModels } from '../models/models_context';
import { useObservable } from '../settings/observable';
import { SettingsDrawer } from '../settings/settings_drawer';
import { useServices } from '../wiring';
import { Announcer } from './announcer';
import type { ChatTarget } from './chat_controller';
import { Composer, type ComposerRef } from './composer';
import { EmptyState } from './empty_state';
import { MessageList } from './message_list';
import { useEscapeToStop } from './use_escape_to_stop';

export function ChatPage() {
  const { text } = useI18n();
  const { chat, settings } = useServices();
  const { chosen, refresh } = useModels();
  const { messages, activeId } = useConversations();
  const running = useSyncExternalStore(chat.subscribe, chat.running);
  const settingsNow = useObservable(settings);
  const [menuOpen, setMenuOpen] = useState(false);
  const [settingsOpen, setSettingsOpen] = useState(false);
  const composer = useRef<ComposerRef>(null);

  const target = useMemo<ChatTarget | null>(
    () =>
      chosen === null ? null : { model: chosen.id, vision: chosen.vision, settings: settingsNow },
    [chosen, settingsNow],
  );
  useEscapeToStop(running, () => chat.stop());
  // The first question loads the model, and the last one may have shown that it is gone.
  useEffect(() => refresh(), [running, refresh]);

  const leave = () => {
    setMenuOpen(false);
    composer.current?.focus();
  };
  const send = (value: string, images: readonly string[]) => {
    if (target !== null) void chat.send(value, images, target);
  };

  return (
    <div className="page">
      <a
        className="skip-link"
        href="#composer"
        onClick={(event) => {
          event.preventDefault();
          composer.current?.focus();
        }}
      >
        {text.skipToInput}
      </a>
      <aside className="side wide-only">
        <Sidebar onLeave={leave} />
      </aside>
      <Drawer
        open={menuOpen}
        onClose={() => setMenuOpen(false)}
        placement="left"
        size={288}
        title={text.sidebar}
        closable={{ 'aria-label': text.close }}
        classNames={{ body: 'side-drawer' }}
        destroyOnHidden
      >
        <Sidebar onLeave={leave} />
      </Drawer>
      <main className="main">
        <h1 className="visually-hidden">{text.pageTitle}</h1>
        <TopBar onMenu={() => setMenuOpen(true)} onSettings={() => setSettingsOpen(true)} />
        {messages.length === 0 ? (
          <EmptyState onAsk={(question) => send(question, [])} />
        ) : (
          <MessageList
            key={activeId}
            messages={messages}
            running={running}
            target={target}
            modelState={chosen?.state ?? 'ready'}
          />
        )}
        <div className="bottom">
          <Composer
            ref={composer}
            running={running}
            model={chosen}
            messageCount={messages.length}
            onSend={send}
            onStop={() => chat.stop()}
          />
          <AiNotice />
        </div>
        <Announcer messages={messages} />
      </main>
      <SettingsDrawer open={settingsOpen} onClose={() => setSettingsOpen(false)} />
    </div>
  );
}
