// What a key is limited to. Every empty list is no restriction of that kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/address_range.h"
#include "base/result.h"

namespace xc::identity {

// Patterns: '*' is any text (also '/' and nothing), '?' one byte; all else stands for itself.
bool glob_matches(std::string_view pattern, std::string_view text);

// Immutable once made; shared by every request of the key.
class Scopes {
 public:
  // As people write them; kept for lists and for the database.
  struct Texts {
    std::vector<std::string> models;   // patterns of model names
    std::vector<std::string> routes;   // patterns of addresses: "/v1/chat/*"
    std::vector<std::string> pools;    // patterns of pool names
    std::vector<std::string> sources;  // AddressRange
    bool empty() const {
      return models.empty() && routes.empty() && pools.empty() && sources.empty();
    }
    bool operator==(const Texts&) const = default;
  };

  Scopes() = default;
  // Error: BadSetting that names the list: more than limits::kScopeItemsMax items, an item that is
  // empty, longer than limits::kScopeItemBytesMax, or has a comma, blank or control character.
  static Result<Scopes> of(Texts texts);

  bool allows_model(std::string_view name) const { return allows(texts_.models, name); }
  bool allows_route(std::string_view route) const { return allows(texts_.routes, route); }
  bool allows_pool(std::string_view name) const { return allows(texts_.pools, name); }
  bool allows_source(const std::string& peer) const;
  const Texts& texts() const { return texts_; }

 private:
  static bool allows(const std::vector<std::string>& patterns, std::string_view text);
  Texts texts_;
  std::vector<AddressRange> sources_;
};

// "a,b" ⇄ {"a", "b"}, as the database and the command line have it.
std::vector<std::string> split_list(std::string_view text);
std::string join_list(const std::vector<std::string>& items);

}  // namespace xc::identity
