#include "engine/chunks/chunk_key.h"

#include <algorithm>
#include <bit>

namespace xc::engine {
namespace {

// Tokens are hashed and stored as they lie in memory.
static_assert(std::endian::native == std::endian::little);

void add_field(std::string& text, std::string_view field) {
  const std::uint64_t length = field.size();  // so that "ab"+"c" differs from "a"+"bc"
  text.append(reinterpret_cast<const char*>(&length), sizeof(length));
  text.append(field);
}

}  // namespace

TenantTag tag_of(const Digest& secret) {
  const Digest digest = derive(secret, "tag");
  TenantTag tag{};
  std::copy_n(digest.begin(), tag.size(), tag.begin());
  return tag;
}

TenantTag tag_of_space(const Digest& id) {
  TenantTag tag{};
  std::copy_n(id.begin(), tag.size(), tag.begin());
  return tag;
}

ChunkSpaceRef make_space(const ChunkIdentity& identity, std::string tenant, const Digest& secret) {
  auto space = std::make_shared<ChunkSpace>();
  std::string text = "xingcha chunk root 1";
  for (const std::string* field :
       {&identity.model, &identity.program, &identity.k_type, &identity.v_type, &identity.layout,
        &identity.lora, &identity.rope}) {
    add_field(text, *field);
  }
  const Digest salt = derive(secret, "salt");
  space->tenant = std::move(tenant);
  space->secret = secret;
  space->root = sha256({bytes_of(salt), bytes_of(text)});
  const Digest shown = sha256({bytes_of(space->root), bytes_of(std::string_view("space"))});
  const TenantTag tag = tag_of(secret);
  std::copy(tag.begin(), tag.end(), space->id.begin());
  std::copy_n(shown.begin(), space->id.size() - tag.size(), space->id.begin() + tag.size());
  return space;
}

Digest key_of(const ChunkSpace& space, const Digest& previous, const ChunkTokens& tokens) {
  return sha256({bytes_of(space.root), bytes_of(previous), bytes_of(tokens)});
}

void ChunkChain::extend(std::span<const Token> tokens) {
  while ((links_.size() + 1) * kChunkTokens <= tokens.size()) {
    const auto part = tokens.subspan(links_.size() * kChunkTokens, kChunkTokens);
    if (std::ranges::any_of(part, [](Token token) { return token < 0; })) return;
    ChunkLink link;
    link.space = space_;
    if (!links_.empty()) link.previous = links_.back().key;
    std::copy(part.begin(), part.end(), link.tokens.begin());
    link.key = key_of(*space_, link.previous, link.tokens);
    links_.push_back(std::move(link));
  }
}

}  // namespace xc::engine
