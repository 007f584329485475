import { CheckOutlined, CopyOutlined } from '@ant-design/icons';
import { useEffect, useState } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { copyText } from './clipboard';
import { IconButton } from './icon_button';

const kShownMs = 1500;

export function CopyButton({ value, label }: { value: string; label: string }) {
  const { text } = useI18n();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), kShownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <IconButton
      label={copied ? text.copied : label}
      icon={copied ? <CheckOutlined /> : <CopyOutlined />}
      onClick={() => void copyText(value).then(setCopied)}
    />
  );
}
