import { useSyncExternalStore } from 'react';

// Where the page is, by the address's fragment: the server has one page for all of them.
export type Route =
  | { readonly area: 'chat' }
  | { readonly area: 'login' }
  | { readonly area: 'admin'; readonly page: string };

export const kLoginPage = '#/login';
export const kAdminHome = '#/admin/account';

export function routeOf(hash: string): Route {
  if (hash === kLoginPage) return { area: 'login' };
  const admin = /^#\/admin(?:\/([a-z]*))?$/.exec(hash);
  if (admin !== null) return { area: 'admin', page: admin[1] || 'account' };
  return { area: 'chat' };
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

export function useRoute(): Route {
  return routeOf(useSyncExternalStore(subscribe, () => location.hash));
}
