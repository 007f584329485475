#include "app/model_shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xc::app {
namespace {

using testing::IsSupersetOf;

TEST(Shape, IsBoundedByTheTrainedLength) {
  ModelSettings settings;
  settings.context = 8192;
  catalog::GgufFacts facts;
  facts.context = 2048;
  EXPECT_EQ(shape_of(settings, facts).context, 2048);
  EXPECT_EQ(shape_of(settings, facts).cells, 8192);
  facts.context = 0;  // the file does not say
  EXPECT_EQ(shape_of(settings, facts).context, 8192);
  settings.context = 32768;
  facts.context = 131072;
  EXPECT_EQ(shape_of(settings, facts).cells, 32768);
  settings.cells = 1000;
  EXPECT_EQ(shape_of(settings, facts).cells, 1000);
}

TEST(WorkerArguments, CarrySettingsAndSampling) {
  ModelSettings settings;
  settings.sequences = 8;
  settings.kv_type = "q8_0";
  settings.gpu_layers = -1;
  settings.target_tbt_ms = 80;
  settings.chunk_disk_mib = 0;
  settings.speculation = "off";
  settings.queue_max = 9;
  schema::Sampling sampling;
  sampling.temperature = 0.7;
  sampling.top_k = 20;
  const std::vector<std::string> arguments = worker_arguments(settings, {2048, 8192}, sampling);
  EXPECT_THAT(arguments, IsSupersetOf({"--cells", "8192", "--sequences", "8", "--kv-type", "q8_0",
                                       "--gpu-layers", "-1", "temperature=0.7", "top_k=20"}));
  const auto value_of = [&](std::string_view name) {
    const auto at = std::ranges::find(arguments, name);
    return at == arguments.end() ? "(nothing)" : *std::next(at);
  };
  EXPECT_EQ(value_of("--target-tbt-ms"), "80");
  EXPECT_EQ(value_of("--chunk-disk-mib"), "0");
  EXPECT_EQ(value_of("--speculation"), "off");
  EXPECT_EQ(value_of("--queue"), "9");
  EXPECT_EQ(value_of("--queue-per-tenant"), "6");  // three quarters, unless said
  EXPECT_EQ(std::ranges::count(arguments, "--sampling"), 2);
  EXPECT_EQ(std::ranges::count(arguments, "--context"), 0);  // the fleet's
}

}  // namespace
}  // namespace xc::app
