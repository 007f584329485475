import type { ApiClient } from '../api/api_client';
import { ApiError } from '../api/api_error';
import { loginStateOf, providerLogoutOf, type LoginState } from '../api/session';
import { Observable } from '../settings/observable';

export interface SessionState {
  readonly known: LoginState | null; // null: not asked yet
  readonly error: ApiError | null; // the server could not be asked
  readonly ended: 'expired' | 'logged-out' | null; // why nobody is in any more
  readonly providerLogout: string | null;
}

export interface LoginForm {
  readonly tenant: string;
  readonly name: string;
  readonly password: string;
  readonly code: string;
}

// Who administers in this browser. The token is in a cookie that scripts cannot read; what is here
// is only what the server says about it.
export class SessionController {
  readonly state = new Observable<SessionState>({
    known: null,
    error: null,
    ended: null,
    providerLogout: null,
  });

  constructor(readonly client: ApiClient) {}

  async refresh(): Promise<void> {
    try {
      const known = loginStateOf(await this.client.get('/admin/login'));
      this.change({ known, error: null });
    } catch (error) {
      if (error instanceof ApiError) this.change({ error });
    }
  }

  // Throws ApiError when it is refused.
  async login(form: LoginForm): Promise<void> {
    const code = form.code.replace(/\s/g, '');
    const { tenant, name, password } = form;
    await this.client.post('/admin/login', { tenant, name, password, ...(code ? { code } : {}) });
    this.change({ ended: null, providerLogout: null });
    await this.refresh();
  }

  async logout(): Promise<void> {
    let providerLogout: string | null = null;
    try {
      const response = await this.client.post('/admin/logout', {});
      providerLogout = providerLogoutOf(await response.json());
    } catch (error) {
      // Ended already is as good.
      if (!(error instanceof ApiError && error.unauthorized)) throw error;
    }
    this.change({ ended: 'logged-out', providerLogout });
    await this.refresh();
  }

  // A page was told 401.
  expire(): void {
    this.change({ ended: 'expired' });
    void this.refresh();
  }

  private change(part: Partial<SessionState>): void {
    this.state.set({ ...this.state.get(), ...part });
  }
}
