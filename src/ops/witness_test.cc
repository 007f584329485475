#include "ops/witness.h"

#include <fstream>
#include <iterator>

#include "net/net_test.h"

namespace xc::ops {
namespace {

using namespace std::chrono_literals;

std::string text_in(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(WitnessFile, ends_the_half_line_of_a_crash) {
  const TestFolder dir;
  ASSERT_TRUE(append_lines(dir.path("w"), "one\n"));
  std::ofstream(dir.path("w"), std::ios::app) << "ha";
  ASSERT_TRUE(append_lines(dir.path("w"), "two\nthree\n"));
  EXPECT_EQ(text_in(dir.path("w")), "one\nha\ntwo\nthree\n");
  EXPECT_FALSE(append_lines(dir.path("no/w"), "x\n"));
}

TEST(WitnessFile, keeps_what_could_not_be_written_in_order) {
  const TestFolder dir;
  net::Loops loops;
  net::BlockingPool blocking(1);
  WitnessFile witness(loops.runtime, blocking, dir.path("mount/heads"));
  net::TaskGroup tasks("test");
  witness.put("h1.a");
  witness.put("h1.b");
  tasks.spawn(loops.runtime.executor(0), [&witness] { return witness.run(); });
  ASSERT_TRUE(net::eventually([&] { return !witness.stats().last_error.empty(); }));
  witness.put("h1.c");
  std::filesystem::create_directory(dir.path("mount"));
  ASSERT_TRUE(net::eventually([&] { return witness.stats().written == 3; }));
  EXPECT_EQ(text_in(dir.path("mount/heads")), "h1.a\nh1.b\nh1.c\n");
  EXPECT_EQ(witness.stats().last_error, "");
  tasks.cancel();
  loops.run([&tasks]() -> Task<void> {
    Task<bool> joining = tasks.join(Deadline::after(5s));
    co_await std::move(joining);
  });
}

}  // namespace
}  // namespace xc::ops
