#include <sys/stat.h>
#include <unistd.h>

#include "app/doctor.h"
#include "app/serve_config.h"
#include "app/terminal.h"
#include "catalog/model_store.h"

namespace xc::app {
namespace {

// Others must not read what lies here. `wanted`: 0700 for folders, 0600 for files with secrets.
void check_private(const std::string& path, mode_t wanted, const std::string& id,
                   const Surroundings& here, Checks& checks) {
  const std::string title(texts::CheckHome.in(here.language));
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) {
    if (id == "home") {
      checks.push_back({id, title, Verdict::Fine, say<texts::HomeNone>(here.language, path)});
    }
    return;
  }
  const unsigned mode = facts.st_mode & 07777;
  if (::access(path.c_str(), W_OK) != 0) {
    checks.push_back({id, title, Verdict::Bad, say<texts::HomeUnwritable>(here.language, path)});
  } else if ((mode & 077) != 0) {
    checks.push_back(
        {id, title, Verdict::Warn,
         say<texts::HomeOpen>(here.language, path, mode, fmt::format("{:o}", wanted), path)});
  } else {
    checks.push_back({id, title, Verdict::Fine, say<texts::HomeIs>(here.language, path, mode)});
  }
}

void check_tls(const Surroundings& here, const Config& config, Checks& checks) {
  const std::string title(texts::CheckTls.in(here.language));
  if (config.tls_certificate.empty()) {
    checks.push_back({"tls", title, Verdict::Fine, std::string(texts::TlsOff.in(here.language))});
    return;
  }
  for (const std::string& path : {config.tls_certificate, config.tls_key}) {
    if (::access(path.c_str(), R_OK) == 0) continue;
    const Error error{Code::NotFound, Message::FileMissing, {path}, {}, {}, 0};
    checks.push_back({"tls", title, Verdict::Bad, text_of(error, here.language)});
    return;
  }
  checks.push_back({"tls", title, Verdict::Fine,
                    say<texts::TlsFine>(here.language, config.tls_certificate, config.tls_key)});
}

}  // namespace

std::optional<Config> check_home(const Surroundings& here, Checks& checks) {
  check_private(here.home.root, 0700, "home", here, checks);
  check_private(here.home.credentials(), 0600, "credentials", here, checks);
  const std::string title(texts::CheckConfig.in(here.language));
  Result<Config> config = load_config(config_source_of(here));
  if (!config) {
    checks.push_back({"config", title, Verdict::Bad, text_of(config.error(), here.language)});
    return std::nullopt;
  }
  const bool there = ::access(here.home.config().c_str(), F_OK) == 0;
  checks.push_back({"config", title, Verdict::Fine,
                    there ? say<texts::ConfigFine>(here.language, here.home.config())
                          : say<texts::ConfigNone>(here.language, here.home.config())});
  check_tls(here, *config, checks);
  return std::move(*config);
}

void check_models(const Surroundings& here, bool verify, Checks& checks) {
  const catalog::ModelStore store(here.home.models());
  const std::vector<catalog::InstalledModel> models = store.list();
  if (models.empty()) {
    checks.push_back({"models", std::string(texts::CheckModels.in(here.language)), Verdict::Fine,
                      std::string(texts::NoModelsYet.in(here.language))});
  }
  for (const catalog::InstalledModel& model : models) {
    Status fine = store.check(model);
    if (fine && verify) {
      ProgressBar bar(say<texts::Verifying>(here.language, model.name));
      const InterruptFlag interrupt;
      fine = store.verify(model, [&bar](std::uint64_t done, std::uint64_t total) {
        bar.update(done, total);
        return !InterruptFlag::raised();
      });
    }
    checks.push_back({"model:" + model.name, say<texts::CheckModel>(here.language, model.name),
                      fine ? Verdict::Fine : Verdict::Bad,
                      fine ? say<texts::ModelFine>(here.language, bytes_text(model.bytes))
                           : text_of(fine.error(), here.language)});
  }
}

}  // namespace xc::app
