// Tells the other tabs of this browser that a conversation changed. Without BroadcastChannel the
// tabs see each other's changes at their next load.
export class ConversationTabs {
  private readonly channel_ =
    typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('xingcha.conversations');

  announce(id: string): void {
    this.channel_?.postMessage(id);
  }

  listen(onChange: () => void): void {
    this.channel_?.addEventListener('message', onChange);
  }
}
