import type { ChatEvent } from '../api/chat_stream';
import type { AssistantMessage, MessageError, ToolCall } from '../conversations/conversation';

// Builds one answer from its stream. Pure but for `now`, which is passed in milliseconds.
export class AnswerBuilder {
  private message_: AssistantMessage;
  private firstAt_: number | null = null;
  private lastAt_ = 0;
  private reasoningAt_: number | null = null;

  constructor(id: string, model: string, now: number) {
    this.message_ = {
      id,
      role: 'assistant',
      model,
      status: 'streaming',
      startedAt: now,
      content: '',
      reasoning: '',
      reasoningMs: 0,
      toolCalls: [],
      finishReason: '',
      usage: null,
      timing: null,
      error: null,
    };
  }

  get message(): AssistantMessage {
    return this.message_;
  }

  take(event: ChatEvent, now: number): void {
    switch (event.kind) {
      case 'content':
        this.touch(now);
        this.change({ content: this.message_.content + event.text });
        return;
      case 'reasoning':
        this.touch(now);
        this.reasoningAt_ ??= now;
        this.change({
          reasoning: this.message_.reasoning + event.text,
          reasoningMs: now - this.reasoningAt_,
        });
        return;
      case 'tool_call':
        this.touch(now);
        this.change({ toolCalls: withToolCall(this.message_.toolCalls, event) });
        return;
      case 'finish':
        this.change({ finishReason: event.reason });
        return;
      case 'usage':
        this.change({ usage: event.usage });
    }
  }

  end(status: 'done' | 'stopped' | 'error', error: MessageError | null): void {
    const timing =
      this.firstAt_ === null
        ? null
        : {
            firstTokenMs: this.firstAt_ - this.message_.startedAt,
            decodeMs: this.lastAt_ - this.firstAt_,
          };
    this.change({ status, error, timing });
  }

  private touch(now: number): void {
    this.firstAt_ ??= now;
    this.lastAt_ = now;
  }

  private change(change: Partial<AssistantMessage>): void {
    this.message_ = { ...this.message_, ...change };
  }
}

function withToolCall(
  calls: readonly ToolCall[],
  event: { index: number; name: string; arguments: string },
): readonly ToolCall[] {
  const old = calls[event.index];
  if (old === undefined) return [...calls, { name: event.name, arguments: event.arguments }];
  const grown = { name: old.name + event.name, arguments: old.arguments + event.arguments };
  return calls.map((call, i) => (i === event.index ? grown : call));
}

// Tokens per second after the first one; null when there is nothing to measure.
export function tokensPerSecond(message: AssistantMessage): number | null {
  const tokens = message.usage?.completionTokens ?? 0;
  const decodeMs = message.timing?.decodeMs ?? 0;
  return tokens >= 2 && decodeMs > 0 ? ((tokens - 1) * 1000) / decodeMs : null;
}
