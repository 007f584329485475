import type { AssistantMessage } from '../conversations/conversation';
import { useI18n } from '../i18n/i18n_context';
import { tokensPerSecond } from './answer';

// The small numbers under an answer, with their units.
export function AnswerStats({ message }: { message: AssistantMessage }) {
  const { text, format } = useI18n();
  const { usage, timing } = message;
  const parts: string[] = [];
  if (usage !== null) {
    parts.push(text.statInput(format.count(usage.promptTokens)));
    if (usage.cachedTokens > 0) parts.push(text.statCached(format.count(usage.cachedTokens)));
    parts.push(text.statOutput(format.count(usage.completionTokens)));
  }
  const speed = tokensPerSecond(message);
  if (speed !== null) parts.push(text.statSpeed(format.rate(speed)));
  if (timing !== null) parts.push(text.statFirst(format.seconds(timing.firstTokenMs)));
  return parts.length === 0 ? null : <span className="stats">{parts.join(' · ')}</span>;
}

// Why an answer ended, where it did not simply end.
export function AnswerNotes({ message }: { message: AssistantMessage }) {
  const { text } = useI18n();
  const note = noteOf(message);
  return note === null ? null : <span className="note">{text[note]}</span>;
}

function noteOf(message: AssistantMessage) {
  if (message.status === 'stopped') return 'stopped';
  if (message.status !== 'done') return null;
  if (message.finishReason === 'length') return 'cutByLength';
  if (message.finishReason === 'content_filter') return 'cutByFilter';
  if (message.content === '' && message.toolCalls.length === 0) return 'emptyAnswer';
  return null;
}
