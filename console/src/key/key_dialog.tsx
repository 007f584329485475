import { Alert, Button, Input, Modal, type InputRef } from 'antd';
import { useId, useRef, useState, type FormEvent } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { kLoginPage } from '../layout/route';
import { LanguageSwitch } from '../layout/language_switch';
import { useObservable } from '../settings/observable';
import { useServices } from '../wiring';

// A key is printable ASCII: anything else cannot be sent in a header.
const kKeyShape = /^[\x21-\x7e]+$/;

// Asks for the key whenever there is none; a key that the server rejects brings it back.
export function KeyDialog() {
  const { text } = useI18n();
  const { access } = useServices();
  const { key, rejected } = useObservable(access);
  const [draft, setDraft] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const input = useRef<InputRef>(null);
  const id = useId();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const next = draft.trim();
    if (!kKeyShape.test(next)) {
      setProblem(next === '' ? text.keyEmpty : text.keyRejected);
      input.current?.focus();
      return;
    }
    setProblem(null);
    setDraft('');
    access.set({ key: next, rejected: false });
  };

  const shown = problem ?? (rejected ? text.keyRejected : null);
  return (
    <Modal
      open={key === ''}
      title={text.keyTitle}
      closable={false}
      keyboard={false}
      maskClosable={false}
      footer={null}
      centered
      width={440}
      focusable={{ focusTriggerAfterClose: false }}
      afterOpenChange={(open) =>
        open ? input.current?.focus() : document.getElementById('composer')?.focus()
      }
    >
      <form className="key-form" onSubmit={submit}>
        <p>
          {text.keyWhere} <code>~/.xingcha/credentials.toml</code>
        </p>
        {shown !== null && <Alert id={`${id}-problem`} type="error" title={shown} />}
        <label htmlFor={id}>{text.keyLabel}</label>
        <Input.Password
          ref={input}
          id={id}
          value={draft}
          placeholder="xc-…"
          autoComplete="off"
          spellCheck={false}
          aria-invalid={shown !== null}
          aria-describedby={shown === null ? undefined : `${id}-problem`}
          onChange={(event) => setDraft(event.target.value)}
        />
        <p className="hint">{text.keyNotShared}</p>
        <div className="key-actions">
          <LanguageSwitch />
          <a className="grow" href={kLoginPage}>
            {text.loginInstead}
          </a>
          <Button type="primary" htmlType="submit">
            {text.keySubmit}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
