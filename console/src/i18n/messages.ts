import type { zh } from './zh';

// The same keys, with the same parameters: a key that is missing in one language does not compile.
type Shape<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => string
    ? (...args: A) => string
    : T[K] extends string
      ? string
      : T[K] extends readonly string[]
        ? readonly string[]
        : Shape<T[K]>;
};

export type Messages = Shape<typeof zh>;
