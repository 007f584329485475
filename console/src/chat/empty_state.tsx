import { Alert, Button } from 'antd';
import { useI18n } from '../i18n/i18n_context';
import { BrandMark } from '../layout/brand';
import { CopyButton } from '../layout/copy_button';
import { useModels } from '../models/models_context';
import { errorText } from './error_text';

const kPullCommand = 'xingcha pull qwen2.5-coder-1.5b-instruct';

// What a conversation without messages shows: always the next step.
export function EmptyState({ onAsk }: { onAsk: (question: string) => void }) {
  const { models, error } = useModels();
  return (
    <div className="empty">
      {models === null ? (
        error !== null && <ModelsFailed />
      ) : models.length === 0 ? (
        <NoModel />
      ) : (
        <Welcome onAsk={onAsk} />
      )}
    </div>
  );
}

function ModelsFailed() {
  const { text } = useI18n();
  const { error, refresh } = useModels();
  return (
    <Alert
      type="error"
      showIcon
      title={text.modelsError}
      description={error === null ? undefined : errorText(error, text)}
      action={
        <Button size="small" onClick={refresh}>
          {text.retry}
        </Button>
      }
    />
  );
}

function NoModel() {
  const { text } = useI18n();
  const { refresh } = useModels();
  return (
    <section className="empty-box">
      <BrandMark size={44} />
      <h2>{text.noModelTitle}</h2>
      <p>{text.noModelText}</p>
      <div className="command">
        <code>{kPullCommand}</code>
        <CopyButton value={kPullCommand} label={text.copy} />
      </div>
      <Button type="primary" onClick={refresh}>
        {text.refresh}
      </Button>
    </section>
  );
}

function Welcome({ onAsk }: { onAsk: (question: string) => void }) {
  const { text } = useI18n();
  const { chosen } = useModels();
  return (
    <section className="empty-box">
      <BrandMark size={44} />
      <h2>{text.welcomeTitle}</h2>
      <p>{text.welcomeText}</p>
      {chosen?.state === 'failed' && (
        <Alert type="warning" showIcon title={text.modelFailed} description={chosen.reason} />
      )}
      <ul className="suggestions" aria-label={text.suggestionsLabel}>
        {text.suggestions.map((question) => (
          <li key={question}>
            <button type="button" onClick={() => onAsk(question)}>
              {question}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
