#include "schema/telechat.h"

#include <gtest/gtest.h>

namespace xc::schema::telechat {
namespace {

const std::string kTurn = R"({"role":"user","content":"你好"})";

Result<ChatRequest> parse(const std::string& more) {
  return parse_dialog(R"({"dialog":[)" + kTurn + "]" + more + "}");
}
std::string code(const Result<ChatRequest>& result) {
  return result ? "fine" : std::string(code_of(result.error()));
}

TEST(TeleChat, defaults_are_the_demos) {
  const auto request = parse("");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->max_tokens, 4096);
  EXPECT_EQ(request->sampling.top_k, 20);
  EXPECT_EQ(request->sampling.top_p, 0.2);
  EXPECT_EQ(request->sampling.temperature, 0.1);
  EXPECT_EQ(request->sampling.repetition_penalty, 1.03);
  EXPECT_EQ(request->model, "");
  EXPECT_EQ(parse(R"(,"do_sample":false,"temperature":0.9)")->sampling.temperature, 0);
  EXPECT_EQ(parse(R"(,"temperature":null,"model":"m")")->model, "m");
}

TEST(TeleChat, roles_take_turns) {
  const auto dialog = [](const std::string& turns) {
    return parse_dialog(R"({"dialog":[)" + turns + "]}");
  };
  const std::string bot = R"({"role":"bot","content":"在"})";
  const auto three = dialog(kTurn + "," + bot + "," + kTurn);
  ASSERT_TRUE(three);
  EXPECT_EQ(three->messages[1].role, Role::Assistant);
  EXPECT_EQ(three->messages[2].parts[0].text, "你好");
  for (const std::string turns :
       {std::string(), bot, kTurn + "," + kTurn, kTurn + "," + bot,
        std::string(R"({"role":"system","content":""})"), std::string("7"),
        std::string(R"({"role":"user","content":7})")}) {
    EXPECT_EQ(code(dialog(turns)), "10904") << turns;
  }
  EXPECT_EQ(code(dialog(R"({"role":"user"})")), "10301");
  EXPECT_EQ(code(dialog(R"({"content":"x"})")), "10301");
  EXPECT_EQ(code(parse_dialog("{}")), "10301");
  EXPECT_EQ(code(parse_dialog(R"({"dialog":"x"})")), "10904");
}

TEST(TeleChat, ranges_are_open_where_the_demos_are) {
  for (const std::string more :
       {R"("max_length":0)", R"("max_length":4097)", R"("top_k":0)", R"("top_k":100)",
        R"("top_p":0)", R"("top_p":1.0)", R"("temperature":0.0)", R"("temperature":1)",
        R"("repetition_penalty":1.0)", R"("repetition_penalty":100)", R"("do_sample":"yes")",
        R"("top_k":2.5)", R"("temperature":"0.5")"}) {
    EXPECT_EQ(code(parse("," + more)), "10305") << more;
  }
  for (const std::string more : {R"("max_length":4096)", R"("top_k":99)", R"("top_p":0.999)",
                                 R"("repetition_penalty":1.001)"}) {
    EXPECT_EQ(code(parse("," + more)), "fine") << more;
  }
  EXPECT_EQ(code(parse_dialog("{")), "10903");
}

TEST(TeleChat, replies) {
  Collector answer;
  Delta delta;
  delta.content = "好\n";
  delta.reasoning = "想";
  answer.add(delta);
  EXPECT_EQ(render_reply("req_1", answer),
            R"({"seqid":"req_1","code":"0","message":"success","flag":"1",)"
            R"("data":{"role":"bot","content":"好\n"},"role":"bot","content":"好\n"})");
  const Error error{Code::InvalidRequest, xc::Message::MissingField, {"dialog"}, {}, "dialog", 0};
  EXPECT_EQ(
      render_error(error, Language::En, "req_1"),
      R"({"seqid":"req_1","code":"10301","message":"The required field 'dialog' is missing.",)"
      R"("flag":"0","data":"failed"})");
}

}  // namespace
}  // namespace xc::schema::telechat
