// What the command line says, in both languages. texts.def holds every sentence; a sentence whose
// arguments do not match its slots, in either language, does not compile.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace xc::app {

struct Bilingual {
  std::string_view zh;
  std::string_view en;
  constexpr std::string_view in(Language language) const {
    return language == Language::Zh ? zh : en;
  }
};

namespace texts {
#define XC_TEXT(name, zh, en) inline constexpr Bilingual name{zh, en};
#include "app/texts.def"
#undef XC_TEXT
}  // namespace texts

// say<texts::Pulled>(language, name): the sentence with its arguments filled in.
template <const Bilingual& text, typename... Args>
std::string say(Language language, const Args&... args) {
  constexpr fmt::format_string<const Args&...> zh(text.zh);
  constexpr fmt::format_string<const Args&...> en(text.en);
  return fmt::format(language == Language::Zh ? zh : en, args...);
}

}  // namespace xc::app
