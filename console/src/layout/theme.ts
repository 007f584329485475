import { theme as antd, type ThemeConfig } from 'antd';
import { useLayoutEffect, useMemo, useSyncExternalStore } from 'react';
import { kPalettes, type ColorScheme, type Palette } from './palette';

interface MediaQuery {
  readonly subscribe: (listener: () => void) => () => void;
  readonly matches: () => boolean;
}

function mediaQuery(condition: string): MediaQuery {
  const query = matchMedia(condition);
  return {
    subscribe: (listener) => {
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    matches: () => query.matches,
  };
}

const darkQuery = mediaQuery('(prefers-color-scheme: dark)');
const stillQuery = mediaQuery('(prefers-reduced-motion: reduce)');

function useMedia(query: MediaQuery): boolean {
  return useSyncExternalStore(query.subscribe, query.matches);
}

function themeOf(scheme: ColorScheme, p: Palette, still: boolean): ThemeConfig {
  return {
    algorithm: scheme === 'dark' ? antd.darkAlgorithm : antd.defaultAlgorithm,
    token: {
      motion: !still,
      colorPrimary: p.accent,
      colorInfo: p.accent,
      colorLink: p.accent,
      colorBgBase: p.canvas,
      colorTextBase: p.text,
      colorText: p.text,
      colorTextSecondary: p.muted,
      colorTextTertiary: p.muted,
      colorTextDescription: p.muted,
      colorTextPlaceholder: p.muted,
      colorBorder: p.line,
      colorBorderSecondary: p.line,
      colorBgLayout: p.side,
      colorPrimaryBg: p.accentSoft,
      colorPrimaryBgHover: p.accentSoft,
      controlItemBgActive: p.accentSoft,
      controlItemBgActiveHover: p.accentSoft,
      borderRadius: 8,
      controlHeight: 34,
      fontSize: 14,
      fontFamily: 'var(--font)',
      fontFamilyCode: 'var(--font-code)',
    },
    components: {
      Button: {
        colorPrimary: p.accent,
        primaryColor: p.onAccent,
        colorTextLightSolid: p.onAccent,
        primaryShadow: 'none',
        defaultShadow: 'none',
      },
      Select: {
        optionSelectedColor: p.text,
        optionSelectedFontWeight: 500,
        optionActiveBg: p.raised,
      },
    },
  };
}

// The system's preferences decide; there is no switch of our own. Ant Design takes the palette as
// tokens, our own style sheets take it as CSS variables.
export function useTheme(): ThemeConfig {
  const scheme: ColorScheme = useMedia(darkQuery) ? 'dark' : 'light';
  const still = useMedia(stillQuery);
  const palette = kPalettes[scheme];
  useLayoutEffect(() => {
    const { style } = document.documentElement;
    for (const [name, color] of Object.entries(palette)) {
      style.setProperty(`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, color);
    }
    document.documentElement.dataset['scheme'] = scheme;
  }, [palette, scheme]);
  return useMemo(() => themeOf(scheme, palette, still), [scheme, palette, still]);
}
