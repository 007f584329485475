import { useSyncExternalStore } from 'react';

// One value that the page watches. Setting it tells the listeners at once.
export class Observable<T> {
  private readonly listeners_ = new Set<() => void>();

  constructor(
    private value_: T,
    private readonly keep_: (value: T) => void = () => undefined,
  ) {}

  readonly get = (): T => this.value_;

  readonly set = (value: T): void => {
    this.value_ = value;
    this.keep_(value);
    for (const listener of this.listeners_) listener();
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners_.add(listener);
    return () => this.listeners_.delete(listener);
  };
}

export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get);
}
