import { en } from './en';
import type { Messages } from './messages';
import { zh } from './zh';

export type Language = 'zh' | 'en';

export const kLanguages: Readonly<Record<Language, Messages>> = { zh, en };

// For `<html lang>` and Accept-Language.
export const kLanguageTags: Readonly<Record<Language, string>> = { zh: 'zh-CN', en: 'en' };

const kStorageKey = 'xingcha.language';

// The kept choice, else the browser's first language that we speak, else Chinese.
export function initialLanguage(
  storage: Pick<Storage, 'getItem'>,
  preferred: readonly string[],
): Language {
  const kept = storage.getItem(kStorageKey);
  if (kept === 'zh' || kept === 'en') return kept;
  for (const tag of preferred) {
    const primary = tag.toLowerCase().split('-')[0];
    if (primary === 'zh' || primary === 'en') return primary;
  }
  return preferred.length > 0 ? 'en' : 'zh';
}

export function keepLanguage(storage: Pick<Storage, 'setItem'>, language: Language): void {
  storage.setItem(kStorageKey, language);
}
