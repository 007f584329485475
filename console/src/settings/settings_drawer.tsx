import { Button, Drawer, Input, InputNumber } from 'antd';
import { useId } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { useServices } from '../wiring';
import { useObservable } from './observable';
import { kMaxTokensMax, kSystemPromptCharsMax, kTemperatureMax, type Settings } from './settings';

export function SettingsDrawer({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { text } = useI18n();
  const { access } = useServices();
  return (
    <Drawer
      open={open}
      onClose={onClose}
      title={text.settings}
      size={380}
      closable={{ 'aria-label': text.close }}
      destroyOnHidden
    >
      <SettingsForm />
      <section className="settings-key">
        <h3>{text.keySection}</h3>
        <Button
          onClick={() => {
            onClose();
            access.set({ key: '', rejected: false });
          }}
        >
          {text.changeKey}
        </Button>
      </section>
    </Drawer>
  );
}

// Every change is kept at once: there is nothing to save or lose.
function SettingsForm() {
  const { text } = useI18n();
  const { settings } = useServices();
  const value = useObservable(settings);
  const id = useId();
  const change = (part: Partial<Settings>) => settings.set({ ...settings.get(), ...part });
  return (
    <div className="settings-form">
      <p className="hint">{text.settingsHint}</p>
      <label htmlFor={`${id}-system`}>{text.systemPrompt}</label>
      <Input.TextArea
        id={`${id}-system`}
        value={value.systemPrompt}
        placeholder={text.systemPromptPlaceholder}
        maxLength={kSystemPromptCharsMax}
        autoSize={{ minRows: 4, maxRows: 14 }}
        onChange={(event) => change({ systemPrompt: event.target.value })}
      />
      <label htmlFor={`${id}-temperature`}>{text.temperature}</label>
      <InputNumber
        id={`${id}-temperature`}
        value={value.temperature}
        min={0}
        max={kTemperatureMax}
        step={0.1}
        placeholder={text.modelDefault}
        aria-describedby={`${id}-temperature-hint`}
        onChange={(temperature) => change({ temperature })}
      />
      <p className="hint" id={`${id}-temperature-hint`}>
        {text.temperatureHint}
      </p>
      <label htmlFor={`${id}-tokens`}>{text.maxTokens}</label>
      <InputNumber
        id={`${id}-tokens`}
        value={value.maxTokens}
        min={1}
        max={kMaxTokensMax}
        step={256}
        precision={0}
        placeholder={text.modelDefault}
        aria-describedby={`${id}-tokens-hint`}
        onChange={(maxTokens) => change({ maxTokens })}
      />
      <p className="hint" id={`${id}-tokens-hint`}>
        {text.maxTokensHint}
      </p>
    </div>
  );
}
