#include <gtest/gtest.h>

#include <thread>

#include "catalog/file.h"
#include "catalog/http_test_server.h"
#include "catalog/store_test_fixture.h"

namespace xc::catalog {
namespace {

class PullTest : public StoreTest {
 protected:
  PullTest() : bytes_(model_bytes()) {}

  void serve(HttpTestServer::Answer answer) {
    server_ = std::make_unique<HttpTestServer>(std::move(answer));
    settings_.modelscope_url = settings_.huggingface_url = server_->url();
  }
  Entry entry() const {
    return entry_of(bytes_, {hub(Source::Kind::ModelScope), hub(Source::Kind::HuggingFace)});
  }
  std::string part() const { return models() + "/partial/" + sha256(bytes_) + ".part"; }
  void expect_installed(const Result<InstalledModel>& model) {
    ASSERT_TRUE(model) << text_of(model.error(), Language::En);
    EXPECT_EQ(read(model->weights_path), bytes_);
    EXPECT_TRUE(store().check(*model));
    EXPECT_FALSE(std::filesystem::exists(part()));
  }

  std::string bytes_;
  std::unique_ptr<HttpTestServer> server_;
};

bool is_modelscope(const std::string& head) {
  return head.starts_with("GET /models/owner/model/resolve/master/model.gguf ");
}

TEST_F(PullTest, takes_the_first_source_and_describes_the_model) {
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  std::uint64_t last = 0;
  const auto model = store().pull(entry(), [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, bytes_.size());
    last = done;
    return true;
  });
  expect_installed(model);
  EXPECT_EQ(last, bytes_.size());
  EXPECT_EQ(model->source, "modelscope:owner/model/model.gguf");
  const auto found = store().find("tiny:1b");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "tiny");
  EXPECT_EQ(found->sampling.temperature, 0.5);
  EXPECT_EQ(found->licence, "MIT");
  EXPECT_EQ(server_->heads().size(), 1u);

  // A second pull has nothing to fetch and keeps what is known about the source.
  const auto again = store().pull(entry(), nullptr);
  expect_installed(again);
  EXPECT_EQ(again->source, model->source);
  EXPECT_EQ(server_->heads().size(), 1u);
}

TEST_F(PullTest, a_cut_connection_is_resumed_where_it_ended) {
  serve([this](const std::string& head) {
    const bool first = head.find("Range:") == std::string::npos;
    return HttpTestServer::ranged(head, bytes_, first ? 5'000 : std::string::npos);
  });
  expect_installed(store().pull(entry(), nullptr));
  ASSERT_EQ(server_->heads().size(), 2u);
  EXPECT_NE(server_->heads()[1].find("Range: bytes=5000-"), std::string::npos);
}

TEST_F(PullTest, a_killed_pull_is_resumed_by_the_next) {
  std::filesystem::create_directories(models() + "/partial");
  std::ofstream(part(), std::ios::binary) << bytes_.substr(0, 7'000);
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  expect_installed(store().pull(entry(), nullptr));
  EXPECT_NE(server_->heads()[0].find("Range: bytes=7000-"), std::string::npos);
}

TEST_F(PullTest, a_server_without_ranges_begins_again) {
  std::filesystem::create_directories(models() + "/partial");
  std::ofstream(part(), std::ios::binary) << bytes_.substr(0, 7'000);
  serve([this](const std::string&) { return HttpTestServer::ok(bytes_); });
  expect_installed(store().pull(entry(), nullptr));
}

TEST_F(PullTest, damaged_partial_bytes_are_dropped_and_fetched_again) {
  std::filesystem::create_directories(models() + "/partial");
  std::ofstream(part(), std::ios::binary) << std::string(7'000, 'x');
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  expect_installed(store().pull(entry(), nullptr));
}

TEST_F(PullTest, wrong_bytes_are_refused_and_not_kept) {
  std::string wrong = bytes_;
  wrong.back() = 'x';
  serve([&wrong](const std::string& head) { return HttpTestServer::ranged(head, wrong); });
  const auto model = store().pull(entry(), nullptr);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().message, Message::DigestWrong);
  EXPECT_EQ(model.error().args[1], sha256(bytes_));
  EXPECT_EQ(model.error().args[2], sha256(wrong));
  EXPECT_FALSE(std::filesystem::exists(part()));
  EXPECT_EQ(files_in(models() + "/blobs"), 0u);
}

TEST_F(PullTest, the_next_source_is_tried_and_all_are_told_when_none_delivers) {
  serve([this](const std::string& head) {
    return is_modelscope(head) ? HttpTestServer::status("404 Not Found")
                               : HttpTestServer::ranged(head, bytes_);
  });
  const auto model = store().pull(entry(), nullptr);
  expect_installed(model);
  EXPECT_EQ(model->source, "huggingface:owner/model/model.gguf");
  ASSERT_TRUE(store().remove("tiny"));

  serve([](const std::string& head) {
    return HttpTestServer::status(is_modelscope(head) ? "404 Not Found" : "403 Forbidden");
  });
  const auto none = store().pull(entry(), nullptr);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, Message::PullFailed);
  EXPECT_NE(none.error().args[1].find("HTTP 404"), std::string::npos);
  EXPECT_NE(none.error().args[1].find("HTTP 403"), std::string::npos);
}

TEST_F(PullTest, another_size_is_refused_before_the_body) {
  serve([](const std::string&) { return HttpTestServer::ok("<html>please log in</html>"); });
  const auto model = store().pull(entry(), nullptr);
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().args[1].find("has 26 bytes, not"), std::string::npos)
      << model.error().args[1];
  EXPECT_FALSE(std::filesystem::exists(part()));
}

TEST_F(PullTest, redirects_are_followed_but_not_for_ever) {
  serve([this](const std::string& head) {
    if (!head.starts_with("GET /cdn")) {
      return std::string("HTTP/1.1 302 Found\r\nLocation: /cdn\r\nContent-Length: 0\r\n\r\n");
    }
    return HttpTestServer::ranged(head, bytes_);
  });
  expect_installed(store().pull(entry(), nullptr));
  ASSERT_TRUE(store().remove("tiny"));
  serve([](const std::string&) {
    return std::string("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(store().pull(entry(), nullptr).error().message, Message::PullFailed);
}

TEST_F(PullTest, server_errors_are_retried) {
  std::atomic<int> count{0};
  serve([&](const std::string& head) {
    return count++ < 2 ? HttpTestServer::status("503 Busy") : HttpTestServer::ranged(head, bytes_);
  });
  expect_installed(store().pull(entry(), nullptr));
}

TEST_F(PullTest, cancelling_keeps_the_partial_file) {
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_, 5'000); });
  const auto model =
      store().pull(entry(), [](std::uint64_t done, std::uint64_t) { return done < 5'000; });
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::Cancelled);
  EXPECT_GE(std::filesystem::file_size(part()), 5'000u);
  EXPECT_TRUE(store().list().empty());
}

TEST_F(PullTest, only_allowed_kinds_are_tried) {
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  settings_.kinds = {Source::Kind::HuggingFace};
  expect_installed(store().pull(entry(), nullptr));
  EXPECT_FALSE(is_modelscope(server_->heads()[0]));
  ASSERT_TRUE(store().remove("tiny"));
  settings_.kinds = {Source::Kind::Pip};
  EXPECT_EQ(store().pull(entry(), nullptr).error().message, Message::PullFailed);
}

TEST_F(PullTest, two_pulls_of_one_file_fetch_it_once) {
  serve([this](const std::string& head) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return HttpTestServer::ranged(head, bytes_);
  });
  Result<InstalledModel> other = fail_internal("");
  std::thread thread([&] { other = store().pull(entry(), nullptr); });
  const auto mine = store().pull(entry(), nullptr);
  thread.join();
  expect_installed(mine);
  expect_installed(other);
  EXPECT_EQ(server_->heads().size(), 1u);
}

TEST_F(PullTest, a_blob_that_was_written_to_is_fetched_anew) {
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  const auto model = store().pull(entry(), nullptr);
  ASSERT_TRUE(model);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::filesystem::permissions(model->weights_path, std::filesystem::perms::owner_all);
  std::ofstream(model->weights_path, std::ios::binary) << std::string(bytes_.size(), 'x');
  EXPECT_FALSE(store().check(*model));
  expect_installed(store().pull(entry(), nullptr));
  EXPECT_EQ(server_->heads().size(), 2u);
}

TEST_F(PullTest, the_digest_decides_and_then_the_header) {
  bytes_ = "no model at all";  // a catalogue may be wrong about its own file
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  EXPECT_EQ(store().pull(entry(), nullptr).error().message, Message::BadModelFile);
  EXPECT_EQ(files_in(models()), 0u);
}

TEST_F(PullTest, an_imported_model_of_the_name_is_not_overwritten) {
  ASSERT_TRUE(store().import_file(put("m.gguf", model_bytes("Other")), "tiny", "", nullptr));
  serve([this](const std::string& head) { return HttpTestServer::ranged(head, bytes_); });
  EXPECT_EQ(store().pull(entry(), nullptr).error().message, Message::NameTaken);
}

TEST(PullSettings, endpoints_come_from_the_environment) {
  ::setenv("HF_ENDPOINT", "https://mirror.example/", 1);
  ::setenv("MODELSCOPE_DOMAIN", "scope.example", 1);
  ::setenv("XINGCHA_PIP", "uv pip", 1);
  ::setenv("XINGCHA_SOURCES", "pip,nonsense,modelscope", 1);
  const PullSettings settings = PullSettings::from_environment();
  for (const char* name : {"HF_ENDPOINT", "MODELSCOPE_DOMAIN", "XINGCHA_PIP", "XINGCHA_SOURCES"}) {
    ::unsetenv(name);
  }
  EXPECT_EQ(settings.huggingface_url, "https://mirror.example");
  EXPECT_EQ(settings.modelscope_url, "https://scope.example");
  EXPECT_EQ(settings.pip_command, (std::vector<std::string>{"uv", "pip"}));
  EXPECT_EQ(settings.kinds, (std::vector{Source::Kind::Pip, Source::Kind::ModelScope}));
}

}  // namespace
}  // namespace xc::catalog
