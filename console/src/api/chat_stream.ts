import type { ApiClient } from './api_client';
import { ApiError, apiErrorOf, isAbort } from './api_error';
import { readSse, SseLimitError } from './sse';

export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

export interface PromptMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly ContentPart[];
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly PromptMessage[];
  readonly temperature?: number;
  readonly max_completion_tokens?: number;
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

export type ChatEvent =
  | { readonly kind: 'content'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | {
      readonly kind: 'tool_call';
      readonly index: number;
      readonly name: string;
      readonly arguments: string;
    }
  | { readonly kind: 'finish'; readonly reason: string }
  | { readonly kind: 'usage'; readonly usage: Usage };

interface Chunk {
  choices?: {
    delta?: {
      content?: unknown;
      reasoning_content?: unknown;
      tool_calls?: { index?: number; function?: { name?: string; arguments?: string } }[] | null;
    } | null;
    finish_reason?: unknown;
  }[];
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
  } | null;
}

function* eventsOf(chunk: Chunk): Generator<ChatEvent> {
  const choice = chunk.choices?.[0];
  const delta = choice?.delta;
  if (typeof delta?.reasoning_content === 'string' && delta.reasoning_content !== '') {
    yield { kind: 'reasoning', text: delta.reasoning_content };
  }
  if (typeof delta?.content === 'string' && delta.content !== '') {
    yield { kind: 'content', text: delta.content };
  }
  for (const call of delta?.tool_calls ?? []) {
    yield {
      kind: 'tool_call',
      index: call.index ?? 0,
      name: call.function?.name ?? '',
      arguments: call.function?.arguments ?? '',
    };
  }
  if (typeof choice?.finish_reason === 'string') {
    yield { kind: 'finish', reason: choice.finish_reason };
  }
  if (chunk.usage) {
    yield {
      kind: 'usage',
      usage: {
        promptTokens: chunk.usage.prompt_tokens ?? 0,
        completionTokens: chunk.usage.completion_tokens ?? 0,
        cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
      },
    };
  }
}

function chunkOf(data: string): Chunk {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new ApiError('protocol', '', 200);
  }
  const error = apiErrorOf(value, 200);
  if (error !== null) throw error;
  if (typeof value !== 'object' || value === null) throw new ApiError('protocol', '', 200);
  return value as Chunk;
}

// Streams one answer. Ends normally only after `[DONE]`; an error that the server sends in
// mid-stream, a connection that breaks and a stream that just ends are all thrown as ApiError.
// Aborting `signal` throws AbortError and closes the connection, which stops the engine.
export async function* streamChat(
  client: ApiClient,
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const response = await client.post('/v1/chat/completions', body, signal);
  const type = response.headers.get('Content-Type') ?? '';
  if (response.body === null || !type.startsWith('text/event-stream')) {
    throw new ApiError('protocol', '', response.status);
  }
  try {
    for await (const event of readSse(response.body)) {
      if (event.data === '[DONE]') return;
      yield* eventsOf(chunkOf(event.data));
    }
  } catch (error) {
    if (isAbort(error) || error instanceof ApiError) throw error;
    if (error instanceof SseLimitError) throw new ApiError('protocol', '', 200);
    throw new ApiError('interrupted', '');
  }
  if (signal.aborted) throw new DOMException('aborted', 'AbortError');
  throw new ApiError('interrupted', '');
}
