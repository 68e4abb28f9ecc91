// SPDX-License-Identifier: Apache-2.0
//
// Completion for shells, made of the application's own descriptions: what a command has, its
// completion has, and nothing can go stale. A script knows commands, options and which of these
// take a value; for values and arguments the shell completes files.
//
// Pure functions on one thread.

#ifndef DARKROOM_CLI_COMPLETION_H_
#define DARKROOM_CLI_COMPLETION_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace darkroom {

struct CompletionWord {
  std::string word;  // "ls", "--url"
  std::string description;
};

// What may stand after "darkroom" and the words of `path`, which lead to one command.
struct CompletionPlace {
  std::string path;  // "", "jobs", "jobs ls"
  std::vector<CompletionWord> commands;
  std::vector<CompletionWord> options;  // those of the commands above it, too
};

struct CompletionTree {
  std::vector<CompletionPlace> places;
  std::vector<std::string> with_value;  // options that the next word is the value of
};

CompletionTree DescribeCommands(const CLI::App& app);

std::string BashCompletion(const CompletionTree& tree);
std::string ZshCompletion(const CompletionTree& tree);
std::string FishCompletion(const CompletionTree& tree);

}  // namespace darkroom

#endif  // DARKROOM_CLI_COMPLETION_H_
