import { describe, expect, it } from 'vitest';
import { keyOfFragment } from './credentials';

describe('keyOfFragment', () => {
  it('reads the key and nothing else', () => {
    expect(keyOfFragment('#key=xc-abc_123')).toBe('xc-abc_123');
    expect(keyOfFragment('#tab=1&key=xc-2')).toBe('xc-2');
    expect(keyOfFragment('#key=')).toBeNull();
    expect(keyOfFragment('#composer')).toBeNull();
    expect(keyOfFragment('')).toBeNull();
  });
});
