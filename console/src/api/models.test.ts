import { describe, expect, it } from 'vitest';
import { ApiClient } from './api_client';
import { listChatModels, preferredModel, type Model } from './models';

function clientOf(body: unknown): ApiClient {
  const answer = async () => Response.json(body);
  return new ApiClient(() => ({ key: 'k', language: 'en' }), answer as typeof fetch);
}

describe('listChatModels', () => {
  it('keeps chat models and reads what the server says of them', async () => {
    const models = await listChatModels(
      clientOf({
        data: [
          {
            id: 'a',
            xingcha: { state: 'failed', reason: 'no room', context: 8192, capabilities: ['chat'] },
          },
          { id: 'b', xingcha: { state: 'ready', capabilities: ['embeddings'] } },
          { id: 'c' },
          { id: 'd', xingcha: { state: 'later', capabilities: ['chat', 'vision'] } },
          { id: 7 },
          null,
        ],
      }),
    );
    expect(models).toEqual([
      { id: 'a', state: 'failed', reason: 'no room', contextTokens: 8192, vision: false },
      { id: 'c', state: 'ready', reason: '', contextTokens: null, vision: false },
      { id: 'd', state: 'ready', reason: '', contextTokens: null, vision: true },
    ]);
  });

  it('refuses an answer that is not a list', async () => {
    await expect(listChatModels(clientOf({}))).rejects.toMatchObject({ kind: 'protocol' });
    await expect(listChatModels(clientOf(null))).rejects.toMatchObject({ kind: 'protocol' });
  });
});

describe('preferredModel', () => {
  const model = (id: string, state: Model['state']): Model => ({
    id,
    state,
    reason: '',
    contextTokens: null,
    vision: false,
  });

  it('takes the last one used, else the one that answers soonest', () => {
    const models = [model('a', 'failed'), model('b', 'available'), model('c', 'ready')];
    expect(preferredModel(models, 'b')?.id).toBe('b');
    expect(preferredModel(models, 'gone')?.id).toBe('c');
    expect(preferredModel(models.slice(0, 1), null)?.id).toBe('a');
    expect(preferredModel([], null)).toBeNull();
  });
});
