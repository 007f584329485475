#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "app/command.h"
#include "app/completion.h"

namespace xc::app {
namespace {

void expect_whole(const std::string& path, const Command& command) {
  EXPECT_FALSE(command.help.zh.empty()) << path;
  EXPECT_FALSE(command.help.en.empty()) << path;
  EXPECT_TRUE(command.run || !command.commands.empty()) << path;
  const std::string zh = help_of(path, command, Language::Zh);
  const std::string en = help_of(path, command, Language::En);
  std::set<std::string> names;
  for (const Option& option : command.options) {
    EXPECT_TRUE(names.insert(option.name).second) << path << " " << option.name;
    EXPECT_NE(option.help.zh, option.help.en) << path << " " << option.name;
    EXPECT_NE(zh.find(option.name), std::string::npos) << path << " " << option.name;
    EXPECT_NE(zh.find(option.help.zh), std::string::npos) << path << " " << option.name;
    EXPECT_NE(en.find(option.help.en), std::string::npos) << path << " " << option.name;
  }
  for (const Command& child : command.commands) expect_whole(path + " " + child.name, child);
}

TEST(Help, IsWholeInBothLanguages) {
  const std::vector<Command> commands = all_commands();
  EXPECT_EQ(commands.size(), 26u);
  for (const Command& command : commands) expect_whole("xingcha " + command.name, command);
  const Command root{"xingcha", texts::About, {}, commands};
  const std::string help = help_of("xingcha", root, Language::Zh);
  EXPECT_NE(help.find("serve"), std::string::npos);
  EXPECT_EQ(help.find("worker"), std::string::npos);  // internal
}

// Runs the command line in this process; what it prints goes to the test's own output.
int run(std::vector<const char*> words) {
  words.insert(words.begin(), "xingcha");
  return run_cli(static_cast<int>(words.size()), words.data());
}

TEST(Cli, ExitStatus) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(run({"--version"}), kExitFine);
  EXPECT_EQ(run({"--help"}), kExitFine);
  EXPECT_EQ(run({"list", "--help"}), kExitFine);
  EXPECT_EQ(run({"key", "create", "-h"}), kExitFine);
  EXPECT_EQ(run({"--lang", "en", "--home", "/nonexistent", "list", "--names"}), kExitFine);
  EXPECT_EQ(run({"list", "--home", "/nonexistent", "--names"}), kExitFine);
  EXPECT_EQ(run({"completion", "bash"}), kExitFine);
  EXPECT_EQ(run({"help"}), kExitFine);
  EXPECT_EQ(run({"help", "key", "create"}), kExitFine);
  EXPECT_EQ(run({"nonsense"}), kExitUsage);
  EXPECT_EQ(run({"list", "--nonsense"}), kExitUsage);
  EXPECT_EQ(run({"pull"}), kExitUsage);
  EXPECT_EQ(run({"completion", "fish"}), kExitUsage);
  EXPECT_EQ(run({"show", "m", "--context", "x"}), kExitUsage);
  EXPECT_EQ(run({"show", "m", "--context", "0"}), kExitUsage);
  EXPECT_EQ(run({"key"}), kExitUsage);
  EXPECT_EQ(run({"key", "create", "--role", "root"}), kExitUsage);
  EXPECT_EQ(run({"user", "create", "li"}), kExitUsage);
  EXPECT_EQ(run({"tenant", "create"}), kExitUsage);
  EXPECT_EQ(run({"secrets"}), kExitUsage);
  EXPECT_EQ(run({"--home", "/nonexistent", "secrets", "rotate"}), kExitFailed);
  EXPECT_EQ(run({"serve", "--home", "/nonexistent", "--listen", "x"}), kExitUsage);
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
}

TEST(Cli, MistakesAreSaidInTheUsersLanguage) {
  testing::internal::CaptureStderr();
  run({"--lang", "en", "show", "m", "--context", "x"});
  const std::string en = testing::internal::GetCapturedStderr();
  EXPECT_NE(en.find("--context has a wrong value 'x'"), std::string::npos) << en;
  EXPECT_NE(en.find("xingcha show --help"), std::string::npos) << en;
  testing::internal::CaptureStderr();
  run({"--lang=zh", "pull"});
  const std::string zh = testing::internal::GetCapturedStderr();
  EXPECT_NE(zh.find("缺少：NAME"), std::string::npos) << zh;
}

TEST(Cli, PrintsItsConfiguration) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run({"serve", "--home", "/nonexistent", "--print-config", "--gpu-layers", "-1",
                 "--insecure", "--preload", "a,b", "--context=4096"}),
            kExitFine);
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_NE(out.find("insecure = true"), std::string::npos) << out;
  EXPECT_NE(out.find("context = 4096"), std::string::npos) << out;
  EXPECT_NE(out.find("preload = [\"a\", \"b\"]"), std::string::npos) << out;
}

int bash_says(const std::string& script, const std::string& arguments) {
  char path[] = "/tmp/xc_completion_XXXXXX";
  ::close(::mkstemp(path));
  std::ofstream(path) << script;
  const int status = std::system(("bash " + arguments + " " + path).c_str());
  ::unlink(path);
  return status;
}

TEST(Completion, ScriptsParse) {
  const std::vector<Command> commands = all_commands();
  EXPECT_EQ(bash_says(bash_completion(commands), "-n"), 0);
  EXPECT_EQ(bash_says(zsh_completion(commands, Language::Zh), "-n"), 0);
}

TEST(Completion, AnswersInBash) {
  std::string script = bash_completion(all_commands());
  script += R"sh(
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _xingcha; }
want() { case " ${COMPREPLY[*]} " in *" $1 "*) ;; *) echo "no $1 in ${COMPREPLY[*]}"; exit 1;; esac; }
xingcha() { echo one; echo two; }
ask xingcha ""; want serve; want doctor
ask xingcha ser; want serve; [ ${#COMPREPLY[@]} = 1 ] || exit 2
ask xingcha list --; want --json; want --help
ask xingcha key ""; want create; want rotate; want revoke
ask xingcha tenant ""; want create; want add-workspace
ask xingcha secrets ""; want rotate
ask xingcha user create --role ""; want auditor
ask xingcha key create --; want --save
ask xingcha --home /x rm ""; want two
ask xingcha serve --kv-type ""; want q8_0
ask xingcha completion ""; want zsh
)sh";
  EXPECT_EQ(bash_says(script, ""), 0);
}

}  // namespace
}  // namespace xc::app
