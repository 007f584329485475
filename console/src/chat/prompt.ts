import type { ChatRequest, ContentPart, PromptMessage } from '../api/chat_stream';
import type { Message } from '../conversations/conversation';
import type { Settings } from '../settings/settings';

function promptMessageOf(message: Message, vision: boolean): PromptMessage | null {
  if (message.role === 'assistant') {
    return message.content === '' ? null : { role: 'assistant', content: message.content };
  }
  if (!vision || message.images.length === 0) return { role: 'user', content: message.content };
  const parts: ContentPart[] = message.images.map((url) => ({
    type: 'image_url',
    image_url: { url },
  }));
  if (message.content !== '') parts.push({ type: 'text', text: message.content });
  return { role: 'user', content: parts };
}

// What is sent for a conversation: thoughts, errors and empty answers stay in the browser, and so
// do images when the model cannot see.
export function chatRequestOf(
  model: string,
  messages: readonly Message[],
  settings: Settings,
  vision: boolean,
): ChatRequest {
  const prompt = messages.map((m) => promptMessageOf(m, vision)).filter((m) => m !== null);
  const system = settings.systemPrompt.trim();
  return {
    model,
    messages: system === '' ? prompt : [{ role: 'system', content: system }, ...prompt],
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
    ...(settings.maxTokens === null ? {} : { max_completion_tokens: settings.maxTokens }),
  };
}
