// A folder of released weights becomes one GGUF file. Bounded memory: the tokenizer, the headers
// and a few MiB of rows a thread; the weights stay in the page cache. Blocks until it is done, on
// threads of its own.
//
// K-quants (q4_k_m …) are not written here: convert to f16, then let the worker plug-in's
// llama_model_quantize do it (engine/quantize.h). `xingcha convert --type q4_k_m` does both.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace xc::convert {

struct ConvertOptions {
  std::string folder;
  std::string output;         // the .gguf file; must not exist
  std::string type = "f16";   // f32, f16, bf16, q8_0
  std::uint32_t context = 0;  // 0: as trained
  bool with_mtp = true;       // keep layers that predict further tokens
  std::string pre;            // tokenizer.json's splitting rule when it is not recognised
  std::string version;        // of this program, for the metadata
  // Told the licence of the weights before anything is written; empty: none is known.
  std::function<void(const std::string& licence)> on_licence = {};
  unsigned threads = 0;  // 0: the cores of this process, limits::kConvertThreadsMax at most
};

struct Converted {
  std::string path;
  std::string family, architecture;
  std::uint64_t bytes = 0;
  std::uint64_t kept_bytes = 0;  // written and verified by an earlier run that was ended
  std::uint64_t parameters = 0;
  std::vector<std::string> notes;  // what differs from the vendor's arithmetic
};

// Bytes done of all: those written and those hashed of the sources. false cancels: a later run
// continues. Called from any of the threads, one at a time.
using ConvertProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// Errors: BadCheckpoint {file, tensor and reason}, UnknownModel, OutputExists, BadValue,
// FileMissing, FileError, DiskFull, ConvertBusy, Cancelled.
Result<Converted> convert(const ConvertOptions& options, const ConvertProgress& progress);

// The 16-bit type that holds the weights of a folder best: f16 for f16 and f32, else bf16. What a
// smaller type is quantised from. Errors: as convert's.
Result<std::string> nearest_type(const std::string& folder);

}  // namespace xc::convert
