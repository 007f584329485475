import { kLanguageTags, type Language } from './language';

// Numbers as a person reads them, units included where the unit is the same in every language.
export interface Format {
  readonly count: (n: number) => string;
  readonly rate: (perSecond: number) => string;
  readonly seconds: (ms: number) => string;
  readonly bytes: (n: number) => string;
  // Context lengths: 32768 → "32K".
  readonly tokens: (n: number) => string;
}

const kMiB = 1024 * 1024;

export function makeFormat(language: Language): Format {
  const tag = kLanguageTags[language];
  const whole = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 });
  const tenths = new Intl.NumberFormat(tag, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  const hundredths = new Intl.NumberFormat(tag, { maximumFractionDigits: 2 });
  return {
    count: (n) => whole.format(n),
    rate: (n) => (n >= 100 ? whole : tenths).format(n),
    seconds: (ms) => `${(ms < 10_000 ? hundredths : whole).format(ms / 1000)} s`,
    bytes: (n) => `${hundredths.format(n / kMiB)} MiB`,
    tokens: (n) => (n >= 1024 && n % 1024 === 0 ? `${whole.format(n / 1024)}K` : whole.format(n)),
  };
}
