import { Alert, Button } from 'antd';
import { useCallback, useEffect, useState } from 'react';
import { ApiError, isAbort } from '../api/api_error';
import { kRoles } from '../api/session';
import { errorText } from '../chat/error_text';
import { useI18n } from '../i18n/i18n_context';
import { kLanguageTags } from '../i18n/language';
import { useServices } from '../wiring';
import { rowsOf, stateOf, type Kind, type ListPage, type Row } from './pages';

// One list of the server's as a table.
export function ListView({ page }: { page: ListPage }) {
  const { text } = useI18n();
  const { session } = useServices();
  const [rows, setRows] = useState<readonly Row[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);

  const read = useCallback(
    (signal?: AbortSignal) => {
      session.client.get(page.path, signal).then(
        (reply) => {
          const read = rowsOf(reply, page.list);
          setRows(read);
          setError(read === null ? new ApiError('protocol', '', 200) : null);
        },
        (reason: unknown) => {
          if (isAbort(reason) || !(reason instanceof ApiError)) return;
          if (reason.unauthorized) session.expire();
          else setError(reason);
        },
      );
    },
    [session, page],
  );
  useEffect(() => {
    const abort = new AbortController();
    read(abort.signal);
    return () => abort.abort();
  }, [read]);

  return (
    <>
      <div className="admin-title">
        <h1>{text.adminPage[page.id]}</h1>
        <Button size="small" onClick={() => read()}>
          {text.refresh}
        </Button>
      </div>
      {error !== null && <Alert type="error" title={errorText(error, text)} />}
      {rows === null && error === null && <p role="status">{text.adminLoading}</p>}
      {rows !== null && rows.length === 0 && <p role="status">{text.adminNothing}</p>}
      {rows !== null && rows.length > 0 && <Rows page={page} rows={rows} />}
    </>
  );
}

function Rows({ page, rows }: { page: ListPage; rows: readonly Row[] }) {
  const { text } = useI18n();
  return (
    <div className="admin-table" role="region" aria-label={text.adminPage[page.id]} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {page.columns.map(({ title }) => (
              <th key={title} scope="col">
                {text.adminColumn[title]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={typeof row['id'] === 'string' ? row['id'] : index}>
              {page.columns.map(({ title, field, kind }) => (
                <td key={title}>
                  <Cell row={row} field={field} kind={kind} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ row, field, kind }: { row: Row; field: string; kind: Kind }) {
  const { text, language } = useI18n();
  const value = row[field];
  if (kind === 'state') return text.adminState[stateOf(row)];
  if (kind === 'flag') return value === true ? text.adminYes : text.adminNo;
  if (kind === 'role') return text.role[kRoles.find((role) => role === value) ?? 'none'];
  if (kind === 'time') {
    if (typeof value !== 'number') return '—';
    return new Date(value).toLocaleString(kLanguageTags[language]);
  }
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '—';
}
