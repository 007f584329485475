#include "app/pull.h"

#include <fmt/format.h>

#include "app/licence.h"
#include "app/terminal.h"
#include "catalog/plan_data.h"

namespace xc::app {
namespace {

// The weights' digest says whether what is installed under the name is this entry.
bool is_installed(const catalog::ModelStore& store, const catalog::Entry& entry) {
  const Result<catalog::InstalledModel> model = store.find(entry.name);
  if (!model || !store.check(*model)) return false;
  bool same = false, projector = false;
  for (const catalog::ModelFile& file : entry.files) {
    if (file.use == catalog::ModelFile::Use::Weights) same = same || file.sha256 == model->sha256;
    if (file.use == catalog::ModelFile::Use::Projector) projector = true;
  }
  return same && (!projector || !model->projector_path.empty());
}

// Releases that vendors publish as weights are converted here, not fetched: says how.
std::unexpected<Error> nothing_to_pull(const Surroundings& here, const std::string& name) {
  const auto data = catalog::PlanData::open(here.home.root + "/plan.toml");
  const catalog::Release* release = data ? data->find(name) : nullptr;
  if (release == nullptr) return fail(Code::NotFound, Message::NotInCatalogue, {name});
  return fail(Code::NotFound, Message::PullFailed,
              {name, say<texts::PullReleased>(here.language, release->licence.licence.spdx,
                                              release->licence.licence.url, release->name)});
}

}  // namespace

std::uint64_t bytes_of(const catalog::Entry& entry) {
  std::uint64_t bytes = 0;
  for (const catalog::ModelFile& file : entry.files) bytes += file.bytes;
  return bytes;
}

std::string_view title_of(const catalog::Entry& entry, Language language) {
  return language == Language::Zh ? entry.title_zh : entry.title_en;
}

Result<catalog::InstalledModel> pull_model(const Surroundings& here, std::string_view name,
                                           bool yes) {
  XC_TRY(const catalog::Catalogue catalogue, catalog::Catalogue::open(here.home.catalogue()));
  const catalog::Entry* entry = catalogue.find(name);
  if (entry == nullptr) return nothing_to_pull(here, std::string(name));
  XC_CHECK(make_folders(here.home));
  catalog::ModelStore store(here.home.models());
  if (is_installed(store, *entry)) {
    fmt::print(stderr, "{}\n", say<texts::AlreadyHere>(here.language, entry->name));
    return store.find(entry->name);
  }
  XC_TRY(catalog::PlanLicence terms, terms_of(here, entry->licence.spdx));
  terms.licence = entry->licence;
  XC_TRY(auto accepted, accept_terms(here.language, store, entry->name, terms, yes));
  Result<catalog::InstalledModel> model = fail(Code::Cancelled, Message::ClientGone);
  {
    const InterruptFlag interrupt;
    ProgressBar bar(say<texts::Pulling>(here.language, entry->name));
    const auto progress = [&bar](std::uint64_t done, std::uint64_t total) {
      bar.update(done, total);
      return !InterruptFlag::raised();
    };
    model = store.pull(*entry, progress, std::move(accepted));
  }
  if (!model && model.error().code == Code::Cancelled) {
    fmt::print(stderr, "{}\n", texts::PullStopped.in(here.language));
  }
  return model;
}

}  // namespace xc::app
