#include "engine/core/output_reader.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "engine/core/tool_text.h"

namespace xc::engine {
namespace {

constexpr std::size_t kLineBytes = 64;  // enough of a line to see a fence and its info string
struct ValueTags {
  std::string_view open;
  std::string_view close;
};
constexpr std::array<ValueTags, 2> kValueTags{
    {{"<param_value>", "</param_value>"}, {"<arg_value>", "</arg_value>"}}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Bytes at the end of `text` that begin `tag`.
std::size_t overlap(std::string_view text, std::string_view tag) {
  for (std::size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n) {
    if (text.ends_with(tag.substr(0, n))) return n;
  }
  return 0;
}

// "```", "~~~~" …: the run of three or more at the line's beginning, or nothing.
std::string_view fence_of(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || (line[first] != '`' && line[first] != '~')) return {};
  const std::size_t end = std::min(line.find_first_not_of(line[first], first), line.size());
  return end - first >= 3 ? line.substr(first, end - first) : std::string_view();
}

}  // namespace

OutputForm hermes_form() {
  OutputForm form;
  form.calls = {{"<tool_call>", "</tool_call>"}};
  return form;
}

OutputForm deepseek_form() {
  OutputForm form;
  form.calls = {{"<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"}};
  form.around_calls = {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"};
  return form;
}

OutputReader::OutputReader(OutputForm form) : form_(std::move(form)) {
  if (form_.thinking) state_ = State::Thinking;
  thought_ = form_.thinking;
}

void OutputReader::add(std::string_view text, OutputParts& out) {
  const bool free = form_.tools.empty();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (free && said_ && state_ == State::Text && tag_.empty()) {  // nothing to look for any more
      out.content += text.substr(i);
      return;
    }
    step(text[i], out);
  }
}

void OutputReader::step(char c, OutputParts& out) {
  if (state_ == State::Block) return step_block(c, out);
  if (state_ == State::Whole) return step_whole(c, out);
  tag_ += c;
  while (!tag_.empty() && !is_tag_prefix()) {
    const char first = tag_.front();
    tag_.erase(0, 1);
    say(first, out);
    if (state_ == State::Whole) {  // what follows belongs to it
      const std::string rest = std::exchange(tag_, {});
      for (const char next : rest) step(next, out);
      return;
    }
  }
  if (!tag_.empty() && take_tag()) tag_.clear();
}

bool OutputReader::reads_calls() const {
  return state_ == State::Text && !form_.tools.empty() && fence_.empty() && last_ != '`';
}

// tag_ is the beginning, or all, of a tag that means something here.
bool OutputReader::is_tag_prefix() const {
  const auto begins = [this](std::string_view tag) { return tag.starts_with(tag_); };
  if (state_ == State::Thinking) return begins(form_.think_close);
  if (form_.thinks && !said_ && !thought_ && !called_ && begins(form_.think_open)) return true;
  if (!reads_calls()) return false;
  return std::any_of(form_.calls.begin(), form_.calls.end(),
                     [&](const CallTags& tags) { return begins(tags.open); }) ||
         std::any_of(form_.around_calls.begin(), form_.around_calls.end(), begins);
}

// Whether tag_ is a whole tag, which then has been heeded.
bool OutputReader::take_tag() {
  if (state_ == State::Thinking) {
    if (tag_ != form_.think_close) return false;
    state_ = State::Text;
    space_.clear();
    return true;
  }
  if (form_.thinks && !said_ && !thought_ && tag_ == form_.think_open) {
    state_ = State::Thinking;
    thought_ = true;
    space_.clear();
    return true;
  }
  for (std::size_t i = 0; i < form_.calls.size(); ++i) {
    if (tag_ != form_.calls[i].open) continue;
    open_block(i);
    return true;
  }
  return std::find(form_.around_calls.begin(), form_.around_calls.end(), tag_) !=
         form_.around_calls.end();
}

// One byte that belongs to no tag.
void OutputReader::say(char c, OutputParts& out) {
  if (state_ == State::Text) watch_fence(c);
  if (is_space(c)) {
    space_ += c;
    // Without calls to come, only the space in front of the answer can turn out to be nothing.
    if (state_ == State::Text && said_ && form_.tools.empty()) {
      out.content += std::exchange(space_, {});
    }
    return;
  }
  if (state_ == State::Thinking) {
    if (!mused_) space_.clear();
    mused_ = true;
    out.reasoning += std::exchange(space_, {});
    out.reasoning += c;
    return;
  }
  if (!said_ && (thought_ || called_)) space_.clear();
  const bool may_be_whole = !said_ && !called_ && !whole_tried_ && !form_.tools.empty();
  if (may_be_whole && (c == '{' || c == '[' || c == '`')) {
    state_ = State::Whole;
    held_ = std::exchange(space_, {}) + c;
    return;
  }
  out.content += std::exchange(space_, {});
  said_ = true;
  out.content += c;
}

void OutputReader::watch_fence(char c) {
  last_ = c;
  if (c != '\n') {
    if (line_.size() < kLineBytes) line_ += c;
    return;
  }
  const std::string_view run = fence_of(line_);
  if (!run.empty()) {
    const std::string_view rest = std::string_view(line_).substr(
        static_cast<std::size_t>(run.data() - line_.data()) + run.size());
    if (fence_.empty()) {
      if (run.front() == '~' || rest.find('`') == std::string_view::npos) fence_ = run;
    } else if (run.front() == fence_.front() && run.size() >= fence_.size() &&
               std::all_of(rest.begin(), rest.end(), is_space)) {
      fence_.clear();
    }
  }
  line_.clear();
}

void OutputReader::step_whole(char c, OutputParts& out) {
  held_ += c;
  Likeness likeness = whole_likely_ ? Likeness::Likely : likeness_of_call(held_);
  if (held_.size() > limits::kToolTextBytesMax) likeness = Likeness::No;
  whole_likely_ = likeness == Likeness::Likely;
  if (likeness == Likeness::No) end_whole(out);
}

// It is no call in plain JSON: the same bytes again, as text that may have tags in it.
void OutputReader::end_whole(OutputParts& out) {
  state_ = State::Text;
  whole_tried_ = true;
  line_.clear();
  last_ = '\n';
  const std::string text = std::exchange(held_, {});
  for (const char c : text) step(c, out);
}

void OutputReader::open_block(std::size_t tags) {
  state_ = State::Block;
  tags_ = tags;
  held_ = form_.calls[tags].open;
  json_ = begun_ = in_value_ = escaped_ = false;
}

void OutputReader::step_block(char c, OutputParts& out) {
  const CallTags& tags = form_.calls[tags_];
  held_ += c;
  if (!begun_ && !is_space(c)) {
    begun_ = true;
    json_ = c == '{' || c == '[';
  }
  if (json_) {
    if (in_value_ && !escaped_ && c == '\\') {
      escaped_ = true;
    } else {
      if (!escaped_ && c == '"') in_value_ = !in_value_;
      escaped_ = false;
    }
  } else if (c == '>') {
    for (const ValueTags& value : kValueTags) {
      if (held_.ends_with(value.open)) in_value_ = true;
      if (held_.ends_with(value.close)) in_value_ = false;
    }
  }
  const bool heeded = !in_value_ || plain_tags_;
  if (heeded && held_.ends_with(tags.close)) {
    end_block(held_.size() - tags.close.size(), out);
  } else if (heeded && held_.size() > tags.open.size() && held_.ends_with(tags.open)) {
    end_block(held_.size() - tags.open.size(), out);  // the closing tag was forgotten
    open_block(tags_);
  } else if (held_.size() > limits::kToolTextBytesMax) {
    give_up_block(held_.size(), out);
  }
}

// The body of the block ends at `body_end` of held_; the closing tag, if any, is behind it.
void OutputReader::end_block(std::size_t body_end, OutputParts& out) {
  const CallTags& tags = form_.calls[tags_];
  const std::string_view body =
      std::string_view(held_).substr(tags.open.size(), body_end - tags.open.size());
  std::vector<schema::ToolCall> calls = calls_in_block(body, form_.tools);
  const bool closed = held_.ends_with(tags.close);
  if (calls.empty()) return give_up_block(closed ? held_.size() : body_end, out);
  called_ = true;
  for (schema::ToolCall& call : calls) out.calls.push_back(std::move(call));
  held_.clear();
  state_ = State::Text;
  line_.clear();
  last_ = '\n';
}

void OutputReader::give_up_block(std::size_t end, OutputParts& out) {
  state_ = State::Text;
  if (!said_ && (thought_ || called_)) space_.clear();
  out.content += std::exchange(space_, {});
  const std::string text = std::exchange(held_, {}).substr(0, end);
  said_ = true;
  out.content += text;
  for (const char c : text) watch_fence(c);
  out.unread_call = true;
}

// The output ended in a block.
void OutputReader::finish_block(OutputParts& out) {
  const CallTags tags = form_.calls[tags_];
  // As it stands, or with a closing tag that is cut off.
  for (const std::size_t cut : {std::size_t{0}, overlap(held_, tags.close)}) {
    const std::string_view body =
        std::string_view(held_).substr(tags.open.size(), held_.size() - cut - tags.open.size());
    if (calls_in_block(body, form_.tools).empty()) continue;
    return end_block(held_.size() - cut, out);
  }
  // A quotation mark too many hides all that follows: give up the first block only, read on.
  const std::size_t close = held_.find(tags.close, tags.open.size());
  const std::size_t open = held_.find(tags.open, tags.open.size());
  const std::size_t end = close < open ? close + tags.close.size() : std::min(open, held_.size());
  const std::string rest = held_.substr(end);
  if (close < open) {
    held_.resize(end);
    end_block(close, out);
  } else {
    give_up_block(end, out);
  }
  plain_tags_ = true;
  for (const char c : rest) step(c, out);
  finish(out);
}

void OutputReader::finish(OutputParts& out) {
  if (state_ == State::Block) return finish_block(out);
  if (state_ == State::Whole) {
    std::vector<schema::ToolCall> calls = calls_in_answer(held_, form_.tools);
    if (calls.empty()) {
      out.unread_call = out.unread_call || (whole_likely_ && speaks_of_call(held_, form_.tools));
      end_whole(out);
      return finish(out);
    }
    called_ = true;
    state_ = State::Text;
    held_.clear();
    for (schema::ToolCall& call : calls) out.calls.push_back(std::move(call));
  }
  const std::string rest = std::exchange(tag_, {});
  for (const char c : rest) say(c, out);
  const bool nothing = state_ == State::Thinking || called_ || (thought_ && !said_);
  if (!nothing) out.content += space_;
  space_.clear();
}

}  // namespace xc::engine
