import { describe, expect, it } from 'vitest';
import { kSseLineCharsMax, readSse, SseLimitError, SseParser, type SseEvent } from './sse';

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function parse(...pieces: Uint8Array[]): SseEvent[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

const kStream =
  '\ufeff: keep-alive\r\n\r\ndata: {"a":"星槎🚀"}\r\n\r\n' +
  'event: delta\ndata:first\ndata: second\nid: 7\n\n' +
  'data: three\r\rdata\n\nretry: 10\n\ndata: [DONE]\n\n';
const kEvents: SseEvent[] = [
  { event: 'message', data: '{"a":"星槎🚀"}' },
  { event: 'delta', data: 'first\nsecond' },
  { event: 'message', data: 'three' },
  { event: 'message', data: '' },
  { event: 'message', data: '[DONE]' },
];

describe('SseParser', () => {
  it('reads fields, comments and every kind of line end', () => {
    expect(parse(bytes(kStream))).toEqual(kEvents);
  });

  it('gives the same events wherever the bytes are split', () => {
    const all = bytes(kStream);
    for (let i = 0; i <= all.length; ++i) {
      expect(parse(all.slice(0, i), all.slice(i)), `split at ${i}`).toEqual(kEvents);
    }
    expect(parse(...Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(kEvents);
  });

  it('drops an event that the end of the stream cuts off', () => {
    expect(parse(bytes('data: whole\n\ndata: cut'))).toEqual([{ event: 'message', data: 'whole' }]);
  });

  it('replaces bytes that are not UTF-8 and goes on', () => {
    const broken = Uint8Array.of(...bytes('data: a'), 0xff, ...bytes('b\n\n'));
    expect(parse(broken)).toEqual([{ event: 'message', data: 'a\ufffdb' }]);
  });

  it('refuses a line without an end', () => {
    const parser = new SseParser();
    const piece = bytes('x'.repeat(1024 * 1024));
    expect(() => {
      for (let n = 0; n <= kSseLineCharsMax; n += piece.length) parser.push(piece);
    }).toThrow(SseLimitError);
  });
});

describe('readSse', () => {
  it('cancels the body when the reader leaves early', async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes('data: x\n\n')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const event of readSse(body)) {
      expect(event.data).toBe('x');
      break;
    }
    expect(cancelled).toBe(true);
  });

  it('throws what the body throws', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(bytes('data: x\n\n'));
      },
      pull: (controller) => controller.error(new Error('gone')),
    });
    const seen: string[] = [];
    const read = async () => {
      for await (const event of readSse(body)) seen.push(event.data);
    };
    await expect(read()).rejects.toThrow('gone');
    expect(seen).toEqual(['x']);
  });
});
