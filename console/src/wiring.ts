import { createContext, useContext } from 'react';
import { ApiClient } from './api/api_client';
import { keepKey, loadKey, takeKeyFromAddress } from './api/credentials';
import { ChatController } from './chat/chat_controller';
import { openConversationDb } from './conversations/conversation_db';
import { ConversationStore } from './conversations/conversation_store';
import { ConversationTabs } from './conversations/conversation_tabs';
import { initialLanguage, keepLanguage, type Language } from './i18n/language';
import { SessionController } from './session/session_controller';
import { browserStorage, tabStorage } from './settings/browser_storage';
import { Observable } from './settings/observable';
import { keepSettings, loadSettings, type Settings } from './settings/settings';

// `rejected`: the server said 401 to this key.
export interface Access {
  readonly key: string;
  readonly rejected: boolean;
}

export interface Services {
  readonly language: Observable<Language>;
  readonly settings: Observable<Settings>;
  readonly access: Observable<Access>;
  readonly client: ApiClient; // with the key: models, chat
  readonly session: SessionController; // with the cookie: administration
  readonly conversations: ConversationStore;
  readonly chat: ChatController;
}

const kActiveKey = 'xingcha.conversation';

// Constructs everything that runs behind the page; the only place that does.
export async function wire(): Promise<Services> {
  const language = new Observable<Language>(
    initialLanguage(browserStorage, navigator.languages),
    (value) => keepLanguage(browserStorage, value),
  );
  const settings = new Observable<Settings>(loadSettings(browserStorage), (value) =>
    keepSettings(browserStorage, value),
  );
  const access = new Observable<Access>(
    { key: takeKeyFromAddress(browserStorage) ?? loadKey(browserStorage), rejected: false },
    ({ key }) => keepKey(browserStorage, key),
  );
  addEventListener('hashchange', () => {
    const key = takeKeyFromAddress(browserStorage);
    if (key !== null) access.set({ key, rejected: false });
  });

  const client = new ApiClient(() => ({ key: access.get().key, language: language.get() }));
  const session = new SessionController(
    new ApiClient(() => ({ key: null, language: language.get() })),
  );
  void session.refresh();
  const tabs = new ConversationTabs();
  const db = await openConversationDb(globalThis.indexedDB);
  const conversations = new ConversationStore(db, Date.now, (id) => tabs.announce(id));
  await conversations.load(tabStorage.getItem(kActiveKey));
  conversations.subscribe(() => {
    const { activeId } = conversations.snapshot();
    if (activeId === null) tabStorage.removeItem(kActiveKey);
    else tabStorage.setItem(kActiveKey, activeId);
  });

  const chat = new ChatController(client, conversations, () =>
    access.set({ key: '', rejected: true }),
  );
  tabs.listen(() => void conversations.reload(chat.running()));
  // Leaving the page stops the engine and keeps the half answer.
  addEventListener('pagehide', () => chat.stop());
  return { language, settings, access, client, session, conversations, chat };
}

const ServicesContext = createContext<Services | null>(null);
export const ServicesProvider = ServicesContext.Provider;

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === null) throw new Error('useServices outside of ServicesProvider');
  return services;
}
