#include "gateway/kept_content.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "schema/utf8.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
using Deltas = std::vector<schema::Delta>;

// How a PNG begins, in base64 iVBORw0KGgo=.
constexpr std::string_view kPicture =
    R"({"media_type":"image/png","bytes":8,)"
    R"("sha256":"4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6"})";

TEST(KeptRequest, is_the_body_byte_for_byte) {
  const std::string body = R"({ "model":"f", "messages": [ {"role":"user","content":"你好"} ] })";
  EXPECT_EQ(kept_request(body).text, body);
  EXPECT_EQ(kept_request(body).whole_bytes, 0u);
}

TEST(KeptRequest, has_digests_for_pictures) {
  const std::string png(kPicture);
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]})",
       R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":)" + png + "}}]}]}"},
      {R"({"input":[{"content":[{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo="}]}]})",
       R"({"input":[{"content":[{"type":"input_image","image_url":)" + png + "}]}]}"},
      {R"({"messages":[{"content":"x","images":["iVBORw0KGgo=","data:image/png;base64,iVBORw0KGgo="]}]})",
       R"({"messages":[{"content":"x","images":[)" + png + "," + png + "]}]}"},
      {R"({"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}]})",
       R"({"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":)" +
           png + "}}]}]}"},
      {R"({"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"data:image/png;base64,iVBORw0KGgo="}}]}]}]})",
       R"({"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":)" +
           png + "}}]}]}]}"}};
  for (const auto& [body, kept] : cases) EXPECT_EQ(kept_request(body).text, kept);
}

// Else one could hide a question from those who are to read it.
TEST(KeptRequest, keeps_texts_that_look_like_pictures) {
  for (
      const std::string body :
      {R"({"messages":[{"role":"user","content":"data:image/png;base64,iVBORw0KGgo="}]})",
       R"({"images":["some text","c29tZSB0ZXh0"],"image_url":"c29tZSB0ZXh0"})",
       R"({"prompt":"data:image/png;base64,iVBORw0KGgo="})",
       R"({"messages":[{"content":[{"type":"text","text":"data:image/png;base64,iVBORw0KGgo="}]}]})",
       R"({"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"iVBORw0KGgo="}}]})"}) {
    EXPECT_EQ(kept_request(body).text, body);
  }
}

TEST(KeptRequest, is_cut_at_the_end_of_a_character) {
  const std::string begin = R"({"prompt":")";
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string body = begin + std::string(shift, 'x');
    while (body.size() < kKeptBytesMax + 100) body += "星";
    body += "\"}";
    const KeptText kept = kept_request(body);
    EXPECT_EQ(kept.whole_bytes, body.size());
    EXPECT_LE(kept.text.size(), kKeptBytesMax);
    EXPECT_GT(kept.text.size(), kKeptBytesMax - 3);
    EXPECT_TRUE(body.starts_with(kept.text));
    EXPECT_FALSE(schema::first_bad_byte(kept.text));
  }
}

schema::Delta said(std::string content, int choice = 0) {
  schema::Delta delta;
  delta.choice = choice;
  delta.content = std::move(content);
  return delta;
}
schema::Delta ended(schema::Finish finish, int choice = 0) {
  schema::Delta delta;
  delta.choice = choice;
  delta.finish = finish;
  return delta;
}
schema::Delta called(std::string id, std::string name, std::string arguments) {
  schema::Delta delta;
  delta.tool_calls.push_back({0, std::move(id), std::move(name), std::move(arguments)});
  return delta;
}

TEST(KeptAnswer, joins_what_came_in_pieces) {
  KeptAnswer answer;
  schema::Delta thought;
  thought.reasoning = "hm";
  answer.add(Deltas{thought, said("y"), said("no", 1)});
  answer.add(Deltas{said("es \"so\""), ended(schema::Finish::Stop)});
  answer.goes_out();
  EXPECT_EQ(answer.take().text,
            R"({"choices":[{"index":0,"reasoning":"hm","content":"yes \"so\"","finish":"stop"},)"
            R"({"index":1,"content":"no"}]})");
  EXPECT_EQ(answer.take().whole_bytes, 0u);
}

TEST(KeptAnswer, has_the_calls_of_tools) {
  KeptAnswer answer;
  answer.add(Deltas{called("call_1", "add", ""), called("", "", "{\"a\":"), called("", "", "1}")});
  answer.add(Deltas{ended(schema::Finish::ToolCalls)});
  answer.goes_out();
  EXPECT_EQ(answer.take().text,
            R"({"choices":[{"index":0,"tool_calls":[{"id":"call_1","name":"add",)"
            R"("arguments":"{\"a\":1}"}],"finish":"tool_calls"}]})");
}

TEST(KeptAnswer, is_nothing_until_it_goes_out) {
  KeptAnswer answer;
  answer.add(Deltas{said("nobody saw this")});
  EXPECT_EQ(answer.take().text, "");
  answer.begin_anew();
  answer.add(Deltas{said("this")});
  answer.goes_out();
  EXPECT_EQ(answer.take().text, R"({"choices":[{"index":0,"content":"this"}]})");
}

TEST(KeptAnswer, is_cut_and_counted_to_its_end) {
  KeptAnswer answer;
  const std::string piece = "星槎星槎星槎星槎";  // 24 bytes, which the bound is no multiple of
  std::uint64_t bytes = 0;
  while (bytes < kKeptBytesMax + 1'000) {
    answer.add(Deltas{said(piece)});
    bytes += piece.size();
  }
  answer.add(Deltas{called("id", "name", "{}"), ended(schema::Finish::Stop)});
  answer.goes_out();
  const KeptText kept = answer.take();
  EXPECT_EQ(kept.whole_bytes, bytes + 8);
  const json::value read = json::parse(kept.text);  // whole JSON, although its text was cut
  const json::object& choice = read.at("choices").at(0).as_object();
  EXPECT_GT(choice.at("content").as_string().size(), kKeptBytesMax - 3);
  EXPECT_LE(choice.at("content").as_string().size(), kKeptBytesMax);
  EXPECT_FALSE(choice.contains("tool_calls"));
  EXPECT_EQ(choice.at("finish").as_string(), "stop");
}

TEST(KeptAnswer, one_that_calls_without_end_is_bounded) {
  KeptAnswer answer;
  for (std::size_t i = 0; i < kKeptBytesMax / sizeof(schema::ToolCall) + 10; ++i) {
    schema::Delta call = called("i", "n", "");
    call.tool_calls[0].index = static_cast<int>(i);
    answer.add(Deltas{call});
  }
  answer.goes_out();
  EXPECT_GT(answer.take().whole_bytes, 0u);
}

}  // namespace
}  // namespace xc::gateway
