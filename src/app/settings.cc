#include "app/settings.h"

#include <fmt/format.h>

#include <charconv>

#include "net/address.h"

namespace xc::app {
namespace {

using Kind = Setting::Kind;
std::unexpected<Error> bad_setting(const std::string& where, std::string_view text,
                                   std::string reason) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {where, std::string(text), std::move(reason)});
}

std::optional<int> integer_in(std::string_view text, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

std::optional<bool> flag_in(std::string_view text) {
  if (text == "true" || text == "1" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "off" || text == "no") return false;
  return std::nullopt;
}

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t cut = std::min(text.find(by), text.size());
    std::string_view part = text.substr(0, cut);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(cut + 1, text.size()));
  }
  return parts;
}

bool among(std::string_view choices, std::string_view text) {
  for (const std::string& choice : split(choices, ' ')) {
    if (choice == text) return true;
  }
  return false;
}

// Puts a value of the right type where the row points.
template <typename T>
void assign(const Setting& setting, T value, Config& config, ModelSettings& models) {
  std::visit(
      [&]<typename C, typename F>(F C::* member) {
        if constexpr (std::is_same_v<F, T>) {
          if constexpr (std::is_same_v<C, Config>) {
            config.*member = std::move(value);
          } else {
            models.*member = std::move(value);
          }
        }
      },
      setting.field);
}

}  // namespace

bool Setting::per_model() const {
  return std::holds_alternative<std::string ModelSettings::*>(field) ||
         std::holds_alternative<int ModelSettings::*>(field);
}

std::string_view Setting::key() const { return name.substr(name.rfind('.') + 1); }

std::string_view Setting::table() const {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

bool Setting::is_secret() const {
  return name.ends_with("secret") || name.find("password") != std::string_view::npos;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : all_settings()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

Status put_setting(const Setting& setting, std::string_view text, const std::string& where,
                   Language language, Config& config, ModelSettings& models) {
  switch (setting.kind) {
    case Kind::Integer: {
      const std::optional<int> value = integer_in(text, setting.low, setting.high);
      if (!value) {
        return bad_setting(where, text,
                           say<texts::MustBeInteger>(language, setting.low, setting.high));
      }
      assign(setting, *value, config, models);
      return {};
    }
    case Kind::Flag: {
      const std::optional<bool> value = flag_in(text);
      if (!value) return bad_setting(where, text, std::string(texts::MustBeFlag.in(language)));
      assign(setting, *value, config, models);
      return {};
    }
    case Kind::List:
      assign(setting, split(text, ','), config, models);
      return {};
    case Kind::Choice:
      if (!among(setting.choices, text)) {
        return bad_setting(where, text, say<texts::MustBeOneOf>(language, setting.choices));
      }
      break;
    case Kind::Address:
      if (!net::Address::parse(text)) {
        return bad_setting(where, text, std::string(texts::MustBeAddress.in(language)));
      }
      break;
    case Kind::Text:
    case Kind::Path:
      break;
  }
  assign(setting, std::string(text), config, models);
  return {};
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_of(const Setting& setting, const Config& config, const ModelSettings& models) {
  return std::visit(
      [&]<typename C, typename F>(F C::* member) -> std::string {
        const F* value = nullptr;
        if constexpr (std::is_same_v<C, Config>) {
          value = &(config.*member);
        } else {
          value = &(models.*member);
        }
        if constexpr (std::is_same_v<F, std::string>) {
          return toml_quoted(*value);
        } else if constexpr (std::is_same_v<F, std::vector<std::string>>) {
          std::string list;
          for (const std::string& item : *value) {
            list += (list.empty() ? "" : ", ") + toml_quoted(item);
          }
          return "[" + list + "]";
        } else {
          return fmt::format("{}", *value);
        }
      },
      setting.field);
}

}  // namespace xc::app
