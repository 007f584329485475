// Runs a program without a shell and waits for it. Blocking; thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace xc::catalog {

struct ChildCommand {
  std::vector<std::string> arguments;    // the first is the program, looked up in PATH
  std::vector<std::string> environment;  // "NAME=value": over what is inherited
  std::string output_path;               // gets stdout and stderr
  std::chrono::seconds timeout{60};
  std::function<bool()> poll;  // several times a second; false ends the child
};

// The exit status; 128 + the signal when one ended it. Errors: FileError (cannot start), Cancelled
// (poll said so), UpstreamFailed (timeout); the child is gone in each case.
Result<int> run_child(const ChildCommand& command);

}  // namespace xc::catalog
