#include "store/change_feed.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "store/test_database.h"

namespace xc::store {
namespace {

const Migration kItems{1, "items", {"CREATE TABLE items (id BIGINT PRIMARY KEY)"}};

// Counts what a feed hears.
class Bell {
 public:
  std::function<void()> ringer() {
    return [this] {
      const std::lock_guard hold(mutex_);
      ++rung_;
      changed_.notify_all();
    };
  }
  // Forgets what rang so far.
  void quiet() {
    const std::lock_guard hold(mutex_);
    rung_ = 0;
  }
  // Gives up after what is no limit of speed.
  bool rings() {
    std::unique_lock hold(mutex_);
    return changed_.wait_for(hold, std::chrono::seconds(60), [this] { return rung_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rung_ = 0;
};

class ChangeFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_.is_installed()) GTEST_SKIP() << "postgresql is not installed";
    url_ = server_.make_database();
    database_ = std::move(*Database::open(url_, steps_));
  }
  Status change(std::int64_t id, bool announced) {
    return database_->transaction({{"INSERT INTO items (id) VALUES (:p0)", {id}, announced}});
  }

  TestPostgres& server_ = TestPostgres::server();
  const std::vector<Migration> steps_{kItems};
  std::string url_;
  std::unique_ptr<Database> database_;
};

TEST_F(ChangeFeedTest, what_is_announced_is_heard_by_all) {
  Bell here, there;
  const ChangeFeed one(url_, here.ringer());
  const ChangeFeed other(url_, there.ringer());
  ASSERT_TRUE(here.rings() && there.rings()) << "what changed before it listened";
  here.quiet();
  there.quiet();
  ASSERT_TRUE(change(1, true));
  EXPECT_TRUE(here.rings());
  EXPECT_TRUE(there.rings());
}

TEST_F(ChangeFeedTest, only_what_is_announced_and_done) {
  std::mutex mutex;
  std::vector<std::size_t> seen;  // rows, each time that it rang
  Bell bell;
  const auto reader = std::move(*Database::open(url_, steps_));
  const ChangeFeed feed(url_, [&, ring = bell.ringer()] {
    const auto rows = reader->query("SELECT id FROM items");
    {
      const std::lock_guard hold(mutex);
      seen.push_back(rows ? rows->size() : 0);
    }
    ring();
  });
  ASSERT_TRUE(bell.rings());
  bell.quiet();
  ASSERT_TRUE(change(1, false));
  ASSERT_TRUE(change(2, false));
  EXPECT_FALSE(change(2, true)) << "undone";
  ASSERT_TRUE(change(3, true));
  ASSERT_TRUE(bell.rings());
  const std::lock_guard hold(mutex);
  EXPECT_EQ(seen, (std::vector<std::size_t>{0, 3}));
}

TEST_F(ChangeFeedTest, a_server_that_was_restarted_is_listened_to_again) {
  Bell bell;
  const ChangeFeed feed(url_, bell.ringer());
  ASSERT_TRUE(bell.rings());
  bell.quiet();
  ASSERT_EQ(server_.command("restart"), 0);
  ASSERT_TRUE(bell.rings()) << "for what was missed";
  bell.quiet();
  ASSERT_TRUE(change(1, true));
  EXPECT_TRUE(bell.rings());
}

TEST_F(ChangeFeedTest, one_that_is_away_is_waited_for_and_holds_up_no_end) {
  Bell bell;
  ASSERT_EQ(server_.command("stop"), 0);
  {
    const ChangeFeed ends(url_, bell.ringer());
  }
  const ChangeFeed waits(url_, bell.ringer());
  ASSERT_EQ(server_.command("restart"), 0);
  EXPECT_TRUE(bell.rings());
}

}  // namespace
}  // namespace xc::store
