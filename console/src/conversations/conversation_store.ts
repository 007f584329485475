import {
  byNewest,
  kConversationsMax,
  newId,
  settleInterrupted,
  titleOf,
  type ConversationHead,
  type Message,
} from './conversation';
import type { ConversationDb } from './conversation_db';

export interface ConversationSnapshot {
  readonly loaded: boolean;
  readonly persistent: boolean;
  readonly heads: readonly ConversationHead[]; // newest first
  readonly activeId: string | null; // null: a new conversation that has no message yet
  readonly messages: readonly Message[]; // of the active one
}

const kEmpty: ConversationSnapshot = {
  loaded: false,
  persistent: true,
  heads: [],
  activeId: null,
  messages: [],
};

// The conversations of this browser. One is active; its messages are in memory, those of the others
// are not. Every change is visible at once; `persist: false` leaves the writing for later, which a
// stream of small changes needs. A failed write is reported by `persistent` and loses nothing on
// the page. Snapshots are immutable: compare by identity.
export class ConversationStore {
  private snapshot_ = kEmpty;
  private readonly listeners_ = new Set<() => void>();

  constructor(
    private readonly db_: ConversationDb,
    private readonly now_: () => number = Date.now,
    private readonly changed_: (id: string) => void = () => undefined,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners_.add(listener);
    return () => this.listeners_.delete(listener);
  };
  readonly snapshot = (): ConversationSnapshot => this.snapshot_;

  // Reads the list and opens `activeId` if it still exists.
  async load(activeId: string | null): Promise<void> {
    const heads = (await this.db_.heads()).sort(byNewest);
    const active = heads.some((head) => head.id === activeId) ? activeId : null;
    const messages = active === null ? [] : settleInterrupted(await this.db_.messages(active));
    this.set({ loaded: true, persistent: this.db_.persistent, heads, activeId: active, messages });
  }

  // Reads again what another tab has changed; `busy` keeps this tab's messages.
  async reload(busy: boolean): Promise<void> {
    const heads = (await this.db_.heads()).sort(byNewest);
    const { activeId } = this.snapshot_;
    if (busy || activeId === null) {
      this.set({ heads });
      return;
    }
    const messages = await this.db_.messages(activeId);
    if (this.snapshot_.activeId !== activeId) return;
    if (heads.some((head) => head.id === activeId)) this.set({ heads, messages });
    else this.set({ heads, activeId: null, messages: [] });
  }

  startNew(): void {
    this.set({ activeId: null, messages: [] });
  }

  async open(id: string): Promise<void> {
    const messages = settleInterrupted(await this.db_.messages(id));
    if (this.snapshot_.heads.some((head) => head.id === id)) this.set({ activeId: id, messages });
  }

  // Adds to the active conversation, which is created if there is none. Answers its id.
  append(...added: readonly Message[]): string {
    const id = this.snapshot_.activeId ?? newId();
    this.replace(id, [...this.snapshot_.messages, ...added]);
    return id;
  }

  // Keeps the first `count` messages of the active conversation.
  truncate(count: number): void {
    const { activeId, messages } = this.snapshot_;
    if (activeId !== null) this.replace(activeId, messages.slice(0, count));
  }

  // Replaces one message of the active conversation; nothing happens when it is not there.
  update(message: Message, options: { persist: boolean }): void {
    const { activeId, messages } = this.snapshot_;
    if (activeId === null || !messages.some((m) => m.id === message.id)) return;
    const next = messages.map((m) => (m.id === message.id ? message : m));
    if (options.persist) this.replace(activeId, next);
    else this.set({ messages: next });
  }

  rename(id: string, title: string): void {
    const head = this.snapshot_.heads.find((h) => h.id === id);
    const next = titleOf(title);
    if (head === undefined || next === '') return;
    const renamed = { ...head, title: next, renamed: true };
    this.set({ heads: this.snapshot_.heads.map((h) => (h.id === id ? renamed : h)) });
    this.write(id, this.db_.putHead(renamed));
  }

  remove(id: string): void {
    this.set({ heads: this.snapshot_.heads.filter((head) => head.id !== id) });
    if (this.snapshot_.activeId === id) this.startNew();
    this.write(id, this.db_.remove([id]));
  }

  private replace(id: string, messages: readonly Message[]): void {
    const old = this.snapshot_.heads.find((head) => head.id === id);
    const first = messages.find((message) => message.role === 'user');
    const title = old?.renamed ? old.title : titleOf(first?.content ?? '');
    const head = { id, title, renamed: old?.renamed ?? false, updatedAt: this.now_() };
    const others = this.snapshot_.heads.filter((h) => h.id !== id);
    const heads = [head, ...others].sort(byNewest);
    const dropped = heads.splice(kConversationsMax).map((h) => h.id);
    this.set({ heads, activeId: id, messages });
    this.write(id, this.db_.put(head, messages));
    if (dropped.length > 0) this.write(id, this.db_.remove(dropped));
  }

  private write(id: string, written: Promise<void>): void {
    written.then(
      () => this.changed_(id),
      () => this.set({ persistent: false }),
    );
  }

  private set(change: Partial<ConversationSnapshot>): void {
    this.snapshot_ = { ...this.snapshot_, ...change };
    for (const listener of this.listeners_) listener();
  }
}
