import type { ApiClient } from '../api/api_client';
import { ApiError, isAbort } from '../api/api_error';
import { streamChat } from '../api/chat_stream';
import { newId, type MessageError, type UserMessage } from '../conversations/conversation';
import type { ConversationStore } from '../conversations/conversation_store';
import type { Settings } from '../settings/settings';
import { AnswerBuilder } from './answer';
import { chatRequestOf } from './prompt';

export interface ChatTarget {
  readonly model: string;
  readonly vision: boolean;
  readonly settings: Settings;
}

// The page is drawn at most this often while an answer streams in.
const kDrawIntervalMs = 40;
// A page that is closed in mid-answer loses at most this much of it.
const kPersistIntervalMs = 1500;

// Runs at most one answer at a time, for the active conversation. stop() aborts the request, which
// closes the connection and with it the engine's work; so do starting another answer and leaving
// the conversation, which the page does through stop().
export class ChatController {
  private abort_: AbortController | null = null;
  private readonly listeners_ = new Set<() => void>();

  constructor(
    private readonly client_: ApiClient,
    private readonly store_: ConversationStore,
    private readonly unauthorized_: () => void,
    private readonly now_: () => number = () => Date.now(),
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners_.add(listener);
    return () => this.listeners_.delete(listener);
  };
  readonly running = (): boolean => this.abort_ !== null;

  // Each resolves when the answer has ended, whichever way; none of them rejects.
  async send(text: string, images: readonly string[], target: ChatTarget): Promise<void> {
    const message: UserMessage = { id: newId(), role: 'user', content: text, images };
    this.stop();
    this.store_.append(message);
    await this.answer(target);
  }

  // Drops what follows the last question and asks it again.
  async regenerate(target: ChatTarget): Promise<void> {
    this.stop();
    const index = this.store_.snapshot().messages.findLastIndex((m) => m.role === 'user');
    if (index < 0) return;
    this.store_.truncate(index + 1);
    await this.answer(target);
  }

  // Asks another question in place of one that was asked before, and of all that followed it.
  async editAndSend(id: string, text: string, target: ChatTarget): Promise<void> {
    this.stop();
    const { messages } = this.store_.snapshot();
    const index = messages.findIndex((m) => m.id === id);
    const old = messages[index];
    if (old?.role !== 'user') return;
    this.store_.truncate(index);
    await this.send(text, old.images, target);
  }

  stop(): void {
    this.abort_?.abort();
    this.setRunning(null);
  }

  private async answer(target: ChatTarget): Promise<void> {
    const abort = new AbortController();
    const { messages } = this.store_.snapshot();
    const request = chatRequestOf(target.model, messages, target.settings, target.vision);
    const answer = new AnswerBuilder(newId(), target.model, this.now_());
    this.store_.append(answer.message);
    this.setRunning(abort);

    let persistedAt = this.now_();
    let timer: ReturnType<typeof setTimeout> | null = null;
    const draw = () => {
      timer = null;
      const persist = this.now_() - persistedAt >= kPersistIntervalMs;
      if (persist) persistedAt = this.now_();
      this.store_.update(answer.message, { persist });
    };
    // Synchronous, so that the half answer is kept before the page moves to another conversation.
    const settle = (status: 'done' | 'stopped' | 'error', error: MessageError | null) => {
      if (answer.message.status !== 'streaming') return;
      if (timer !== null) clearTimeout(timer);
      answer.end(status, error);
      this.store_.update(answer.message, { persist: true });
    };
    abort.signal.addEventListener('abort', () => settle('stopped', null));

    try {
      for await (const event of streamChat(this.client_, request, abort.signal)) {
        if (abort.signal.aborted) break;
        answer.take(event, this.now_());
        timer ??= setTimeout(draw, kDrawIntervalMs);
      }
      settle('done', null);
    } catch (error) {
      if (isAbort(error)) settle('stopped', null);
      else settle('error', messageErrorOf(error));
      if (error instanceof ApiError && error.unauthorized) this.unauthorized_();
    } finally {
      if (this.abort_ === abort) this.setRunning(null);
    }
  }

  private setRunning(abort: AbortController | null): void {
    this.abort_ = abort;
    for (const listener of this.listeners_) listener();
  }
}

function messageErrorOf(error: unknown): MessageError {
  if (error instanceof ApiError) {
    const { kind, message, status, code } = error;
    return { kind, message, status, code };
  }
  return { kind: 'protocol', message: '', status: 0, code: '' };
}
