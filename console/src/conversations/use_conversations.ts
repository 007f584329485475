import { useSyncExternalStore } from 'react';
import { useServices } from '../wiring';
import type { ConversationSnapshot } from './conversation_store';

export function useConversations(): ConversationSnapshot {
  const { conversations } = useServices();
  return useSyncExternalStore(conversations.subscribe, conversations.snapshot);
}
