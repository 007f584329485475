import type { Usage } from '../api/chat_stream';

// Conversations live in the browser only. A head is what the list shows; the body holds the
// messages and is read when the conversation is opened.

export interface ConversationHead {
  readonly id: string;
  readonly title: string; // empty until the first message
  readonly renamed: boolean; // the user chose the title
  readonly updatedAt: number; // ms since the epoch
}

export interface UserMessage {
  readonly id: string;
  readonly role: 'user';
  readonly content: string;
  readonly images: readonly string[]; // data URLs
}

export interface ToolCall {
  readonly name: string;
  readonly arguments: string;
}

export interface MessageError {
  readonly kind: 'network' | 'interrupted' | 'protocol' | 'api';
  readonly message: string; // what the server said, in the language of that moment
  readonly status: number;
  readonly code: string;
}

export interface Timing {
  readonly firstTokenMs: number;
  readonly decodeMs: number; // first to last token
}

export interface AssistantMessage {
  readonly id: string;
  readonly role: 'assistant';
  readonly model: string;
  readonly status: 'streaming' | 'done' | 'stopped' | 'error';
  readonly startedAt: number;
  readonly content: string;
  readonly reasoning: string;
  readonly reasoningMs: number;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: string;
  readonly usage: Usage | null;
  readonly timing: Timing | null;
  readonly error: MessageError | null;
}

export type Message = UserMessage | AssistantMessage;

export const kConversationsMax = 200; // the oldest go first
export const kMessagesMax = 400; // per conversation
export const kTitleCharsMax = 60;

export function newId(): string {
  // randomUUID is missing outside of secure contexts, such as plain HTTP on a LAN address.
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// The first line of the first message, cut at a character and never inside one.
export function titleOf(text: string): string {
  const line = text.trim().split('\n')[0]?.trim() ?? '';
  const chars = Array.from(line);
  return chars.length <= kTitleCharsMax ? line : chars.slice(0, kTitleCharsMax - 1).join('') + '…';
}

// Newest first; a tie is broken by id so that the order never flickers.
export function byNewest(a: ConversationHead, b: ConversationHead): number {
  return b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1);
}

// A page that was closed in mid-answer leaves a message that says "streaming".
export function settleInterrupted(messages: readonly Message[]): readonly Message[] {
  return messages.map((message) =>
    message.role === 'assistant' && message.status === 'streaming'
      ? { ...message, status: 'stopped' as const }
      : message,
  );
}

export type Age = 'today' | 'lastWeek' | 'earlier';

export function ageOf(updatedAt: number, now: number): Age {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (updatedAt >= midnight) return 'today';
  return updatedAt >= midnight - 6 * 24 * 3600 * 1000 ? 'lastWeek' : 'earlier';
}
