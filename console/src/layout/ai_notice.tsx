import { useI18n } from '../i18n/i18n_context';

// GB 45438-2025 §6: the interface says, always, that what it shows is made by AI.
export function AiNotice() {
  const { text } = useI18n();
  return <p className="ai-notice">{text.aiNotice}</p>;
}
