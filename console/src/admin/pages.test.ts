import { describe, expect, it } from 'vitest';
import { pagesFor, rowsOf, stateOf } from './pages';

const ids = (...may: string[]) => pagesFor(new Set(may)).map((page) => page.id);

describe('pages', () => {
  it('are those whose route is open', () => {
    expect(ids()).toEqual([]);
    expect(ids('GET /admin/keys', 'GET /admin/tenants')).toEqual(['tenants', 'keys']);
    expect(ids('POST /admin/keys')).toEqual([]);
  });

  it('read rows and their state', () => {
    expect(rowsOf({ keys: [{ id: 1 }, null, 7] }, 'keys')).toEqual([{ id: 1 }]);
    for (const reply of [null, {}, { keys: {} }, []]) expect(rowsOf(reply, 'keys')).toBeNull();
    expect(stateOf({ suspended_unix_ms: null })).toBe('active');
    expect(stateOf({ suspended_unix_ms: 1 })).toBe('suspended');
    expect(stateOf({ disabled_unix_ms: 1 })).toBe('disabled');
    expect(stateOf({ revoked_unix_ms: 1 })).toBe('revoked');
  });
});
