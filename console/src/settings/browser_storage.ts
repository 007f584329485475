// localStorage where the browser allows it, else the memory of this page: never throws.
export type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

class MemoryStorage implements KeyValueStorage {
  private readonly values_ = new Map<string, string>();
  getItem(key: string): string | null {
    return this.values_.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.values_.set(key, value);
  }
  removeItem(key: string): void {
    this.values_.delete(key);
  }
}

function openStorage(get: () => Storage): KeyValueStorage {
  try {
    const storage = get();
    storage.setItem('xingcha.probe', '1');
    storage.removeItem('xingcha.probe');
    return storage;
  } catch {
    return new MemoryStorage();
  }
}

export const browserStorage = openStorage(() => localStorage);
// Per tab: survives a reload, not shared.
export const tabStorage = openStorage(() => sessionStorage);
