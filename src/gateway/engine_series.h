// Which of an engine's numbers become which series. Data only.
#pragma once

#include <array>

namespace xc::gateway {

struct EngineSeries {
  const char* number;  // in the worker's /internal/stats
  const char* name;    // of the series; rows of one name stand together
  const char* help;
  const char* label;  // beside "model"; empty: none
  const char* value;
  bool total = true;  // else a gauge
  double factor = 1;
};

inline constexpr const char* kPromptHelp =
    "Tokens of prompts: asked for, and of them really computed.";
inline constexpr const char* kCachedHelp =
    "Prompt tokens that were not computed, by where their KV came from.";
inline constexpr const char* kSwapHelp =
    "Sequences of preempted requests whose KV moved: out to RAM, in from RAM or from disk.";
inline constexpr const char* kSwapBytesHelp = "KV bytes of such sequences that were copied.";
inline constexpr const char* kDraftHelp =
    "Tokens of speculation: drafted, of them accepted, and of them drafted by a smaller model.";
inline constexpr const char* kDepthHelp = "Requests that wait in the engine's queue, by class.";
inline constexpr const char* kWaitHelp = "Moving average of the wait in the engine's queue.";
inline constexpr const char* kCellsHelp = "KV cells: all there are, and those in use.";
inline constexpr const char* kChunkHelp = "KV chunks kept, by tier.";

inline constexpr std::array kEngineSeries{
    EngineSeries{"prompt_tokens_asked", "xingcha_engine_prompt_tokens_total", kPromptHelp, "kind",
                 "asked"},
    EngineSeries{"prompt_tokens_computed", "xingcha_engine_prompt_tokens_total", kPromptHelp,
                 "kind", "computed"},
    EngineSeries{"tokens_generated", "xingcha_engine_generated_tokens_total", "Tokens generated.",
                 "", ""},
    EngineSeries{"cached_live_tokens", "xingcha_engine_cached_tokens_total", kCachedHelp, "tier",
                 "live"},
    EngineSeries{"cached_ram_tokens", "xingcha_engine_cached_tokens_total", kCachedHelp, "tier",
                 "ram"},
    EngineSeries{"cached_disk_tokens", "xingcha_engine_cached_tokens_total", kCachedHelp, "tier",
                 "disk"},
    EngineSeries{"preemptions", "xingcha_engine_preemptions_total",
                 "Requests that had to give way.", "", ""},
    EngineSeries{"swaps_out", "xingcha_engine_swaps_total", kSwapHelp, "direction", "out"},
    EngineSeries{"swaps_in_ram", "xingcha_engine_swaps_total", kSwapHelp, "direction", "in_ram"},
    EngineSeries{"swaps_in_disk", "xingcha_engine_swaps_total", kSwapHelp, "direction", "in_disk"},
    EngineSeries{"swap_out_bytes", "xingcha_engine_swap_bytes_total", kSwapBytesHelp, "direction",
                 "out"},
    EngineSeries{"swap_in_bytes", "xingcha_engine_swap_bytes_total", kSwapBytesHelp, "direction",
                 "in"},
    EngineSeries{"steps", "xingcha_engine_steps_total", "Steps of the engine.", "", ""},
    EngineSeries{"drafted_tokens", "xingcha_engine_speculation_tokens_total", kDraftHelp, "kind",
                 "drafted"},
    EngineSeries{"accepted_tokens", "xingcha_engine_speculation_tokens_total", kDraftHelp, "kind",
                 "accepted"},
    EngineSeries{"model_drafted_tokens", "xingcha_engine_speculation_tokens_total", kDraftHelp,
                 "kind", "drafted_by_model"},
    EngineSeries{"chunk_rejected", "xingcha_engine_chunks_rejected_total",
                 "Chunk files that were corrupt or foreign and were ignored.", "", ""},
    EngineSeries{"step_ms_mean", "xingcha_engine_step_seconds_mean",
                 "Moving average of a step's time.", "", "", false, 1e-3},
    EngineSeries{"running", "xingcha_engine_running", "Requests that the engine works on.", "", "",
                 false},
    EngineSeries{"queued_by_class.0", "xingcha_engine_queue_depth", kDepthHelp, "class",
                 "interactive", false},
    EngineSeries{"queued_by_class.1", "xingcha_engine_queue_depth", kDepthHelp, "class", "normal",
                 false},
    EngineSeries{"queued_by_class.2", "xingcha_engine_queue_depth", kDepthHelp, "class",
                 "background", false},
    EngineSeries{"wait_ms_mean_by_class.0", "xingcha_engine_queue_wait_seconds_mean", kWaitHelp,
                 "class", "interactive", false, 1e-3},
    EngineSeries{"wait_ms_mean_by_class.1", "xingcha_engine_queue_wait_seconds_mean", kWaitHelp,
                 "class", "normal", false, 1e-3},
    EngineSeries{"wait_ms_mean_by_class.2", "xingcha_engine_queue_wait_seconds_mean", kWaitHelp,
                 "class", "background", false, 1e-3},
    EngineSeries{"cells", "xingcha_engine_cells", kCellsHelp, "kind", "all", false},
    EngineSeries{"cells_used", "xingcha_engine_cells", kCellsHelp, "kind", "used", false},
    EngineSeries{"chunk_ram_bytes", "xingcha_engine_chunk_bytes", kChunkHelp, "tier", "ram", false},
    EngineSeries{"chunk_disk_bytes", "xingcha_engine_chunk_bytes", kChunkHelp, "tier", "disk",
                 false},
};

}  // namespace xc::gateway
