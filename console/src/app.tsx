import XProvider from '@ant-design/x/es/x-provider';
import enX from '@ant-design/x/es/locale/en_US';
import zhX from '@ant-design/x/es/locale/zh_CN';
import en from 'antd/es/locale/en_US';
import zh from 'antd/es/locale/zh_CN';
import { AdminPage } from './admin/admin_page';
import { ChatPage } from './chat/chat_page';
import { I18nProvider, useI18n } from './i18n/i18n_context';
import type { Language } from './i18n/language';
import { KeyDialog } from './key/key_dialog';
import { ModelsProvider } from './models/models_context';
import { kAdminHome, useRoute } from './layout/route';
import { LoginPage } from './session/login_page';
import { useTheme } from './layout/theme';
import { useServices } from './wiring';

const kLocales: Readonly<Record<Language, typeof zh & typeof zhX>> = {
  zh: { ...zh, ...zhX },
  en: { ...en, ...enX },
};

export function App() {
  const { language } = useServices();
  return (
    <I18nProvider language={language}>
      <Themed />
    </I18nProvider>
  );
}

function Themed() {
  const { language } = useI18n();
  const theme = useTheme();
  return (
    <XProvider
      locale={kLocales[language]}
      theme={theme}
      wave={{ disabled: true }}
      button={{ autoInsertSpace: false }}
    >
      <Page />
    </XProvider>
  );
}

// Chat asks for a key, administration for a login: each only on its own page.
function Page() {
  const route = useRoute();
  if (route.area === 'login') return <LoginPage back={kAdminHome} />;
  if (route.area === 'admin') return <AdminPage page={route.page} />;
  return (
    <>
      <ModelsProvider>
        <ChatPage />
      </ModelsProvider>
      <KeyDialog />
    </>
  );
}
