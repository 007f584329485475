// Everything that can go wrong between the page and the server, as one type.
export type ApiErrorKind =
  | 'network' // no connection, or it broke before an answer
  | 'interrupted' // the stream ended without its last event
  | 'protocol' // an answer that is not ours
  | 'api'; // an error that the server put into words

export class ApiError extends Error {
  constructor(
    readonly kind: ApiErrorKind,
    message: string,
    readonly status: number = 0,
    readonly code: string = '',
  ) {
    super(message);
  }

  get unauthorized(): boolean {
    return this.status === 401;
  }
}

function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

function asText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

// Reads `{"error": {"message", "type", "code"}}`; null when the value is something else.
export function apiErrorOf(value: unknown, status: number): ApiError | null {
  const outer = asRecord(value)?.['error'];
  if (outer === undefined || outer === null) return null;
  const error = asRecord(outer);
  if (error === null) return new ApiError('api', asText(outer), status);
  const code = asText(error['code']) || asText(error['type']);
  return new ApiError('api', asText(error['message']), status, code);
}

export async function apiErrorOfResponse(response: Response): Promise<ApiError> {
  try {
    const error = apiErrorOf(await response.json(), response.status);
    if (error !== null) return error;
  } catch {
    // Not JSON: the status says what there is to say.
  }
  return new ApiError('api', '', response.status);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
