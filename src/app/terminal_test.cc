#include "app/terminal.h"

#include <gtest/gtest.h>

#include "app/machine.h"

namespace xc::app {
namespace {

TEST(Width, CountsColumns) {
  EXPECT_EQ(display_width(""), 0);
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("星槎"), 4);
  EXPECT_EQ(display_width("ａ，。"), 6);
  EXPECT_EQ(display_width("e\xCC\x81"), 1);  // e + combining acute
  EXPECT_EQ(display_width("😀"), 2);
  EXPECT_EQ(display_width("한글"), 4);
  EXPECT_EQ(display_width("\x1b[2m"), 3);       // escape itself takes none
  EXPECT_EQ(display_width("\xFF\xE6\x98"), 3);  // no UTF-8: a column a byte
  EXPECT_EQ(display_width("é ü …"), 5);
}

TEST(Printable, NothingSteersTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\x07\r\n\tc"), "a[31mb\n\tc");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "31m");  // C1 CSI
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b"),
            "ab");  // right-to-left override
  EXPECT_EQ(printable("中\xFF文"), "中文");
}

TEST(Table, AlignsWideText) {
  Table table;
  table.add({"名称", "大小", "x"});
  table.add({"qwen", "1 B", "y"});
  table.add({"模型甲乙", "", "z"});
  EXPECT_EQ(table.text(),
            "名称      大小  x\n"
            "qwen      1 B   y\n"
            "模型甲乙        z\n");
}

TEST(Table, LastColumnIsNotPadded) {
  Table table;
  table.add({"a", ""});
  table.add({"bb", "c"});
  EXPECT_EQ(table.text(), "a\nbb  c\n");
}

TEST(Bytes, AreShort) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.00 KiB");
  EXPECT_EQ(bytes_text(98'362'432), "93.8 MiB");
  EXPECT_EQ(bytes_text(1'117'320'768), "1.04 GiB");
}

TEST(Cpu, ReadsCpuinfo) {
  const Cpu cpu = cpu_of(
      "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx avx2 amx_int8 xavx512f\n"
      "processor\t: 1\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx avx2\n");
  EXPECT_EQ(cpu.model, "Some CPU @ 2 GHz");
  EXPECT_EQ(cpu.cores, 2);
  EXPECT_EQ(cpu.features, (std::vector<std::string>{"avx", "avx2", "amx_int8"}));
  EXPECT_EQ(cpu_of("").cores, 0);
}

}  // namespace
}  // namespace xc::app
