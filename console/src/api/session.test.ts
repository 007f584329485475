import { describe, expect, it } from 'vitest';
import { loginStateOf, providerLogoutOf } from './session';

describe('loginStateOf', () => {
  it('reads who is in and what they may', () => {
    const state = loginStateOf({
      oidc: { name: 'Acme', start: '/admin/oidc/start' },
      caller: { name: 'li', tenant: 'default', role: 'auditor' },
      may: ['GET /admin/keys', 7],
    });
    expect(state.oidc).toEqual({ name: 'Acme', start: '/admin/oidc/start' });
    expect(state.caller).toEqual({ name: 'li', tenant: 'default', role: 'auditor' });
    expect([...state.may]).toEqual(['GET /admin/keys']);
  });

  it('takes nothing for granted', () => {
    for (const value of [null, 7, [], {}, { oidc: null, caller: null, may: null }]) {
      expect(loginStateOf(value)).toEqual({ oidc: null, caller: null, may: new Set() });
    }
    expect(loginStateOf({ caller: { role: 'boss' } }).caller?.role).toBe('none');
    for (const start of ['', 'https://evil.example', '//evil.example', 'javascript:1']) {
      expect(loginStateOf({ oidc: { start } }).oidc).toBeNull();
    }
  });
});

describe('providerLogoutOf', () => {
  it('is an HTTP address or nothing', () => {
    expect(providerLogoutOf({ provider_logout_url: 'https://idp/end' })).toBe('https://idp/end');
    expect(providerLogoutOf({ provider_logout_url: 'javascript:1' })).toBeNull();
    expect(providerLogoutOf({ logged_out: true })).toBeNull();
  });
});
