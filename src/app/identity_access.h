// What the commands key, tenant and user share: they change the database directly, so they work
// with and without a running server; a running one is told to read it again.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "app/command.h"
#include "app/credentials.h"
#include "app/wiring.h"

namespace xc::app {

Result<std::unique_ptr<KeyRing>> open_ring(const Surroundings& here);
// A server that does not run reads the database when it starts. One that could not be told notices
// by itself within database_poll_s; then a sentence on stderr says so.
void tell_server(const Surroundings& here, const Credentials& credentials);

// "90s", "15m", "12h", "30d" in milliseconds. Error: BadSetting with the option's name.
Result<std::int64_t> duration_ms(std::string_view option, std::string_view text);

}  // namespace xc::app
