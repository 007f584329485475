import { Button } from 'antd';
import { useI18n } from '../i18n/i18n_context';
import { Brand } from '../layout/brand';
import { LanguageSwitch } from '../layout/language_switch';
import type { Caller } from '../api/session';
import { LoginPage } from '../session/login_page';
import { useObservable } from '../settings/observable';
import { useServices } from '../wiring';
import { ListView } from './list_view';
import { pagesFor } from './pages';

// Administration: needs a login, not a key. What a role may not use is not in the list of pages; an
// address that was typed says so.
export function AdminPage({ page }: { page: string }) {
  const { text } = useI18n();
  const { session } = useServices();
  const { known, error } = useObservable(session.state);
  if (known === null && error === null) return <main className="login" aria-busy />;
  if (known === null || known.caller === null) return <LoginPage back={`#/admin/${page}`} />;
  const pages = pagesFor(known.may);
  const shown = pages.find((item) => item.id === page);
  const ids = ['account' as const, ...pages.map((item) => item.id)];
  return (
    <div className="admin">
      <header className="admin-bar">
        <Brand />
        <span className="grow" />
        <span className="who" data-role={known.caller.role}>
          {known.caller.name} · {text.role[known.caller.role]}
        </span>
        <LanguageSwitch />
        <Button type="text" size="small" href="#/">
          {text.backToChat}
        </Button>
        <Button size="small" data-action="logout" onClick={() => void session.logout()}>
          {text.logout}
        </Button>
      </header>
      <nav className="admin-nav" aria-label={text.adminPages}>
        <ul>
          {ids.map((id) => (
            <li key={id}>
              <a href={`#/admin/${id}`} aria-current={id === page ? 'page' : undefined}>
                {text.adminPage[id]}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main className="admin-main">
        {page === 'account' && <Account caller={known.caller} />}
        {shown && <ListView key={shown.id} page={shown} />}
        {page !== 'account' && !shown && (
          <>
            <h1>{text.admin}</h1>
            <p role="alert">{text.adminForbidden}</p>
          </>
        )}
      </main>
    </div>
  );
}

function Account({ caller }: { caller: Caller }) {
  const { text } = useI18n();
  return (
    <>
      <h1>{text.adminPage.account}</h1>
      <dl className="account-facts">
        <dt>{text.loginName}</dt>
        <dd>{caller.name}</dd>
        <dt>{text.adminColumn.role}</dt>
        <dd>{text.role[caller.role]}</dd>
        <dt>{text.adminColumn.tenant}</dt>
        <dd>{caller.tenant}</dd>
      </dl>
    </>
  );
}
