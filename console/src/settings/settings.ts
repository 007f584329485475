import type { KeyValueStorage } from './browser_storage';

// What the settings drawer keeps. null means "the model's default".
export interface Settings {
  readonly systemPrompt: string;
  readonly temperature: number | null;
  readonly maxTokens: number | null;
}

export const kDefaultSettings: Settings = { systemPrompt: '', temperature: null, maxTokens: null };
export const kTemperatureMax = 2;
export const kMaxTokensMax = 1_000_000;
export const kSystemPromptCharsMax = 20_000;

const kStorageKey = 'xingcha.settings';

function numberWithin(value: unknown, low: number, high: number): number | null {
  return typeof value === 'number' && value >= low && value <= high ? value : null;
}

// What was kept; anything that is not valid falls back to its default.
export function loadSettings(storage: KeyValueStorage): Settings {
  try {
    const kept: unknown = JSON.parse(storage.getItem(kStorageKey) ?? '{}');
    if (typeof kept !== 'object' || kept === null) return kDefaultSettings;
    const record = kept as Record<string, unknown>;
    const prompt = record['systemPrompt'];
    return {
      systemPrompt: typeof prompt === 'string' ? prompt.slice(0, kSystemPromptCharsMax) : '',
      temperature: numberWithin(record['temperature'], 0, kTemperatureMax),
      maxTokens: numberWithin(record['maxTokens'], 1, kMaxTokensMax),
    };
  } catch {
    return kDefaultSettings;
  }
}

export function keepSettings(storage: KeyValueStorage, settings: Settings): void {
  storage.setItem(kStorageKey, JSON.stringify(settings));
}
