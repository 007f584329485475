import { MenuOutlined, SettingOutlined } from '@ant-design/icons';
import { useI18n } from '../i18n/i18n_context';
import { ModelSelect } from '../models/model_select';
import { AccountButton } from '../session/account_button';
import { IconButton } from './icon_button';

interface TopBarProps {
  readonly onMenu: () => void;
  readonly onSettings: () => void;
}

export function TopBar({ onMenu, onSettings }: TopBarProps) {
  const { text } = useI18n();
  return (
    <header className="top-bar">
      <IconButton
        className="narrow-only"
        size="middle"
        label={text.openSidebar}
        icon={<MenuOutlined />}
        onClick={onMenu}
      />
      <ModelSelect />
      <span className="grow" />
      <AccountButton />
      <IconButton
        size="middle"
        label={text.settings}
        icon={<SettingOutlined />}
        onClick={onSettings}
      />
    </header>
  );
}
