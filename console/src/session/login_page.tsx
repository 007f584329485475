import { Alert, Button, Input, type InputRef } from 'antd';
import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { ApiError } from '../api/api_error';
import type { Oidc } from '../api/session';
import { errorText } from '../chat/error_text';
import { useI18n } from '../i18n/i18n_context';
import { Brand } from '../layout/brand';
import { LanguageSwitch } from '../layout/language_switch';
import { useObservable } from '../settings/observable';
import { useServices } from '../wiring';
import type { LoginForm } from './session_controller';

const kEmpty: LoginForm = { tenant: 'default', name: '', password: '', code: '' };

// `back`: the fragment to go to afterwards. Whoever is in already goes there at once.
export function LoginPage({ back }: { back: string }) {
  const { text } = useI18n();
  const { session } = useServices();
  const { known, error, ended, providerLogout } = useObservable(session.state);
  const inside = known?.caller != null;
  useEffect(() => {
    if (inside) location.replace(back);
  }, [inside, back]);

  return (
    <main className="login">
      <div className="login-card">
        <Brand />
        <h1>{text.loginTitle}</h1>
        {ended === 'expired' && <Alert type="info" title={text.loginExpired} />}
        {ended === 'logged-out' && (
          <Alert
            type="info"
            title={text.loggedOut}
            description={providerLogout && <a href={providerLogout}>{text.logoutProvider}</a>}
          />
        )}
        {error !== null && <Alert type="error" title={errorText(error, text)} />}
        {known?.oidc && <OidcButton oidc={known.oidc} back={back} />}
        <PasswordForm />
        <div className="login-foot">
          <LanguageSwitch />
          <a href="#/">{text.backToChat}</a>
        </div>
      </div>
    </main>
  );
}

function OidcButton({ oidc, back }: { oidc: Oidc; back: string }) {
  const { text } = useI18n();
  const to = `${oidc.start}?return=${encodeURIComponent(`/${back}`)}`;
  return (
    <>
      <Button block size="large" href={to} data-action="oidc">
        {text.loginWith(oidc.name || text.loginProvider)}
      </Button>
      <p className="login-or" aria-hidden>
        {text.loginOr}
      </p>
    </>
  );
}

function PasswordForm() {
  const { text } = useI18n();
  const { session } = useServices();
  const [form, setForm] = useState(kEmpty);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const first = useRef<InputRef>(null);
  const id = useId();
  const put = (part: Partial<LoginForm>) => setForm((now) => ({ ...now, ...part }));
  useEffect(() => first.current?.focus(), []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (form.name.trim() === '' || form.password === '') {
      setProblem(text.loginMissing);
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await session.login({ ...form, name: form.name.trim(), tenant: form.tenant.trim() });
    } catch (error) {
      setProblem(error instanceof ApiError ? errorText(error, text) : String(error));
      put({ code: '' });
    } finally {
      setBusy(false);
    }
  };

  const described = problem === null ? undefined : `${id}-problem`;
  return (
    <form className="login-form" onSubmit={(event) => void submit(event)}>
      {problem !== null && <Alert id={`${id}-problem`} type="error" title={problem} role="alert" />}
      <label htmlFor={`${id}-tenant`}>{text.loginTenant}</label>
      <Input
        id={`${id}-tenant`}
        value={form.tenant}
        autoComplete="organization"
        spellCheck={false}
        onChange={(event) => put({ tenant: event.target.value })}
      />
      <label htmlFor={`${id}-name`}>{text.loginName}</label>
      <Input
        ref={first}
        id={`${id}-name`}
        name="username"
        value={form.name}
        autoComplete="username"
        spellCheck={false}
        aria-invalid={problem !== null}
        aria-describedby={described}
        onChange={(event) => put({ name: event.target.value })}
      />
      <label htmlFor={`${id}-password`}>{text.loginPassword}</label>
      <Input.Password
        id={`${id}-password`}
        name="password"
        value={form.password}
        autoComplete="current-password"
        aria-invalid={problem !== null}
        aria-describedby={described}
        onChange={(event) => put({ password: event.target.value })}
      />
      <label htmlFor={`${id}-code`}>{text.loginCode}</label>
      <Input
        id={`${id}-code`}
        value={form.code}
        autoComplete="one-time-code"
        inputMode="numeric"
        maxLength={8}
        aria-describedby={`${id}-code-hint`}
        onChange={(event) => put({ code: event.target.value })}
      />
      <p className="hint" id={`${id}-code-hint`}>
        {text.loginCodeHint}
      </p>
      <Button
        block
        type="primary"
        size="large"
        htmlType="submit"
        loading={busy}
        data-action="login"
      >
        {text.loginSubmit}
      </Button>
    </form>
  );
}
