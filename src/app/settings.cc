#include "app/settings.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/limits.h"
#include "net/address.h"

namespace xc::app {
namespace {

using Kind = Setting::Kind;
constexpr int kMillion = 1'000'000;

constexpr std::array kSettings{
    Setting{Kind::Address,
            "listen",
            "--listen",
            "XINGCHA_LISTEN",
            "127.0.0.1:8660",
            &Config::listen,
            {"监听地址：主机:端口 或 unix:/路径；端口 0 任取一个",
             "Address to listen on: HOST:PORT or unix:/path; port 0 takes a free one"}},
    Setting{Kind::Flag,
            "insecure",
            "--insecure",
            "XINGCHA_INSECURE",
            "false",
            &Config::insecure,
            {"允许在非本机地址上不加密地监听",
             "Accept listening without TLS on an address that is not loopback"}},
    Setting{Kind::Integer,
            "io_threads",
            "--io-threads",
            "XINGCHA_IO_THREADS",
            "0",
            &Config::io_threads,
            {"I/O 线程数；0：每核一个", "I/O threads; 0: one a core"},
            0,
            256},
    Setting{Kind::Text,
            "database",
            "--database",
            "XINGCHA_DATABASE",
            "",
            &Config::database,
            {"数据库：SQLite 文件的路径或 postgresql:// 地址；空：数据目录中的 SQLite",
             "Database: path of an SQLite file or a postgresql:// URL; empty: SQLite in the data "
             "folder"}},
    Setting{Kind::Integer,
            "memory_reserve_mib",
            "--memory-reserve-mib",
            "XINGCHA_MEMORY_RESERVE_MIB",
            "256",
            &Config::memory_reserve_mib,
            {"加载模型时给系统留出的内存（MiB）",
             "Memory left to the rest of the machine when models load (MiB)"},
            0,
            16 * kMillion},
    Setting{Kind::Path,
            "tls.certificate",
            "--tls-certificate",
            "XINGCHA_TLS_CERTIFICATE",
            "",
            &Config::tls_certificate,
            {"PEM 证书链；相对路径从主目录算起",
             "PEM certificate chain; a relative path starts at the home"}},
    Setting{Kind::Path,
            "tls.key",
            "--tls-key",
            "XINGCHA_TLS_KEY",
            "",
            &Config::tls_key,
            {"PEM 私钥", "PEM private key"}},
    Setting{Kind::Choice,
            "log.level",
            "--log-level",
            "XINGCHA_LOG_LEVEL",
            "info",
            &Config::log_level,
            {"日志级别", "Log level"},
            0,
            0,
            "debug info warn error off"},
    Setting{Kind::Flag,
            "log.json",
            "--log-json",
            "XINGCHA_LOG_JSON",
            "false",
            &Config::log_json,
            {"日志一行一个 JSON 对象", "Log one JSON object a line"}},
    Setting{Kind::List,
            "models.preload",
            "--preload",
            "XINGCHA_PRELOAD",
            "",
            &Config::preload,
            {"启动时就加载的模型，以逗号分隔", "Models to load at start, separated by commas"}},
    Setting{Kind::Integer,
            "models.context",
            "--context",
            "XINGCHA_CONTEXT",
            "8192",
            &ModelSettings::context,
            {"每个请求的上下文 token 数（不超过模型的训练长度）",
             "Context of one request in tokens (at most what the model was trained for)"},
            128,
            16 * kMillion},
    Setting{Kind::Integer,
            "models.cells",
            "--cells",
            "XINGCHA_CELLS",
            "0",
            &ModelSettings::cells,
            {"所有请求共用的 KV 单元数（token）；0：context 与 8192 中较大者",
             "KV cells shared by all requests (tokens); 0: the larger of context and 8192"},
            0,
            64 * kMillion},
    Setting{Kind::Integer,
            "models.sequences",
            "--sequences",
            "XINGCHA_SEQUENCES",
            "64",
            &ModelSettings::sequences,
            {"同时进行的请求数上限", "Requests that may be in progress at once"},
            1,
            static_cast<int>(limits::kSequencesMax)},
    Setting{Kind::Choice,
            "models.kv_type",
            "--kv-type",
            "XINGCHA_KV_TYPE",
            "f16",
            &ModelSettings::kv_type,
            {"KV 缓存的数据类型", "Data type of the KV cache"},
            0,
            0,
            "f16 bf16 f32 q8_0 q4_0"},
    Setting{Kind::Integer,
            "models.threads",
            "--threads",
            "XINGCHA_THREADS",
            "0",
            &ModelSettings::threads,
            {"模型进程的计算线程数；0：可用核数",
             "Compute threads of a model process; 0: the cores it may use"},
            0,
            1024},
    Setting{Kind::Integer,
            "models.batch",
            "--batch",
            "XINGCHA_BATCH",
            "2048",
            &ModelSettings::batch,
            {"一步最多计算的 token 数", "Tokens a step at most"},
            32,
            65536},
    Setting{Kind::Integer,
            "models.micro_batch",
            "--micro-batch",
            "XINGCHA_MICRO_BATCH",
            "512",
            &ModelSettings::micro_batch,
            {"一次图计算的 token 数", "Tokens of one graph evaluation"},
            32,
            65536},
    Setting{Kind::Integer,
            "models.gpu_layers",
            "--gpu-layers",
            "XINGCHA_GPU_LAYERS",
            "-1",
            &ModelSettings::gpu_layers,
            {"放到加速卡上的层数；-1：有卡就全部",
             "Layers on the accelerator; -1: all, where there is one"},
            -1,
            10'000},
    Setting{Kind::Integer,
            "models.keep_alive_s",
            "--keep-alive",
            "XINGCHA_KEEP_ALIVE_S",
            "300",
            &ModelSettings::keep_alive_s,
            {"空闲多少秒后卸载；0：立即，-1：不卸载",
             "Idle seconds before a model is unloaded; 0: at once, -1: never"},
            -1,
            31 * 86'400}};

std::unexpected<Error> bad_setting(const std::string& where, std::string_view text,
                                   std::string reason) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {where, std::string(text), std::move(reason)});
}

std::optional<int> integer_in(std::string_view text, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

std::optional<bool> flag_in(std::string_view text) {
  if (text == "true" || text == "1" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "off" || text == "no") return false;
  return std::nullopt;
}

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t cut = std::min(text.find(by), text.size());
    std::string_view part = text.substr(0, cut);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(cut + 1, text.size()));
  }
  return parts;
}

bool among(std::string_view choices, std::string_view text) {
  for (const std::string& choice : split(choices, ' ')) {
    if (choice == text) return true;
  }
  return false;
}

// Puts a value of the right type where the row points.
template <typename T>
void assign(const Setting& setting, T value, Config& config, ModelSettings& models) {
  std::visit(
      [&]<typename C, typename F>(F C::* member) {
        if constexpr (std::is_same_v<F, T>) {
          if constexpr (std::is_same_v<C, Config>) {
            config.*member = std::move(value);
          } else {
            models.*member = std::move(value);
          }
        }
      },
      setting.field);
}

}  // namespace

bool Setting::per_model() const {
  return std::holds_alternative<std::string ModelSettings::*>(field) ||
         std::holds_alternative<int ModelSettings::*>(field);
}

std::string_view Setting::key() const { return name.substr(name.rfind('.') + 1); }

std::string_view Setting::table() const {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::span<const Setting> all_settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : kSettings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

Status put_setting(const Setting& setting, std::string_view text, const std::string& where,
                   Language language, Config& config, ModelSettings& models) {
  switch (setting.kind) {
    case Kind::Integer: {
      const std::optional<int> value = integer_in(text, setting.low, setting.high);
      if (!value) {
        return bad_setting(where, text,
                           say<texts::MustBeInteger>(language, setting.low, setting.high));
      }
      assign(setting, *value, config, models);
      return {};
    }
    case Kind::Flag: {
      const std::optional<bool> value = flag_in(text);
      if (!value) return bad_setting(where, text, std::string(texts::MustBeFlag.in(language)));
      assign(setting, *value, config, models);
      return {};
    }
    case Kind::List:
      assign(setting, split(text, ','), config, models);
      return {};
    case Kind::Choice:
      if (!among(setting.choices, text)) {
        return bad_setting(where, text, say<texts::MustBeOneOf>(language, setting.choices));
      }
      break;
    case Kind::Address:
      if (!net::Address::parse(text)) {
        return bad_setting(where, text, std::string(texts::MustBeAddress.in(language)));
      }
      break;
    case Kind::Text:
    case Kind::Path:
      break;
  }
  assign(setting, std::string(text), config, models);
  return {};
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_of(const Setting& setting, const Config& config, const ModelSettings& models) {
  return std::visit(
      [&]<typename C, typename F>(F C::* member) -> std::string {
        const F* value = nullptr;
        if constexpr (std::is_same_v<C, Config>) {
          value = &(config.*member);
        } else {
          value = &(models.*member);
        }
        if constexpr (std::is_same_v<F, std::string>) {
          return toml_quoted(*value);
        } else if constexpr (std::is_same_v<F, std::vector<std::string>>) {
          std::string list;
          for (const std::string& item : *value) {
            list += (list.empty() ? "" : ", ") + toml_quoted(item);
          }
          return "[" + list + "]";
        } else {
          return fmt::format("{}", *value);
        }
      },
      setting.field);
}

}  // namespace xc::app
