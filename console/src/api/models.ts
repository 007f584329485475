import type { ApiClient } from './api_client';
import { ApiError } from './api_error';

export type ModelState = 'ready' | 'loading' | 'available' | 'failed';

export interface Model {
  readonly id: string;
  readonly state: ModelState;
  readonly reason: string;
  readonly contextTokens: number | null;
  readonly vision: boolean;
}

const kStates: readonly string[] = ['ready', 'loading', 'available', 'failed'];

// One item of GET /v1/models. A server that says nothing of the state has the model ready; one that
// says nothing of capabilities is taken to chat. null: not a chat model, or not a model at all.
function modelOf(item: unknown): Model | null {
  if (typeof item !== 'object' || item === null) return null;
  const { id, xingcha } = item as { id?: unknown; xingcha?: Record<string, unknown> };
  if (typeof id !== 'string' || id === '') return null;
  const extra = typeof xingcha === 'object' && xingcha !== null ? xingcha : {};
  const { state, reason, context, capabilities } = extra;
  if (Array.isArray(capabilities) && !capabilities.includes('chat')) return null;
  return {
    id,
    state: kStates.includes(state as string) ? (state as ModelState) : 'ready',
    reason: typeof reason === 'string' ? reason : '',
    contextTokens: typeof context === 'number' && context > 0 ? context : null,
    vision: Array.isArray(capabilities) && capabilities.includes('vision'),
  };
}

export async function listChatModels(client: ApiClient, signal?: AbortSignal): Promise<Model[]> {
  const answer = await client.get('/v1/models', signal);
  const data = (answer as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) throw new ApiError('protocol', '', 200);
  return data.map(modelOf).filter((model) => model !== null);
}

// The one to start with: the last one used, else the one that answers soonest.
export function preferredModel(models: readonly Model[], lastUsed: string | null): Model | null {
  const last = models.find((model) => model.id === lastUsed);
  if (last !== undefined) return last;
  for (const state of ['ready', 'loading', 'available', 'failed'] as const) {
    const found = models.find((model) => model.state === state);
    if (found !== undefined) return found;
  }
  return null;
}
