// The program's entry: one wall against what third parties throw, nothing else.
#include <fmt/format.h>

#include <clocale>
#include <cstdio>
#include <exception>

#include "app/command.h"

int main(int argc, char** argv) {
  // For the line editor; wide characters need a UTF-8 locale whatever LANG says.
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  try {
    return xc::app::run_cli(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "xingcha: {}\n", e.what());
    return xc::app::kExitFailed;
  }
}
