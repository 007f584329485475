// Turns a growing Markdown answer into sentences for a screen reader: each is said once, when it is
// complete.

const kSentenceEnd = /[。！？；…]["”’」』）]*|[.!?;]["')\]]*(?=\s)|\n+/gu;

// A sentence that is longer is said in parts.
const kSentenceCharsMax = 400;

export class SentenceSplitter {
  private taken_ = 0;

  // Takes the whole text so far; answers the sentences that became complete.
  push(text: string): string[] {
    if (text.length < this.taken_) this.taken_ = 0;
    const fresh = text.slice(this.taken_);
    const sentences: string[] = [];
    let start = 0;
    for (const match of fresh.matchAll(kSentenceEnd)) {
      const end = match.index + match[0].length;
      sentences.push(fresh.slice(start, end));
      start = end;
    }
    if (fresh.length - start > kSentenceCharsMax) {
      sentences.push(fresh.slice(start));
      start = fresh.length;
    }
    this.taken_ += start;
    return sentences;
  }

  // The rest, at the end of the answer.
  finish(text: string): string[] {
    const rest = [...this.push(text), text.slice(this.taken_)];
    this.taken_ = text.length;
    return rest;
  }
}

// Takes the markup out of one sentence at a time. Code is not read out: a block is announced by
// name once.
export class SpokenText {
  private inCode_ = false;

  constructor(private readonly codeBlock_: string) {}

  of(sentence: string): string {
    const spoken: string[] = [];
    for (const line of sentence.split('\n')) {
      if (/^\s*(```|~~~)/.test(line)) {
        this.inCode_ = !this.inCode_;
        if (this.inCode_) spoken.push(this.codeBlock_);
      } else if (!this.inCode_) {
        spoken.push(plain(line));
      }
    }
    return spoken.join(' ').trim();
  }
}

function plain(line: string): string {
  return line
    .replace(/^\s*(#{1,6}\s+|>\s?|[-*+]\s+)/, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\|?\s*:?-{3,}:?\s*\|?/g, '')
    .replace(/[*_`~|]+/g, ' ')
    .replace(/\s+/g, ' ');
}
