import type { KeyValueStorage } from '../settings/browser_storage';

const kStorageKey = 'xingcha.key';

// The key of `#key=xc-…`, or null. Only the fragment is read: a server never sees it.
export function keyOfFragment(hash: string): string | null {
  const key = new URLSearchParams(hash.replace(/^#/, '')).get('key')?.trim();
  return key ? key : null;
}

export function loadKey(storage: KeyValueStorage): string {
  return storage.getItem(kStorageKey) ?? '';
}

export function keepKey(storage: KeyValueStorage, key: string): void {
  if (key === '') storage.removeItem(kStorageKey);
  else storage.setItem(kStorageKey, key);
}

// Takes the key out of the address bar and of the history entry, so that it is not shared by
// copying the address.
export function takeKeyFromAddress(storage: KeyValueStorage): string | null {
  const key = keyOfFragment(location.hash);
  if (key === null) return null;
  keepKey(storage, key);
  history.replaceState(null, '', location.pathname + location.search);
  return key;
}
