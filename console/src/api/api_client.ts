import { kLanguageTags, type Language } from '../i18n/language';
import { ApiError, apiErrorOfResponse, isAbort } from './api_error';

// Who asks: a key, or null for the session in the cookie. The cookie counts only beside a header
// that a page of another site cannot send.
export interface Credentials {
  readonly key: string | null;
  readonly language: Language;
}

// Sends a request to the server that this page came from, with the key and the language that are
// current at that moment. Throws ApiError, or the AbortError of `signal`.
export class ApiClient {
  constructor(
    private readonly credentials_: () => Credentials,
    private readonly fetch_: typeof fetch = (...args) => fetch(...args),
  ) {}

  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    const response = await this.send(path, { method: 'GET' }, signal);
    try {
      return (await response.json()) as unknown;
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError('protocol', '', response.status);
    }
  }

  // Answers a response whose status is 2xx and whose body was not read.
  async post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return this.send(path, { method: 'POST', body: JSON.stringify(body) }, signal);
  }

  private async send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const { key, language } = this.credentials_();
    const headers = {
      ...(key === null ? { 'X-Xingcha-Console': '1' } : { Authorization: `Bearer ${key}` }),
      'Accept-Language': kLanguageTags[language],
      ...(init.body ? { 'Content-Type': 'application/json' } : {}),
    };
    let response: Response;
    try {
      response = await this.fetch_(path, {
        ...init,
        headers,
        credentials: key === null ? 'same-origin' : 'omit',
        cache: 'no-store',
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError('network', '');
    }
    if (!response.ok) throw await apiErrorOfResponse(response);
    return response;
  }
}
