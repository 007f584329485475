// What `xingcha plan` reasons about: cards, and released models by their shape. Data; the built-in
// part is src/catalog/plan.toml.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/catalogue.h"

namespace xc::catalog {

struct Card {
  std::string name, title, vendor;  // vendor: "huawei" or "nvidia"
  double memory_gib = 0, bandwidth_gb_s = 0;
  // Dense; 0: not computed by it.
  double bf16_tflops = 0, f16_tflops = 0, int8_tops = 0, fp8_tflops = 0;
  int per_server = 8;
  std::string basis, source;  // whose figures: "vendor", "paper", "reported"
};

// The numbers of a decoder from which every size follows. 0: it has none of it.
struct ModelShape {
  std::uint64_t layers = 0, hidden = 0, ffn = 0, vocabulary = 0;
  std::uint64_t heads = 0, heads_kv = 0, head_dim = 0;
  bool tied = false;
  // Latent attention (MLA).
  std::uint64_t q_lora = 0, kv_lora = 0, nope = 0, rope = 0, value = 0;
  std::uint64_t experts = 0, experts_used = 0, experts_shared = 0, expert_ffn = 0;
  std::uint64_t dense_layers = 0;  // the first ones, without experts
  std::uint64_t mtp_layers = 0;    // predict further tokens; engines load them on request
};

struct PlanLicence {
  Licence licence;
  std::string note_zh, note_en;
};

struct Release {
  std::string name;
  std::vector<std::string> aliases;
  std::string title_zh, title_en, family;
  ModelShape shape;
  double parameters_b = 0;  // as counted without MTP, in units of 10^9
  double active_b = 0;      // for a token; 0: all
  std::uint64_t context = 0;
  std::string precision;                // of the released weights
  std::vector<std::string> precisions;  // all that they are released in, that one first
  std::vector<std::string> functions;
  PlanLicence licence;
  schema::Sampling sampling;
  bool converts = true;  // `xingcha convert` makes a GGUF file of it
  bool exact = true;     // which computes what the vendor's code does; else the notes say what not
  // Since which version an engine serves it; empty: no evidence.
  std::string vllm, sglang, mindie;
  std::string tool_parser, reasoning_parser;  // names that vLLM gives them
  bool remote_code = false;
  std::string notes_zh, notes_en;
};

class PlanData {
 public:
  // Built-in data, then `extra_path` when it exists: same names replace. Error: BadConfig.
  static Result<PlanData> open(const std::string& extra_path);
  static Result<PlanData> parse(std::string_view toml, const std::string& name_for_errors);

  const std::vector<Card>& cards() const { return cards_; }
  const std::vector<Release>& releases() const { return releases_; }
  // By name or alias, as Catalogue::find; nullptr when unknown.
  const Release* find(std::string_view name) const;
  const Card* card(std::string_view name) const;
  // The licence of a release that asks to be accepted, by its SPDX name or as a model's files call
  // it ("LicenseRef-TeleChat", "telechat"); nullptr: none of these asks.
  const PlanLicence* asking_licence(std::string_view name) const;

 private:
  Status add(std::string_view toml, const std::string& name_for_errors);

  std::vector<Card> cards_;
  std::vector<Release> releases_;
};

}  // namespace xc::catalog
