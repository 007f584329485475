import { useI18n } from '../i18n/i18n_context';

export function BrandMark({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="brand-mark">
      <rect width="32" height="32" rx="7" />
      <path d="M5 19.5c6.2 3.3 15.8 3.3 22 0-1.5 4.3-5.7 6.5-11 6.5s-9.5-2.2-11-6.5z" />
      <path d="M16 4.5l1.9 5.6 5.6 1.9-5.6 1.9L16 19.5l-1.9-5.6-5.6-1.9 5.6-1.9z" />
    </svg>
  );
}

export function Brand() {
  const { text } = useI18n();
  return (
    <div className="brand">
      <BrandMark size={24} />
      <span>{text.productName}</span>
    </div>
  );
}
