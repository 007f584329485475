import { Select } from 'antd';
import type { Model } from '../api/models';
import { useI18n } from '../i18n/i18n_context';
import { useModels } from './models_context';

export function ModelSelect() {
  const { text } = useI18n();
  const { models, chosen, choose, refresh } = useModels();
  const byId = new Map((models ?? []).map((model) => [model.id, model]));
  return (
    <Select
      className="model-select"
      aria-label={text.model}
      placeholder={text.modelPlaceholder}
      value={chosen?.id ?? null}
      loading={models === null}
      disabled={models !== null && models.length === 0}
      options={(models ?? []).map(({ id }) => ({ value: id, label: id }))}
      onChange={choose}
      onOpenChange={(open) => open && refresh()}
      popupMatchSelectWidth={false}
      getPopupContainer={(trigger) => trigger.parentElement ?? document.body}
      variant="filled"
      virtual={false}
      labelRender={({ value }) => <Option model={byId.get(String(value))} short />}
      optionRender={({ value }) => <Option model={byId.get(String(value))} />}
    />
  );
}

function Option({ model, short = false }: { model: Model | undefined; short?: boolean }) {
  const { text, format } = useI18n();
  if (model === undefined) return null;
  const state = text.modelState[model.state];
  const facts = [state];
  if (model.contextTokens !== null) {
    facts.push(text.modelContext(format.tokens(model.contextTokens)));
  }
  if (model.reason !== '') facts.push(model.reason);
  return (
    <span className="model-option" title={model.reason || undefined}>
      <span className={`state-dot state-${model.state}`} aria-hidden="true" />
      <span className="model-name">{model.id}</span>
      {short ? (
        <span className="visually-hidden">{state}</span>
      ) : (
        <span className="model-facts">{facts.join(' · ')}</span>
      )}
    </span>
  );
}
