import { describe, expect, it } from 'vitest';
import { routeOf } from './route';

describe('routeOf', () => {
  it('knows the pages, and takes everything else for chat', () => {
    expect(routeOf('')).toEqual({ area: 'chat' });
    expect(routeOf('#key=xc-1')).toEqual({ area: 'chat' });
    expect(routeOf('#/login')).toEqual({ area: 'login' });
    expect(routeOf('#/admin')).toEqual({ area: 'admin', page: 'account' });
    expect(routeOf('#/admin/')).toEqual({ area: 'admin', page: 'account' });
    expect(routeOf('#/admin/keys')).toEqual({ area: 'admin', page: 'keys' });
    expect(routeOf('#/admin/keys/x')).toEqual({ area: 'chat' });
    expect(routeOf('#/administrator')).toEqual({ area: 'chat' });
  });
});
