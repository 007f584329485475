import { describe, expect, it } from 'vitest';
import { kDefaultSettings, keepSettings, loadSettings, type Settings } from './settings';

function storageWith(value: string | null) {
  let kept = value;
  return {
    getItem: () => kept,
    setItem: (_: string, next: string) => {
      kept = next;
    },
    removeItem: () => undefined,
  };
}

describe('settings', () => {
  it('come back as they were kept', () => {
    const storage = storageWith(null);
    const settings: Settings = { systemPrompt: '简短', temperature: 0.2, maxTokens: 128 };
    keepSettings(storage, settings);
    expect(loadSettings(storage)).toEqual(settings);
  });

  it('fall back to the default where what was kept is not valid', () => {
    for (const value of [null, '', 'x', 'null', '[]', '{"temperature":9,"maxTokens":-1}']) {
      expect(loadSettings(storageWith(value)), String(value)).toEqual(kDefaultSettings);
    }
  });
});
