import { TranslationOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useI18n } from '../i18n/i18n_context';

// Shows the other language by its own name, so that a person who does not read this one finds it.
export function LanguageSwitch() {
  const { text, language, setLanguage } = useI18n();
  return (
    <Button
      type="text"
      size="small"
      icon={<TranslationOutlined />}
      aria-label={text.switchLanguageLabel}
      data-action="language"
      onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
    >
      {text.switchLanguage}
    </Button>
  );
}
