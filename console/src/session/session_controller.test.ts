import { describe, expect, it } from 'vitest';
import { ApiClient } from '../api/api_client';
import { SessionController } from './session_controller';

// A server that knows one password; `sent` is what it was asked.
function serverOf(sent: RequestInit[]) {
  let caller: unknown = null;
  const answer = (status: number, body: unknown) =>
    Promise.resolve(new Response(JSON.stringify(body), { status }));
  return ((path: string, init: RequestInit) => {
    sent.push(init);
    if (path === '/admin/logout') {
      caller = null;
      return answer(200, { logged_out: true, provider_logout_url: 'https://idp/end' });
    }
    if (init.method === 'GET') return answer(200, { oidc: null, caller, may: [] });
    const body = JSON.parse(String(init.body)) as Record<string, unknown>;
    if (body['password'] !== 'right') {
      return answer(401, { error: { message: 'no', type: 'x', code: 'unauthorized' } });
    }
    caller = { name: body['name'], tenant: 'default', role: 'auditor' };
    return answer(200, {});
  }) as typeof fetch;
}

describe('SessionController', () => {
  it('logs in and out with the cookie alone', async () => {
    const sent: RequestInit[] = [];
    const client = new ApiClient(() => ({ key: null, language: 'zh' }), serverOf(sent));
    const session = new SessionController(client);
    await session.refresh();
    expect(session.state.get().known?.caller).toBeNull();
    const form = { tenant: 'default', name: 'li', password: 'wrong', code: '' };
    await expect(session.login(form)).rejects.toThrow('no');
    await session.login({ ...form, password: 'right', code: '123 456' });
    expect(session.state.get().known?.caller?.name).toBe('li');
    expect(sent.some((init) => String(init.body ?? '').includes('"code":"123456"'))).toBe(true);
    await session.logout();
    expect(session.state.get()).toMatchObject({
      ended: 'logged-out',
      providerLogout: 'https://idp/end',
    });
    for (const init of sent) {
      const headers = init.headers as Record<string, string>;
      expect(headers['X-Xingcha-Console']).toBe('1');
      expect(headers['Authorization']).toBeUndefined();
      expect(init.credentials).toBe('same-origin');
    }
  });
});
