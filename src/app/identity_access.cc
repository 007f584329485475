#include "app/identity_access.h"

#include <fmt/format.h>

#include <charconv>

#include "app/api_client.h"
#include "app/serve_config.h"

namespace xc::app {

Result<std::unique_ptr<KeyRing>> open_ring(const Surroundings& here) {
  XC_TRY(const Config config, load_config(config_source_of(here)));
  return open_key_ring(config, here.home);
}

void tell_server(const Surroundings& here, const Credentials& credentials) {
  if (credentials.key.empty()) return;
  const ApiClient api(credentials, here.language);
  const auto told = api.call("POST", "/admin/keys/reload", "{}", std::chrono::seconds(5));
  if (told || told.error().message == Message::CannotConnect) return;
  fmt::print(stderr, "{}\n",
             say<texts::KeyReloadFailed>(here.language, text_of(told.error(), here.language)));
}

Result<std::int64_t> duration_ms(std::string_view option, std::string_view text) {
  constexpr std::int64_t kLongest = 100 * 366;  // of any unit: no overflow, no typing slip
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(at, static_cast<std::size_t>(end - at));
  if (error == std::errc() && number >= 0 && number <= kLongest) {
    if (unit == "s") return number * 1'000;
    if (unit == "m") return number * 60'000;
    if (unit == "h") return number * 3'600'000;
    if (unit == "d") return number * 86'400'000;
  }
  return fail(Code::InvalidRequest, Message::BadSetting,
              {std::string(option), std::string(text.substr(0, 32)), "90s, 15m, 12h, 30d"});
}

}  // namespace xc::app
