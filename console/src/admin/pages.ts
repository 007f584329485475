import type { Messages } from '../i18n/messages';

// The pages of administration as data. Which of them are shown is what the server says the caller
// may do: the matrix of roles is there, not here.
export type PageId = keyof Messages['adminPage'];
type Column = keyof Messages['adminColumn'];
export type Kind = 'text' | 'role' | 'time' | 'flag' | 'state';

export interface ListPage {
  readonly id: PageId;
  readonly needs: string; // the route that must be open to the caller
  readonly path: string;
  readonly list: string; // the reply's field with the rows
  readonly columns: readonly {
    readonly title: Column;
    readonly field: string;
    readonly kind: Kind;
  }[];
}

const text = (title: Column, field: string = title) => ({ title, field, kind: 'text' as const });
const time = (title: Column, field: string) => ({ title, field, kind: 'time' as const });
const kRole = { title: 'role', field: 'role', kind: 'role' } as const;
const kState = { title: 'state', field: '', kind: 'state' } as const;

function page(id: PageId, columns: ListPage['columns']): ListPage {
  return { id, needs: `GET /admin/${id}`, path: `/admin/${id}`, list: id, columns };
}

export const kListPages: readonly ListPage[] = [
  page('tenants', [text('name'), time('created', 'created_unix_ms'), kState]),
  page('users', [
    text('tenant'),
    text('name'),
    kRole,
    { title: 'totp', field: 'totp', kind: 'flag' },
    time('lastLogin', 'last_login_unix_ms'),
    kState,
  ]),
  page('keys', [
    text('tenant'),
    text('workspace'),
    text('name'),
    text('prefix'),
    kRole,
    time('lastUsed', 'last_used_unix_ms'),
    time('expires', 'expires_unix_ms'),
    kState,
  ]),
  page('alarms', [
    text('severity'),
    text('alarm'),
    text('subject'),
    time('raised', 'raised_unix_ms'),
  ]),
];

export function pagesFor(may: ReadonlySet<string>): readonly ListPage[] {
  return kListPages.filter((item) => may.has(item.needs));
}

export type Row = Readonly<Record<string, unknown>>;

export function rowsOf(reply: unknown, list: string): readonly Row[] | null {
  const rows = (reply as Row | null)?.[list];
  if (!Array.isArray(rows)) return null;
  return rows.filter((row): row is Row => typeof row === 'object' && row !== null);
}

export function stateOf(row: Row): keyof Messages['adminState'] {
  if (typeof row['suspended_unix_ms'] === 'number') return 'suspended';
  if (typeof row['disabled_unix_ms'] === 'number') return 'disabled';
  return typeof row['revoked_unix_ms'] === 'number' ? 'revoked' : 'active';
}
