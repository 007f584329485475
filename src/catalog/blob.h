// One file of a model in its final place, and how it enters the model's description. For the
// files of ModelStore only.
#pragma once

#include <string>

#include "catalog/file.h"
#include "catalog/model_store.h"

namespace xc::catalog {

struct ModelStore::Blob {
  std::string path;
  std::string sha256;
  FileStamp stamp;
  std::string source;

  void describe_weights(InstalledModel& model) const {
    model.weights_path = path;
    model.sha256 = sha256;
    model.weights_bytes = stamp.bytes;
    model.mtime_ns = stamp.mtime_ns;
    model.source = source;
    model.bytes = model.weights_bytes + model.projector_bytes;
  }
  void describe_projector(InstalledModel& model) const {
    model.projector_path = path;
    model.projector_sha256 = sha256;
    model.projector_bytes = stamp.bytes;
    model.projector_mtime_ns = stamp.mtime_ns;
    model.bytes = model.weights_bytes + model.projector_bytes;
  }
};

}  // namespace xc::catalog
