import { IDBFactory } from 'fake-indexeddb';
import { describe, expect, it } from 'vitest';
import { AnswerBuilder } from '../chat/answer';
import {
  ageOf,
  kConversationsMax,
  kTitleCharsMax,
  titleOf,
  type UserMessage,
} from './conversation';
import { MemoryConversationDb, openConversationDb, type ConversationDb } from './conversation_db';
import { ConversationStore } from './conversation_store';

function question(id: string, content = id): UserMessage {
  return { id, role: 'user', content, images: [] };
}

// A store on `db` whose clock moves one millisecond at every look.
async function storeOn(db: ConversationDb, activeId: string | null = null) {
  let now = 1000;
  const store = new ConversationStore(db, () => ++now);
  await store.load(activeId);
  return store;
}

// Lets the writes that were started reach the database.
async function written(db: ConversationDb): Promise<void> {
  for (let i = 0; i < 3; ++i) await db.heads();
}

const kDbs: readonly [string, () => Promise<ConversationDb>][] = [
  ['IndexedDB', () => openConversationDb(new IDBFactory())],
  ['memory', async () => new MemoryConversationDb()],
];

describe.each(kDbs)('ConversationStore on %s', (_, open) => {
  it('brings a conversation back after a reload', async () => {
    const db = await open();
    const store = await storeOn(db);
    const id = store.append(question('q1', '第一个问题\n还有下文'));
    await written(db);

    const again = await storeOn(db, id);
    expect(again.snapshot().activeId).toBe(id);
    expect(again.snapshot().heads.map((head) => head.title)).toEqual(['第一个问题']);
    expect(again.snapshot().messages).toEqual([question('q1', '第一个问题\n还有下文')]);
  });

  it('shows an answer that the page left in the middle as stopped', async () => {
    const db = await open();
    const store = await storeOn(db);
    const id = store.append(question('q1'), new AnswerBuilder('a1', 'm', 0).message);
    await written(db);
    const again = await storeOn(db, id);
    expect(again.snapshot().messages[1]).toMatchObject({ id: 'a1', status: 'stopped' });
  });

  it('keeps only the newest conversations', async () => {
    const db = await open();
    const store = await storeOn(db);
    const first = store.append(question('q0'));
    for (let i = 1; i <= kConversationsMax; ++i) {
      store.startNew();
      store.append(question(`q${i}`));
    }
    await written(db);
    expect(store.snapshot().heads).toHaveLength(kConversationsMax);
    expect(await db.heads()).toHaveLength(kConversationsMax);
    expect(await db.messages(first)).toEqual([]);
  });

  it('renames, and a new message does not undo it', async () => {
    const db = await open();
    const store = await storeOn(db);
    const id = store.append(question('q1', 'old'));
    store.rename(id, '  新名字  ');
    store.rename(id, '   ');
    store.append(question('q2'));
    await written(db);
    expect((await db.heads())[0]).toMatchObject({ title: '新名字', renamed: true });
  });

  it('removes, and leaves the conversation that was open', async () => {
    const db = await open();
    const store = await storeOn(db);
    const id = store.append(question('q1'));
    store.remove(id);
    expect(store.snapshot()).toMatchObject({ heads: [], activeId: null, messages: [] });
    await written(db);
    expect(await db.heads()).toEqual([]);
    expect(await db.messages(id)).toEqual([]);
  });

  it('cuts, opens another one, and takes over what another tab did', async () => {
    const db = await open();
    const store = await storeOn(db);
    const first = store.append(question('q1'), question('q2'));
    store.truncate(1);
    store.startNew();
    const second = store.append(question('q3'));
    await store.open(first);
    expect(store.snapshot().messages).toEqual([question('q1')]);
    expect(store.snapshot().heads.map((head) => head.id)).toEqual([second, first]);

    await db.remove([first]);
    await store.reload(false);
    expect(store.snapshot()).toMatchObject({ activeId: null, messages: [] });
    expect(store.snapshot().heads.map((head) => head.id)).toEqual([second]);
  });

  it('does not write what is not to be persisted yet', async () => {
    const db = await open();
    const store = await storeOn(db);
    const id = store.append(question('q1', 'one'));
    await written(db);
    store.update(question('q1', 'two'), { persist: false });
    store.update(question('gone'), { persist: true });
    await written(db);
    expect(store.snapshot().messages).toEqual([question('q1', 'two')]);
    expect(await db.messages(id)).toEqual([question('q1', 'one')]);
  });
});

describe('ConversationStore', () => {
  it('goes on in memory where the browser forbids storage', async () => {
    const db = await openConversationDb(undefined);
    const store = await storeOn(db);
    store.append(question('q1'));
    expect(store.snapshot().persistent).toBe(false);
    expect(store.snapshot().messages).toHaveLength(1);
  });

  it('says so when a write fails, and loses nothing on the page', async () => {
    class FullDb extends MemoryConversationDb {
      override readonly persistent = true;
      override put = () => Promise.reject(new Error('quota'));
    }
    const store = await storeOn(new FullDb());
    store.append(question('q1'));
    await Promise.resolve();
    await Promise.resolve();
    expect(store.snapshot().persistent).toBe(false);
    expect(store.snapshot().messages).toHaveLength(1);
  });
});

describe('titles and ages', () => {
  it('cuts a title between characters', () => {
    expect(titleOf('  hello \nworld')).toBe('hello');
    expect(Array.from(titleOf('🚀'.repeat(100)))).toHaveLength(kTitleCharsMax);
    expect(titleOf('🚀'.repeat(100))).not.toContain('\ufffd');
  });

  it('groups by calendar day', () => {
    const now = new Date(2026, 2, 10, 12).getTime();
    expect(ageOf(new Date(2026, 2, 10, 0, 1).getTime(), now)).toBe('today');
    expect(ageOf(new Date(2026, 2, 9, 23, 59).getTime(), now)).toBe('lastWeek');
    expect(ageOf(new Date(2026, 2, 1).getTime(), now)).toBe('earlier');
  });
});
