// What cmake/EmbedConsole.cmake generates; only assets.cc and its test look here.
#pragma once

#include <span>

#include "console/assets.h"

namespace xc::console {

// Sorted by path. Never empty: without a built console it holds a page that says so.
std::span<const Asset> asset_table();

}  // namespace xc::console
