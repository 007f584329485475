import { UserOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useI18n } from '../i18n/i18n_context';
import { kAdminHome, kLoginPage } from '../layout/route';
import { useObservable } from '../settings/observable';
import { useServices } from '../wiring';

// Who administers here, or the way to the login page.
export function AccountButton() {
  const { text } = useI18n();
  const { session } = useServices();
  const caller = useObservable(session.state).known?.caller ?? null;
  const label = caller === null ? text.login : `${caller.name} · ${text.role[caller.role]}`;
  return (
    <Button
      type="text"
      className="account"
      icon={<UserOutlined aria-hidden />}
      href={caller === null ? kLoginPage : kAdminHome}
      aria-label={label}
      data-action="account"
    >
      <span className="account-label">{label}</span>
    </Button>
  );
}
