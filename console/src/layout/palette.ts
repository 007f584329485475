// The colours of the page: one accent, the rest is neutral. Text pairs hold 4.5 : 1, which the
// browser tests check with axe in both schemes.
export type ColorScheme = 'light' | 'dark';

export interface Palette {
  readonly canvas: string;
  readonly side: string;
  readonly raised: string; // hover, code heads, the user's own messages
  readonly line: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly onAccent: string;
  readonly accentSoft: string;
  readonly code: string;
  readonly danger: string;
}

export const kPalettes: Readonly<Record<ColorScheme, Palette>> = {
  light: {
    canvas: '#ffffff',
    side: '#f5f7f7',
    raised: '#eef2f3',
    line: '#dfe5e7',
    text: '#1a2225',
    muted: '#566369',
    accent: '#0b6b7d',
    onAccent: '#ffffff',
    accentSoft: '#e3f0f2',
    code: '#f7f9f9',
    danger: '#b3261e',
  },
  dark: {
    canvas: '#14191b',
    side: '#0f1315',
    raised: '#20282b',
    line: '#2c3639',
    text: '#e4eaec',
    muted: '#9caab0',
    accent: '#5bbccb',
    onAccent: '#06181c',
    accentSoft: '#17333a',
    code: '#0f1416',
    danger: '#ff8f86',
  },
};
