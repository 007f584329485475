// The table of addresses. Everything that the door answers is a row here (the console's files come
// after it), and openapi.json has the same rows: a test compares them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"

namespace xc::gateway {

struct Call;

// Whose way of writing errors a route has.
enum class Shape : std::uint8_t { OpenAi, Anthropic, Ollama, TeleChat };

struct Route {
  std::string_view method;
  std::string_view pattern;  // with at most one {parameter}, which may contain '/'
  bool needs_key;
  Shape shape;
  Task<Status> (*handler)(Call& call);
};

std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;  // null: no such address, or not with this method
  std::string parameter;
  std::string allowed;  // methods of this address, "GET, HEAD, OPTIONS"; empty: no such address
};
// HEAD finds the row of GET.
Match match_route(std::string_view method, std::string_view path);
// Also for addresses that do not exist.
Shape shape_of(std::string_view path);

}  // namespace xc::gateway
