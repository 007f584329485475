#include "app/plan_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "app/command.h"

namespace xc::app {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string report_of(const std::string& name, double gib, Language language,
                      bool as_json = false) {
  const auto data = catalog::PlanData::open("");
  const catalog::Release* release = data->find(name);
  catalog::PlanAsk ask;
  ask.concurrency = 4;
  catalog::Memory memory;
  memory.available_bytes = static_cast<std::uint64_t>(gib * (1u << 30));
  PlanReport report{*release, ask, memory, catalog::plan_here(*release, ask, memory), {}};
  for (const catalog::Card& card : data->cards()) {
    report.cards.push_back(catalog::plan_on(card, *release, ask));
  }
  return as_json ? report_json(report) : report_text(report, language, false);
}

TEST(PlanReport, SaysItInBothLanguages) {
  const std::string zh = report_of("deepseek-r1", 16, Language::Zh);
  const std::string en = report_of("deepseek-r1", 16, Language::En);
  EXPECT_THAT(zh, HasSubstr("本机不够"));
  EXPECT_THAT(zh, HasSubstr("估算，未实测"));
  EXPECT_THAT(en, HasSubstr("Not enough here"));
  EXPECT_THAT(en, HasSubstr("not measured"));
  EXPECT_THAT(en, HasSubstr("It takes int8 weights"));
  for (const std::string& text : {zh, en}) {
    EXPECT_THAT(text, HasSubstr("mindieservice_daemon"));
    EXPECT_THAT(text, HasSubstr("vllm serve /models/deepseek-r1 "));
    EXPECT_THAT(text, HasSubstr("sglang.launch_server"));
    EXPECT_THAT(text, HasSubstr("/models/deepseek-r1-int8"));
    EXPECT_THAT(text, HasSubstr("xingcha pool route deepseek-r1 h20=deepseek-r1"));
    for (const std::string_view precision : catalog::precision_names()) {
      EXPECT_THAT(text, HasSubstr(std::string("\n") + std::string(precision) + " "));
    }
  }
}

TEST(PlanReport, SaysTheTermsOfTheLicence) {
  EXPECT_THAT(report_of("telechat2-7b", 64, Language::Zh), HasSubstr("商业使用须先发邮件"));
  EXPECT_THAT(report_of("telechat2-7b", 64, Language::En), HasSubstr("Runs here"));
}

TEST(PlanReport, IsJsonForScripts) {
  for (const double gib : {1.0, 256.0}) {
    const auto parsed = boost::json::parse(report_of("t1-35b", gib, Language::En, true));
    const auto& root = parsed.as_object();
    EXPECT_FALSE(root.at("measured").as_bool());
    EXPECT_EQ(root.at("here").at("state").as_string(), gib > 2 ? "runs_here" : "needs_memory");
    EXPECT_GE(root.at("cards").as_array().size(), 8u);
    EXPECT_TRUE(root.at("model").at("licence").at("ask").as_bool());
  }
}

// Nothing is listed as if it were the vendor's model when it is not.
TEST(PlanReport, SaysWhatIsNotExact) {
  EXPECT_THAT(report_of("deepseek-v2-236b", 1024, Language::En), HasSubstr("does not compute"));
  EXPECT_THAT(report_of("deepseek-v2-236b", 1024, Language::Zh), HasSubstr("不完全相同"));
  EXPECT_THAT(report_of("deepseek-v3", 1024, Language::En), Not(HasSubstr("does not compute")));
  const auto parsed =
      boost::json::parse(report_of("deepseek-v2.5-236b", 1, Language::En, true)).at("model");
  EXPECT_FALSE(parsed.at("exact").as_bool());
  EXPECT_THAT(report_of("telechat-7b", 64, Language::En), HasSubstr("f16 int8 int4"));
  EXPECT_THAT(report_of("telechat-7b", 64, Language::En), HasSubstr("mean of the last layer"));
  const auto data = catalog::PlanData::open("");
  EXPECT_THAT(releases_text(*data, {}, catalog::Memory{}, Language::En),
              HasSubstr("does not compute"));
}

TEST(PlanReport, ListsEveryRelease) {
  const auto data = catalog::PlanData::open("");
  const catalog::Memory memory{};
  const std::string text = releases_text(*data, {}, memory, Language::En);
  for (const catalog::Release& release : data->releases()) {
    EXPECT_THAT(text, HasSubstr(release.name));
  }
  EXPECT_THAT(text, Not(HasSubstr("Runs here")));  // nothing runs in no memory
  EXPECT_THAT(text, HasSubstr("Or it needs"));
  EXPECT_EQ(boost::json::parse(releases_json(*data, {}, memory)).at("releases").as_array().size(),
            data->releases().size());
}

}  // namespace
}  // namespace xc::app
