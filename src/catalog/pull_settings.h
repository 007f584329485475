// Where a pull looks. Plain data.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "catalog/catalogue.h"

namespace xc::catalog {

struct PullSettings {
  std::string modelscope_url = "https://www.modelscope.cn";
  std::string huggingface_url = "https://huggingface.co";
  std::vector<std::string> pip_command = {"python3", "-m", "pip"};
  std::vector<Source::Kind> kinds;  // only these are tried; empty: all
  std::chrono::milliseconds retry_delay{1'000};

  // HF_ENDPOINT; MODELSCOPE_ENDPOINT, else MODELSCOPE_DOMAIN (a host); XINGCHA_PIP (a command,
  // split at spaces); XINGCHA_SOURCES ("pip,modelscope"; unknown words are logged and left out).
  static PullSettings from_environment();
};

}  // namespace xc::catalog
