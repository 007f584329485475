// A reader of server-sent events (WHATWG HTML §9.2.6) over bytes that may be split anywhere: inside
// a UTF-8 sequence, inside CR LF, inside a field. Lines end with LF, CR LF or CR.

export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

// A line longer than this is not a stream of ours; without a bound a broken server fills memory.
export const kSseLineCharsMax = 8 * 1024 * 1024;

export class SseLimitError extends Error {}

export class SseParser {
  private readonly decoder_ = new TextDecoder('utf-8');
  private line_ = '';
  private skipLineFeed_ = false;
  private event_ = '';
  private data_: string[] = [];

  // Takes any number of bytes; returns the events that they complete.
  push(bytes: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    this.pushText(this.decoder_.decode(bytes, { stream: true }), events);
    return events;
  }

  private pushText(text: string, events: SseEvent[]): void {
    let start = 0;
    for (let i = 0; i < text.length; ++i) {
      const c = text.charCodeAt(i);
      if (this.skipLineFeed_) {
        this.skipLineFeed_ = false;
        if (c === 0x0a) {
          start = i + 1;
          continue;
        }
      }
      if (c !== 0x0a && c !== 0x0d) continue;
      this.takeLine(this.line_ + text.slice(start, i), events);
      this.line_ = '';
      this.skipLineFeed_ = c === 0x0d;
      start = i + 1;
    }
    this.line_ += text.slice(start);
    if (this.line_.length > kSseLineCharsMax) throw new SseLimitError('SSE line too long');
  }

  private takeLine(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data_.length > 0) {
        events.push({ event: this.event_ || 'message', data: this.data_.join('\n') });
      }
      this.event_ = '';
      this.data_ = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment, used as keep-alive
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.data_.push(value);
    if (field === 'event') this.event_ = value;
  }
}

// Yields the events of a body. An event that the end of the body cuts off is dropped, as the
// standard says. Leaving the loop cancels the body, which closes the connection.
export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  const reader = body.getReader();
  const parser = new SseParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    // Errors here are those of the body, which the loop has already thrown.
    await reader.cancel().catch(() => undefined);
  }
}
