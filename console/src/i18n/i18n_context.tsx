import { createContext, useContext, useEffect, useMemo, type ReactNode } from 'react';
import { useObservable, type Observable } from '../settings/observable';
import { makeFormat, type Format } from './format';
import { kLanguages, kLanguageTags, type Language } from './language';
import type { Messages } from './messages';

interface I18n {
  readonly language: Language;
  readonly text: Messages;
  readonly format: Format;
  readonly setLanguage: (language: Language) => void;
}

const I18nContext = createContext<I18n | null>(null);

export function I18nProvider(props: { language: Observable<Language>; children: ReactNode }) {
  const language = useObservable(props.language);
  const setLanguage = props.language.set;
  useEffect(() => {
    document.documentElement.lang = kLanguageTags[language];
    document.title = kLanguages[language].pageTitle;
  }, [language]);
  const value = useMemo<I18n>(
    () => ({ language, text: kLanguages[language], format: makeFormat(language), setLanguage }),
    [language, setLanguage],
  );
  return <I18nContext.Provider value={value}>{props.children}</I18nContext.Provider>;
}

export function useI18n(): I18n {
  const value = useContext(I18nContext);
  if (value === null) throw new Error('useI18n outside of I18nProvider');
  return value;
}
