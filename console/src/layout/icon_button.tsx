import { Button, Tooltip } from 'antd';
import type { ReactNode, Ref } from 'react';

interface IconButtonProps {
  readonly label: string; // the accessible name and the tooltip
  readonly icon: ReactNode;
  readonly onClick?: () => void;
  readonly disabled?: boolean;
  readonly size?: 'small' | 'middle';
  readonly className?: string;
  readonly ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ label, size = 'small', ...rest }: IconButtonProps) {
  return (
    <Tooltip title={label} mouseEnterDelay={0.4}>
      <Button type="text" size={size} aria-label={label} {...rest} />
    </Tooltip>
  );
}
