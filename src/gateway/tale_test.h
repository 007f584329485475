// An answer that can be told in parts: what scripted endpoints say where tests break answers off.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace xc::gateway {

inline std::string chunk(std::string_view delta) {
  return R"(data: {"choices":[{"index":0,"delta":)" + std::string(delta) + "}]}\n\n";
}
// What the upstream tells when it is asked for a tale: a word is a token.
inline const std::vector<std::string> kTale{"Once",  " upon", " a",  " time", "\n\n",
                                            "there", " was",  " an", " end",  "."};
inline std::string tale() {
  std::string whole;
  for (const std::string& word : kTale) whole += word;
  return whole;
}
// How many words of the tale the assistant's turn at the end of a request has. As chat templates
// do, the server does not see the blanks at its end.
inline std::size_t words_told(std::string_view request) {
  const auto body = boost::json::parse(request).as_object();
  const auto& turn = body.at("messages").as_array().back().as_object();
  if (turn.at("role").as_string() != "assistant") return 0;
  const std::string_view said = turn.at("content").as_string();
  std::string text;
  for (std::size_t i = 0; i < kTale.size(); ++i) {
    text += kTale[i];
    if (text.substr(0, text.find_last_not_of('\n') + 1) == said) return i + 1;
  }
  return kTale.size();
}
inline std::string tale_from(std::string_view request, int most, bool thinks) {
  const std::size_t told = words_told(request);
  std::string bytes = thinks && told > 0 ? chunk(R"({"reasoning":"hm"})") : std::string();
  for (std::size_t i = told; i < kTale.size(); ++i) {
    if (most-- <= 0) return bytes;
    bytes += chunk(R"({"content":)" + boost::json::serialize(boost::json::string(kTale[i])) + "}");
  }
  bytes += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
  return bytes + R"(data: {"choices":[],"usage":{"prompt_tokens":)" + std::to_string(5 + told) +
         R"(,"completion_tokens":)" + std::to_string(kTale.size() - told) + "}}\n\n" +
         "data: [DONE]\n\n";
}

}  // namespace xc::gateway
