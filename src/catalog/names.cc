#include "catalog/names.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace xc::catalog {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._:-";
constexpr std::array<std::string_view, 7> kCapabilities{
    "chat", "completion", "tools", "vision", "embedding", "rerank", "infill"};
constexpr std::uint32_t kPoolingRank = 4;  // llama_pooling_type

}  // namespace

std::string canonical_name(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  constexpr std::string_view kLatest = ":latest";
  if (out.ends_with(kLatest)) out.resize(out.size() - kLatest.size());
  return out;
}

Status check_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= limits::kModelNameBytesMax &&
                    kLetters.find(name[0]) != std::string_view::npos &&
                    name.find_first_not_of(kAllowed) == std::string_view::npos;
  if (good) return {};
  return fail(Code::InvalidRequest, Message::BadModelName,
              {std::string(name), std::to_string(limits::kModelNameBytesMax)});
}

bool is_capability(std::string_view word) {
  return std::ranges::find(kCapabilities, word) != kCapabilities.end();
}

std::vector<std::string> capabilities_of(const GgufFacts& facts, bool has_projector) {
  if (facts.pooling == kPoolingRank) return {"rerank"};
  if (facts.embedding_only || facts.pooling != 0) return {"embedding"};
  std::vector<std::string> out;
  if (facts.has_chat_template) out.emplace_back("chat");
  out.emplace_back("completion");
  if (facts.has_chat_template && facts.template_has_tools) out.emplace_back("tools");
  if (facts.has_infill) out.emplace_back("infill");
  if (has_projector) out.emplace_back("vision");
  return out;
}

}  // namespace xc::catalog
