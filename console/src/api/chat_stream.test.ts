import { describe, expect, it } from 'vitest';
import { ApiClient } from './api_client';
import { ApiError } from './api_error';
import { streamChat, type ChatEvent, type ChatRequest } from './chat_stream';

const kRequest: ChatRequest = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

interface Sent {
  path: string;
  init: RequestInit;
}

function clientOf(answer: () => Response | Promise<Response>, sent: Sent[] = []): ApiClient {
  const fetchFake = async (path: unknown, init?: RequestInit) => {
    sent.push({ path: String(path), init: init ?? {} });
    return answer();
  };
  return new ApiClient(() => ({ key: 'xc-1', language: 'zh' }), fetchFake as typeof fetch);
}

function stream(...data: unknown[]): Response {
  const lines = data.map(
    (item) => `data: ${typeof item === 'string' ? item : JSON.stringify(item)}\n\n`,
  );
  return new Response(lines.join(''), { headers: { 'Content-Type': 'text/event-stream' } });
}

async function collect(
  client: ApiClient,
  signal = new AbortController().signal,
): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of streamChat(client, kRequest, signal)) events.push(event);
  return events;
}

describe('streamChat', () => {
  it('sends the key, the language and a request for usage', async () => {
    const sent: Sent[] = [];
    await collect(clientOf(() => stream('[DONE]'), sent));
    expect(sent[0]?.path).toBe('/v1/chat/completions');
    expect(sent[0]?.init.headers).toMatchObject({
      Authorization: 'Bearer xc-1',
      'Accept-Language': 'zh-CN',
    });
    expect(JSON.parse(String(sent[0]?.init.body))).toEqual({
      ...kRequest,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('reads content, thoughts, tool calls, the reason and the usage', async () => {
    const events = await collect(
      clientOf(() =>
        stream(
          { choices: [{ delta: { role: 'assistant', content: '' } }] },
          { choices: [{ delta: { reasoning_content: '想' } }] },
          { choices: [{ delta: { content: '答' } }] },
          { choices: [{ delta: { tool_calls: [{ index: 0, function: { name: 'f' } }] } }] },
          { choices: [{ delta: {}, finish_reason: 'stop' }] },
          { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
          '[DONE]',
        ),
      ),
    );
    expect(events).toEqual([
      { kind: 'reasoning', text: '想' },
      { kind: 'content', text: '答' },
      { kind: 'tool_call', index: 0, name: 'f', arguments: '' },
      { kind: 'finish', reason: 'stop' },
      { kind: 'usage', usage: { promptTokens: 3, completionTokens: 2, cachedTokens: 0 } },
    ]);
  });

  it('throws the error of a refused request in the words of the server', async () => {
    const refused = () =>
      Response.json({ error: { message: '密钥无效', code: 'invalid_api_key' } }, { status: 401 });
    const error = await collect(clientOf(refused)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      kind: 'api',
      message: '密钥无效',
      code: 'invalid_api_key',
      unauthorized: true,
    });
  });

  it('throws an error that arrives in mid-stream', async () => {
    const client = clientOf(() =>
      stream(
        { choices: [{ delta: { content: 'a' } }] },
        { error: { message: 'worker lost', type: 'server_error', code: 'worker_lost' } },
      ),
    );
    await expect(collect(client)).rejects.toMatchObject({ kind: 'api', code: 'worker_lost' });
  });

  it('does not take a stream that just ends for a whole answer', async () => {
    const client = clientOf(() => stream({ choices: [{ delta: { content: 'a' } }] }));
    await expect(collect(client)).rejects.toMatchObject({ kind: 'interrupted' });
  });

  it('calls garbage what it is', async () => {
    await expect(collect(clientOf(() => stream('{not json')))).rejects.toMatchObject({
      kind: 'protocol',
    });
    const page = () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } });
    await expect(collect(clientOf(page))).rejects.toMatchObject({ kind: 'protocol' });
    const gateway = () => new Response('<html>', { status: 502 });
    await expect(collect(clientOf(gateway))).rejects.toMatchObject({ kind: 'api', status: 502 });
  });

  it('tells a server that is away from a user who stopped', async () => {
    const away = clientOf(() => Promise.reject(new TypeError('Failed to fetch')));
    await expect(collect(away)).rejects.toMatchObject({ kind: 'network' });
    const stopped = clientOf(() => Promise.reject(new DOMException('stop', 'AbortError')));
    await expect(collect(stopped)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
