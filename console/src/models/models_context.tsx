import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  type ReactNode,
} from 'react';
import { ApiError, isAbort } from '../api/api_error';
import { listChatModels, preferredModel, type Model } from '../api/models';
import { useI18n } from '../i18n/i18n_context';
import { browserStorage } from '../settings/browser_storage';
import { useObservable } from '../settings/observable';
import { useServices } from '../wiring';

interface Models {
  readonly models: readonly Model[] | null; // null: not known yet
  readonly error: ApiError | null;
  readonly chosen: Model | null;
  readonly choose: (id: string) => void;
  readonly refresh: () => void;
}

const ModelsContext = createContext<Models | null>(null);
const kChosenKey = 'xingcha.model';
const kPollIntervalMs = 3000; // only while a model is being loaded

// The models of the server: read at the start, when the key or the language changes, when the page
// comes back to the front, and every few seconds while one of them is loading.
export function ModelsProvider({ children }: { children: ReactNode }) {
  const { client, access } = useServices();
  const { language } = useI18n();
  const { key } = useObservable(access);
  const [models, setModels] = useState<readonly Model[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [chosenId, setChosenId] = useState(() => browserStorage.getItem(kChosenKey));
  const reading = useRef<AbortController | null>(null);

  const refresh = useCallback(() => {
    reading.current?.abort();
    if (access.get().key === '') return;
    const abort = (reading.current = new AbortController());
    listChatModels(client, abort.signal).then(
      (list) => {
        setModels(list);
        setError(null);
      },
      (reason: unknown) => {
        if (isAbort(reason) || !(reason instanceof ApiError)) return;
        if (reason.unauthorized) access.set({ key: '', rejected: true });
        else setError(reason);
      },
    );
  }, [client, access]);

  useEffect(() => {
    refresh();
    const onVisible = () => document.visibilityState === 'visible' && refresh();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      document.removeEventListener('visibilitychange', onVisible);
      reading.current?.abort();
    };
  }, [refresh, key, language]);

  const loading = models?.some((model) => model.state === 'loading') ?? false;
  useEffect(() => {
    if (!loading) return;
    const timer = setInterval(refresh, kPollIntervalMs);
    return () => clearInterval(timer);
  }, [loading, refresh]);

  const choose = useCallback((id: string) => {
    browserStorage.setItem(kChosenKey, id);
    setChosenId(id);
  }, []);

  const value = useMemo<Models>(
    () => ({ models, error, chosen: preferredModel(models ?? [], chosenId), choose, refresh }),
    [models, error, chosenId, choose, refresh],
  );
  return <ModelsContext.Provider value={value}>{children}</ModelsContext.Provider>;
}

export function useModels(): Models {
  const value = useContext(ModelsContext);
  if (value === null) throw new Error('useModels outside of ModelsProvider');
  return value;
}
