import { describe, expect, it } from 'vitest';
import { ApiClient } from '../api/api_client';
import type { AssistantMessage } from '../conversations/conversation';
import { MemoryConversationDb } from '../conversations/conversation_db';
import { ConversationStore } from '../conversations/conversation_store';
import { kDefaultSettings } from '../settings/settings';
import { tokensPerSecond } from './answer';
import { ChatController, type ChatTarget } from './chat_controller';

const kTarget: ChatTarget = {
  model: 'm',
  vision: false,
  settings: { ...kDefaultSettings, systemPrompt: 'be brief', maxTokens: 64 },
};

interface Server {
  readonly bodies: { messages: unknown; max_completion_tokens?: number; temperature?: number }[];
  send: (data: unknown) => void;
  end: () => void;
  aborted: boolean;
}

// A server whose stream the test feeds, and a controller that talks to it.
async function setUp(status = 200) {
  const server: Server = { bodies: [], send: () => {}, end: () => {}, aborted: false };
  const fake = async (_: unknown, init?: RequestInit) => {
    server.bodies.push(JSON.parse(String(init?.body)) as Server['bodies'][number]);
    if (status !== 200) return Response.json({ error: { message: 'no' } }, { status });
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const write = (text: string) => controller.enqueue(new TextEncoder().encode(text));
        server.send = (data) => write(`data: ${JSON.stringify(data)}\n\n`);
        server.end = () => {
          write('data: [DONE]\n\n');
          controller.close();
        };
        init?.signal?.addEventListener('abort', () => {
          server.aborted = true;
          controller.error(new DOMException('stop', 'AbortError'));
        });
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  };
  const client = new ApiClient(() => ({ key: 'k', language: 'en' }), fake as typeof fetch);
  const store = new ConversationStore(new MemoryConversationDb());
  await store.load(null);
  const rejected: boolean[] = [];
  let now = 0;
  const chat = new ChatController(
    client,
    store,
    () => rejected.push(true),
    () => (now += 100),
  );
  const last = () => store.snapshot().messages.at(-1) as AssistantMessage;
  return { server, store, chat, last, rejected };
}

const content = (text: string) => ({ choices: [{ delta: { content: text } }] });
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('ChatController', () => {
  it('streams an answer into the conversation and measures it', async () => {
    const { server, store, chat, last } = await setUp();
    const done = chat.send('hi', [], kTarget);
    await turn();
    expect(chat.running()).toBe(true);
    server.send({ choices: [{ delta: { reasoning_content: 'hm' } }] });
    server.send(content('he'));
    server.send(content('llo'));
    server.send({ choices: [{ delta: {}, finish_reason: 'stop' }] });
    server.send({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 3 } });
    server.end();
    await done;

    expect(chat.running()).toBe(false);
    expect(store.snapshot().messages).toHaveLength(2);
    expect(last()).toMatchObject({
      status: 'done',
      content: 'hello',
      reasoning: 'hm',
      finishReason: 'stop',
    });
    expect(tokensPerSecond(last())).toBeGreaterThan(0);
    expect(server.bodies[0]).toMatchObject({
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      max_completion_tokens: 64,
    });
    expect(server.bodies[0]).not.toHaveProperty('temperature');
  });

  it('stops at once: the request is aborted and the half answer is kept', async () => {
    const { server, chat, last } = await setUp();
    const done = chat.send('hi', [], kTarget);
    await turn();
    server.send(content('half'));
    await turn();
    chat.stop();
    expect(server.aborted).toBe(true);
    expect(chat.running()).toBe(false);
    expect(last()).toMatchObject({ status: 'stopped', content: 'half' });
    await done;
    expect(last()).toMatchObject({ status: 'stopped', content: 'half' });
  });

  it('does not write a late answer into the conversation that was opened meanwhile', async () => {
    const { server, store, chat } = await setUp();
    const done = chat.send('first', [], kTarget);
    await turn();
    server.send(content('half'));
    await turn();
    const first = store.snapshot().activeId ?? '';
    chat.stop();
    store.startNew();
    await done;
    expect(store.snapshot().messages).toEqual([]);
    await store.open(first);
    expect(store.snapshot().messages.at(-1)).toMatchObject({ status: 'stopped', content: 'half' });
  });

  it('asks the last question again, without the answer it had', async () => {
    const { server, store, chat, last } = await setUp();
    for (const answer of ['one', 'two']) {
      const done = answer === 'one' ? chat.send('hi', [], kTarget) : chat.regenerate(kTarget);
      await turn();
      server.send(content(answer));
      server.end();
      await done;
    }
    expect(store.snapshot().messages).toHaveLength(2);
    expect(last().content).toBe('two');
    expect(server.bodies[1]).toEqual(server.bodies[0]);
  });

  it('asks an edited question in place of the old one', async () => {
    const { server, store, chat } = await setUp();
    const first = chat.send('typo', [], kTarget);
    await turn();
    server.end();
    await first;
    const id = store.snapshot().messages[0]?.id ?? '';
    const second = chat.editAndSend(id, 'fixed', kTarget);
    await turn();
    server.end();
    await second;
    expect(store.snapshot().messages.map((m) => m.content)).toEqual(['fixed', '']);
  });

  it('keeps the words of an error, and says that a key was refused', async () => {
    const { chat, last, rejected } = await setUp(401);
    await chat.send('hi', [], kTarget);
    expect(last()).toMatchObject({ status: 'error', error: { message: 'no', status: 401 } });
    expect(rejected).toEqual([true]);
  });
});
