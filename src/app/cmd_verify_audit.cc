// Checks an audit log without a server: a folder or an export, and the public key.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.h"
#include "app/terminal.h"
#include "audit/text_codes.h"
#include "audit/verify.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kKeyBytesMax = 4'096;
constexpr std::size_t kFaultsShown = 20;

struct VerifyFlags {
  std::string path, key;
  std::vector<std::string> receipts, witnesses;
  bool json = false;
};

Result<audit::VerifyOptions> options_of(const VerifyFlags& flags) {
  audit::VerifyOptions options;
  if (!flags.key.empty()) {
    XC_TRY(const std::string pem, store::read_bounded(flags.key, kKeyBytesMax));
    XC_TRY(options.key, audit::PublicKey::from_pem(pem));
  }
  for (const std::string& text : flags.receipts) {
    const auto receipt = audit::receipt_of(text);
    if (!receipt) return fail(Code::InvalidRequest, Message::BadReceipt, {text.substr(0, 40)});
    options.receipts.push_back(*receipt);
  }
  for (const std::string& path : flags.witnesses) {
    XC_TRY(const std::vector<audit::SignedHead> heads, audit::read_witness(path));
    options.witnessed.insert(options.witnessed.end(), heads.begin(), heads.end());
  }
  return options;
}

const Bilingual& text_of(audit::FaultKind kind) {
  switch (kind) {
    case audit::FaultKind::Changed:
      return texts::FaultChanged;
    case audit::FaultKind::Removed:
      return texts::FaultRemoved;
    case audit::FaultKind::Inserted:
      return texts::FaultInserted;
    case audit::FaultKind::Reordered:
      return texts::FaultReordered;
    case audit::FaultKind::Cut:
      return texts::FaultCut;
    case audit::FaultKind::Unsigned:
      return texts::FaultUnsigned;
    case audit::FaultKind::BadHead:
      return texts::FaultBadHead;
    case audit::FaultKind::BadFile:
      return texts::FaultBadFile;
    case audit::FaultKind::Unpaired:
      break;
  }
  return texts::FaultUnpaired;
}

struct ReceiptText {
  std::string_view name;
  const Bilingual& text;
};
ReceiptText text_of(audit::ReceiptState state) {
  if (state == audit::ReceiptState::Good) return {"good", texts::ReceiptGood};
  if (state == audit::ReceiptState::Forged) return {"forged", texts::ReceiptForged};
  return {"missing", texts::ReceiptMissing};
}

void print_json(const audit::Findings& found) {
  json::array faults, receipts;
  for (const audit::Fault& fault : found.faults) {
    faults.push_back(json::object{{"kind", audit::name_of(fault.kind)},
                                  {"leaf", fault.index},
                                  {"count", fault.count},
                                  {"detail", fault.detail}});
  }
  for (const audit::ReceiptState state : found.receipts) {
    receipts.emplace_back(text_of(state).name);
  }
  json::object out{{"good", found.good()},
                   {"log", audit::hex_of(audit::view_of(found.log))},
                   {"profile", audit::name_of(found.profile)},
                   {"first", found.first},
                   {"end", found.end},
                   {"root", audit::hex_of(audit::view_of(found.root))},
                   {"head", nullptr},
                   {"heads_checked", found.heads},
                   {"records_checked", found.records},
                   {"contents_checked", found.contents},
                   {"erased", found.erased},
                   {"expired", found.gone},
                   {"admissions", found.admissions},
                   {"settlements", found.settlements},
                   {"open_admissions", found.open_admissions},
                   {"live", found.live},
                   {"witnessed", found.witnessed},
                   {"fault_count", found.fault_count},
                   {"faults", std::move(faults)},
                   {"receipts", std::move(receipts)}};
  if (found.head) out["head"] = audit::text_of(*found.head);
  fmt::print("{}\n", json::serialize(out));
}

void print_text(const audit::Findings& found, bool own_key, Language language) {
  fmt::print("{}\n", say<texts::AuditLog>(language, audit::hex_of(audit::view_of(found.log)),
                                          audit::name_of(found.profile), found.first, found.end));
  fmt::print("{}\n", say<texts::AuditChecked>(language, found.heads, found.records, found.contents,
                                              found.erased, found.gone));
  fmt::print("{}\n", say<texts::AuditCalls>(language, found.admissions, found.settlements,
                                            found.open_admissions));
  if (found.head) {
    fmt::print("{}\n",
               say<texts::AuditHead>(language, found.head->size, time_text(found.head->unix_ms),
                                     audit::hex_of(audit::view_of(found.root))));
  }
  if (found.witnessed > 0) {
    fmt::print("{}\n", say<texts::AuditWitnessed>(language, found.witnessed));
  }
  if (found.live) fmt::print("{}\n", texts::AuditLive.in(language));
  if (!own_key) fmt::print("{}\n", texts::AuditOwnKey.in(language));
  for (std::size_t i = 0; i < found.receipts.size(); ++i) {
    fmt::print("{}\n", say<texts::AuditReceipt>(language, i + 1,
                                                text_of(found.receipts[i]).text.in(language)));
  }
  for (std::size_t i = 0; i < std::min(found.faults.size(), kFaultsShown); ++i) {
    const audit::Fault& fault = found.faults[i];
    fmt::print("{}\n", say<texts::AuditFault>(language, text_of(fault.kind).in(language),
                                              fault.index, fault.count, fault.detail));
  }
  if (found.good()) {
    fmt::print("{}\n", texts::AuditGood.in(language));
  } else {
    fmt::print("{}\n", say<texts::AuditBad>(language, found.fault_count));
  }
}

Result<int> verify_audit(const Surroundings& here, const VerifyFlags& flags) {
  XC_TRY(const audit::VerifyOptions options, options_of(flags));
  const std::string path = flags.path.empty() ? here.home.data() + "/audit" : flags.path;
  XC_TRY(const audit::Findings found, audit::verify(path, options));
  if (flags.json) {
    print_json(found);
  } else {
    print_text(found, options.key.has_value(), here.language);
  }
  return found.good() ? kExitFine : kExitFailed;
}

}  // namespace

Command verify_audit_command() {
  const auto flags = std::make_shared<VerifyFlags>();
  Command command{"verify-audit", texts::HelpVerifyAudit};
  command.options = {
      {.name = "PATH",
       .value = "PATH",
       .help = texts::HelpVerifyAuditPath,
       .target = &flags->path,
       .complete = Complete::File},
      {.name = "--key",
       .value = "FILE",
       .help = texts::HelpVerifyAuditKey,
       .target = &flags->key,
       .complete = Complete::File},
      {.name = "--receipt",
       .value = "RECEIPT",
       .help = texts::HelpVerifyAuditReceipt,
       .target = &flags->receipts},
      {.name = "--witness",
       .value = "FILE",
       .help = texts::HelpVerifyAuditWitness,
       .target = &flags->witnesses,
       .complete = Complete::File},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return verify_audit(here, *flags); };
  return command;
}

}  // namespace xc::app
