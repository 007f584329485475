import type { ConversationHead, Message } from './conversation';

// Where conversations are kept. Failures reject; the store above decides what they mean.
export interface ConversationDb {
  readonly persistent: boolean;
  heads(): Promise<ConversationHead[]>;
  messages(id: string): Promise<readonly Message[]>;
  put(head: ConversationHead, messages: readonly Message[]): Promise<void>;
  putHead(head: ConversationHead): Promise<void>;
  remove(ids: readonly string[]): Promise<void>;
}

const kDbName = 'xingcha';
const kDbVersion = 1;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB'));
  });
}

// Two object stores, both keyed by conversation id: `heads` and `bodies` ({id, messages}).
class IndexedConversationDb implements ConversationDb {
  readonly persistent = true;
  constructor(private readonly db_: IDBDatabase) {}

  async heads(): Promise<ConversationHead[]> {
    const store = this.db_.transaction('heads').objectStore('heads');
    return settled(store.getAll() as IDBRequest<ConversationHead[]>);
  }

  async messages(id: string): Promise<readonly Message[]> {
    const store = this.db_.transaction('bodies').objectStore('bodies');
    const body = await settled(store.get(id) as IDBRequest<{ messages: Message[] } | undefined>);
    return body?.messages ?? [];
  }

  async put(head: ConversationHead, messages: readonly Message[]): Promise<void> {
    const transaction = this.db_.transaction(['heads', 'bodies'], 'readwrite');
    transaction.objectStore('heads').put(head);
    transaction.objectStore('bodies').put({ id: head.id, messages });
    return committed(transaction);
  }

  async putHead(head: ConversationHead): Promise<void> {
    const transaction = this.db_.transaction('heads', 'readwrite');
    transaction.objectStore('heads').put(head);
    return committed(transaction);
  }

  async remove(ids: readonly string[]): Promise<void> {
    const transaction = this.db_.transaction(['heads', 'bodies'], 'readwrite');
    for (const id of ids) {
      transaction.objectStore('heads').delete(id);
      transaction.objectStore('bodies').delete(id);
    }
    return committed(transaction);
  }
}

// For browsers that forbid storage: this page's memory.
export class MemoryConversationDb implements ConversationDb {
  readonly persistent: boolean = false;
  private readonly heads_ = new Map<string, ConversationHead>();
  private readonly bodies_ = new Map<string, readonly Message[]>();

  async heads(): Promise<ConversationHead[]> {
    return [...this.heads_.values()];
  }
  async messages(id: string): Promise<readonly Message[]> {
    return this.bodies_.get(id) ?? [];
  }
  async put(head: ConversationHead, messages: readonly Message[]): Promise<void> {
    this.heads_.set(head.id, head);
    this.bodies_.set(head.id, messages);
  }
  async putHead(head: ConversationHead): Promise<void> {
    this.heads_.set(head.id, head);
  }
  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.heads_.delete(id);
      this.bodies_.delete(id);
    }
  }
}

export async function openConversationDb(
  factory: IDBFactory | undefined,
  name: string = kDbName,
): Promise<ConversationDb> {
  if (factory === undefined) return new MemoryConversationDb();
  try {
    const request = factory.open(name, kDbVersion);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('heads', { keyPath: 'id' });
      request.result.createObjectStore('bodies', { keyPath: 'id' });
    };
    return new IndexedConversationDb(await settled(request));
  } catch {
    return new MemoryConversationDb();
  }
}
