// GET /admin/login: how one can log in, and who is in by the cookie.
export const kRoles = [
  'none',
  'platform_admin',
  'tenant_admin',
  'developer',
  'auditor',
  'safety_officer',
] as const;
export type Role = (typeof kRoles)[number];

export interface Caller {
  readonly name: string;
  readonly tenant: string;
  readonly role: Role;
}

export interface Oidc {
  readonly name: string; // for the button; may be empty
  readonly start: string; // a path of this server
}

export interface LoginState {
  readonly oidc: Oidc | null;
  readonly caller: Caller | null;
  readonly may: ReadonlySet<string>; // "GET /admin/keys"
}

type Fields = Record<string, unknown>;

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null ? (value as Fields) : null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function roleOf(value: unknown): Role {
  return kRoles.find((role) => role === value) ?? 'none';
}

// What the server said; what is missing or of another kind counts as not there.
export function loginStateOf(value: unknown): LoginState {
  const fields = fieldsOf(value);
  const oidc = fieldsOf(fields?.['oidc']);
  const caller = fieldsOf(fields?.['caller']);
  const may = fields?.['may'];
  const start = textOf(oidc?.['start']);
  return {
    oidc: /^\/[a-z]/.test(start) ? { name: textOf(oidc?.['name']), start } : null,
    caller:
      caller === null
        ? null
        : {
            name: textOf(caller['name']),
            tenant: textOf(caller['tenant']),
            role: roleOf(caller['role']),
          },
    may: new Set(Array.isArray(may) ? may.filter((item) => typeof item === 'string') : []),
  };
}

// Where the provider's own session can be ended; null for anything but an HTTP address.
export function providerLogoutOf(value: unknown): string | null {
  const url = textOf(fieldsOf(value)?.['provider_logout_url']);
  return /^https?:\/\//.test(url) ? url : null;
}
