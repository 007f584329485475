#include "convert/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <thread>

#include "catalog/file.h"
#include "catalog/fit.h"
#include "catalog/sha256.h"
#include "catalog/sha256_lanes.h"

namespace xc::convert {
namespace {

// Rows, their source and what is written fit the second-level cache together.
constexpr std::uint64_t kFloatsAtOnce = 64u << 10;
// A transposed matrix is read along its rows and written along its columns: the more columns at
// once, the more of each cache line that is fetched gets used.
constexpr std::uint64_t kFloatsTransposed = 4u << 20;
constexpr std::uint64_t kHashedAtOnce = 4u << 20;  // bytes; what is read ahead of the hashing

// Infinities and NaN have the highest exponent; 16-bit floats end at 65504. Position of the first
// value that the file cannot hold, or `count`.
std::uint64_t first_bad(const float* values, std::uint64_t count, OutputType type) {
  const float limit = type == OutputType::F16 ? kF16Max : std::numeric_limits<float>::max();
  if (largest_magnitude(values, count) <= limit) return count;  // NaN is not
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!(std::fabs(values[i]) <= limit)) return i;
  }
  return count;
}

std::unexpected<Error> refuse(const PlannedTensor& tensor, OutputType type, std::uint64_t row,
                              float value) {
  const char* advice = std::isfinite(value) && type == OutputType::F16
                           ? ", more than f16 holds: convert with --type bf16 or q8_0"
                           : "; the file is damaged or not of this family";
  return bad_checkpoint(tensor.sources.front(),
                        fmt::format("row {} of '{}' holds {}{}", row, tensor.name, value, advice));
}

}  // namespace

OutputType type_of(const PlannedTensor& tensor, OutputType wanted) {
  if (tensor.full_precision || tensor.shape.size() < 2) return OutputType::F32;
  if (wanted == OutputType::Q8_0 && tensor.columns() % kQ8Block != 0) return OutputType::F16;
  return wanted;
}

Conversion::Conversion(const Checkpoint& checkpoint, const HfConfig& config, const ModelPlan& plan,
                       const std::vector<GgufOutput>& outputs, GgufWriter& writer,
                       const ConvertProgress& progress)
    : checkpoint_(checkpoint),
      config_(config),
      plan_(plan),
      outputs_(outputs),
      writer_(writer),
      progress_(progress),
      digests_(checkpoint.files().size()),
      done_(writer.kept_bytes()),
      total_(writer.total_bytes()) {
  for (const WeightsFile& file : checkpoint.files()) total_ += file.bytes();
}

// Where several files at once are hashed faster than one after the other. They are read in another
// order than their tensors then, so the page cache must hold them all.
bool Conversion::group_files(unsigned threads) {
  const std::size_t files = checkpoint_.files().size();
  std::uint64_t bytes = 0;
  for (const WeightsFile& file : checkpoint_.files()) bytes += file.bytes();
  if (files < catalog::lanes_pay_from() || bytes > catalog::memory_here().available_bytes / 3) {
    return false;
  }
  groups_.resize(std::clamp<std::size_t>(files / 8, 1, std::max(threads / 2, 1u)));
  for (std::size_t i = 0; i < files; ++i) groups_[i % groups_.size()].push_back(i);
  return true;
}

// Files in the order in which tensors need them, each one file ahead of its tensors: the last
// tasks are small ones, so that no thread is left alone with a long one.
void Conversion::lay_out_tasks(unsigned threads) {
  std::vector<std::size_t> files;  // by first use
  std::vector<bool> seen(checkpoint_.files().size());
  const auto note = [&](std::size_t file) {
    if (!seen[file]) files.push_back(file);
    seen[file] = true;
  };
  const auto file_of = [&](const PlannedTensor& tensor) {
    const auto place = checkpoint_.find(tensor.sources.front());
    return static_cast<std::size_t>(place->file - checkpoint_.files().data());
  };
  for (const PlannedTensor& tensor : plan_.tensors) {
    if (!tensor.sources.empty()) note(file_of(tensor));
  }
  for (std::size_t i = 0; i < seen.size(); ++i) note(i);
  std::size_t hashed = 0;
  if (group_files(threads)) {
    for (std::size_t i = 0; i < groups_.size(); ++i) tasks_.push_back({Task::Kind::DigestGroup, i});
    hashed = files.size();
  }
  const auto hash_through = [&](std::size_t count) {
    for (; hashed < std::min(count, files.size()); ++hashed) {
      tasks_.push_back({Task::Kind::Digest, files[hashed]});
    }
  };
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (writer_.has(i)) continue;
    if (!plan_.tensors[i].sources.empty()) {
      const auto at = std::ranges::find(files, file_of(plan_.tensors[i]));
      hash_through(static_cast<std::size_t>(at - files.begin()) + 2);
    }
    tasks_.push_back({Task::Kind::Tensor, i});
  }
  hash_through(files.size());
}

Result<std::vector<std::string>> Conversion::run(unsigned threads) {
  lay_out_tasks(threads);
  {
    std::vector<std::jthread> others;  // joined at the brace
    for (unsigned i = 1; i < threads; ++i) others.emplace_back([this] { serve(); });
    serve();
  }
  if (error_) return std::unexpected(std::move(*error_));
  return std::move(digests_);
}

void Conversion::serve() {
  Bench bench{RowReader(checkpoint_, config_), {}, {}};
  for (;;) {
    const std::size_t i = next_.fetch_add(1);
    if (i >= tasks_.size()) return;
    Status done;
    try {
      done = perform(tasks_[i], bench);
    } catch (const std::exception& e) {  // no memory: a thread must not end the program
      done = fail_internal(e.what());
    }
    if (!done) return stop(std::move(done.error()));
  }
}

Status Conversion::perform(const Task& task, Bench& bench) {
  XC_CHECK(advance(0, checkpoint_.folder()));
  switch (task.kind) {
    case Task::Kind::Digest:
      return digest(task.index);
    case Task::Kind::DigestGroup:
      return digest_group(groups_[task.index]);
    case Task::Kind::Tensor:
      return write(task.index, bench);
  }
  return {};
}

void Conversion::stop(Error error) {
  const std::scoped_lock lock(mutex_);
  if (!error_) error_ = std::move(error);
}

Status Conversion::advance(std::uint64_t bytes, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  done_ += bytes;
  if (error_ || (bytes != 0 && progress_ && !progress_(done_, total_))) {
    return fail(Code::Cancelled, Message::Cancelled, {name});
  }
  return {};
}

// Through the mapping: read() would copy every byte once more.
Status Conversion::digest(std::size_t index) {
  const WeightsFile& file = checkpoint_.files()[index];
  catalog::Sha256 digest;
  for (std::uint64_t done = 0; done < file.bytes();) {
    const std::uint64_t step = std::min(kHashedAtOnce, file.bytes() - done);
    file.expect(done, step);
    digest.add(file.all().substr(done, step));
    done += step;
    XC_CHECK(advance(step, file.name()));
  }
  digests_[index] = digest.finish();
  return {};
}

Status Conversion::digest_group(const std::vector<std::size_t>& files) {
  std::vector<std::string_view> ranges;
  for (const std::size_t file : files) ranges.push_back(checkpoint_.files()[file].all());
  XC_TRY(std::vector<std::string> digests,
         catalog::sha256_of_all(ranges, [this](std::uint64_t bytes) {
           return advance(bytes, checkpoint_.folder()).has_value();
         }));
  for (std::size_t i = 0; i < files.size(); ++i) digests_[files[i]] = std::move(digests[i]);
  return {};
}

Status Conversion::write(std::size_t i, Bench& bench) {
  const PlannedTensor& tensor = plan_.tensors[i];
  GgufWriter::Tensor out = writer_.begin(i);
  if (tensor.sources.empty()) {
    XC_CHECK(write_values(i, out, bench));
    return out.end();
  }
  bench.reader.start(tensor);
  XC_CHECK(bench.reader.copies(outputs_[i].type) ? copy_rows(i, out, bench)
                                                 : encode_rows(i, out, bench));
  bench.reader.finish();
  return out.end();
}

Status Conversion::write_values(std::size_t i, GgufWriter::Tensor& out, Bench& bench) {
  const std::vector<float>& values = plan_.tensors[i].values;
  bench.bytes.resize(encoded_bytes(outputs_[i].type, values.size()));
  encode(outputs_[i].type, values.data(), values.size(),
         reinterpret_cast<unsigned char*>(bench.bytes.data()));
  return append(i, out, bench.bytes);
}

// The source has the type that is wanted: rows move as they are.
Status Conversion::copy_rows(std::size_t i, GgufWriter::Tensor& out, Bench& bench) {
  const PlannedTensor& tensor = plan_.tensors[i];
  const std::uint64_t row_bytes = encoded_bytes(outputs_[i].type, tensor.columns());
  for (std::uint64_t row = 0; row < tensor.rows();) {
    const std::uint64_t count = bench.reader.rows_at_once(row, kFloatsAtOnce);
    bench.bytes.resize(count * row_bytes);
    auto* bytes = reinterpret_cast<unsigned char*>(bench.bytes.data());
    bench.reader.copy(row, count, bytes);
    if (!all_finite(outputs_[i].type, bytes, count * tensor.columns())) {
      bench.floats.resize(count * tensor.columns());
      bench.reader.read(row, count, bench.floats.data());
      const std::uint64_t bad =
          first_bad(bench.floats.data(), bench.floats.size(), outputs_[i].type);
      return refuse(tensor, outputs_[i].type, row + bad / tensor.columns(),
                    bench.floats[std::min(bad, bench.floats.size() - 1)]);
    }
    XC_CHECK(append(i, out, bench.bytes));
    row += count;
  }
  return {};
}

Status Conversion::encode_rows(std::size_t i, GgufWriter::Tensor& out, Bench& bench) {
  const PlannedTensor& tensor = plan_.tensors[i];
  const OutputType type = outputs_[i].type;
  const std::uint64_t floats_max = tensor.map.transposed ? kFloatsTransposed : kFloatsAtOnce;
  for (std::uint64_t row = 0; row < tensor.rows();) {
    const std::uint64_t count = bench.reader.rows_at_once(row, floats_max);
    const std::uint64_t floats = count * tensor.columns();
    bench.floats.resize(floats);
    bench.reader.read(row, count, bench.floats.data());
    const std::uint64_t bad = first_bad(bench.floats.data(), floats, type);
    if (bad < floats) {
      return refuse(tensor, type, row + bad / tensor.columns(), bench.floats[bad]);
    }
    bench.bytes.resize(encoded_bytes(type, floats));
    encode(type, bench.floats.data(), floats, reinterpret_cast<unsigned char*>(bench.bytes.data()));
    XC_CHECK(append(i, out, bench.bytes));
    row += count;
  }
  return {};
}

Status Conversion::append(std::size_t i, GgufWriter::Tensor& out, const std::string& bytes) {
  XC_CHECK(out.append(bytes));
  return advance(bytes.size(), outputs_[i].name);
}

}  // namespace xc::convert
