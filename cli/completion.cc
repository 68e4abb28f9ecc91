// SPDX-License-Identifier: Apache-2.0

#include "cli/completion.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>
#include <string_view>

namespace darkroom {
namespace {

struct Walk {
  CompletionTree tree;
  std::set<std::string> with_value;

  void Visit(const CLI::App& app, const std::string& path, std::vector<CompletionWord> above) {
    for (const CLI::Option* option : app.get_options()) {
      const bool takes = option->get_expected_max() > 0 && option->get_type_size() > 0;
      const auto add = [&](const std::string& word) {
        above.push_back({word, option->get_description()});
        if (takes) with_value.insert(word);
      };
      for (const std::string& name : option->get_lnames()) add("--" + name);
      for (const std::string& name : option->get_snames()) add("-" + name);
    }
    CompletionPlace place{path, {}, above};
    const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* one : subcommands) {
      place.commands.push_back({one->get_name(), one->get_description()});
    }
    tree.places.push_back(std::move(place));
    for (const CLI::App* one : subcommands) {
      Visit(*one, path.empty() ? one->get_name() : path + " " + one->get_name(), above);
    }
  }
};

// In single quotes, as every shell here reads them but fish, which wants another escape.
std::string Quoted(std::string_view text, std::string_view quote = "'\\''") {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += quote;
    } else if (c == '\\' && quote == "\\'") {
      quoted += "\\\\";
    } else {
      quoted += c == '\n' ? ' ' : c;
    }
  }
  return quoted + "'";
}

std::string FishQuoted(std::string_view text) { return Quoted(text, "\\'"); }

std::string Words(const std::vector<CompletionWord>& words) {
  std::string text;
  for (const CompletionWord& one : words) text += (text.empty() ? "" : " ") + one.word;
  return text;
}

// zsh's _describe divides word and description at the first colon.
std::string ZshWord(const CompletionWord& word) {
  std::string name;
  for (const char c : word.word) name += c == ':' ? std::string("\\:") : std::string(1, c);
  return Quoted(name + ":" + word.description);
}

std::string PathPatterns(const CompletionTree& tree, std::string_view between) {
  std::vector<std::string> all;
  for (const CompletionPlace& place : tree.places) {
    if (!place.path.empty()) all.push_back(Quoted(place.path));
  }
  return fmt::format("{}", fmt::join(all, between));
}

// The words before the cursor lead to a command: what begins with "-" and the values of options do
// not count. bash and zsh share this, save for the array of words and its first number.
constexpr const char* kWalk = R"(  local at='' skip='' word
  for word in {words}; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in
      {values}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "${{at:+$at }}$word" in
      {paths}) at="${{at:+$at }}$word" ;;
    esac
  done
)";

}  // namespace

CompletionTree DescribeCommands(const CLI::App& app) {
  Walk walk;
  walk.Visit(app, "", {});
  walk.tree.with_value.assign(walk.with_value.begin(), walk.with_value.end());
  return std::move(walk.tree);
}

std::string BashCompletion(const CompletionTree& tree) {
  std::string text =
      "# bash completion of darkroom: made by `darkroom completion bash`\n_darkroom() {\n";
  text += "  local cur=${COMP_WORDS[COMP_CWORD]}\n";
  text += fmt::format(fmt::runtime(kWalk), fmt::arg("words", "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\""),
                      fmt::arg("values", fmt::join(tree.with_value, "|")),
                      fmt::arg("paths", PathPatterns(tree, "|")));
  text += "  COMPREPLY=()\n  # A value: bash completes files by itself.\n";
  text +=
      "  if [[ -n $skip ]]; then return; fi\n  local commands='' options=''\n  case \"$at\" in\n";
  for (const CompletionPlace& place : tree.places) {
    text += fmt::format("    {}) commands={} options={} ;;\n", Quoted(place.path),
                        Quoted(Words(place.commands)), Quoted(Words(place.options)));
  }
  text += "  esac\n  local words=$commands\n  if [[ $cur == -* ]]; then words=$options; fi\n";
  text += "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n";
  return text + "complete -o bashdefault -o default -F _darkroom darkroom\n";
}

std::string ZshCompletion(const CompletionTree& tree) {
  std::string text =
      "#compdef darkroom\n# zsh completion of darkroom: made by `darkroom completion zsh`\n"
      "_darkroom() {\n  emulate -L zsh\n";
  text += fmt::format(fmt::runtime(kWalk), fmt::arg("words", "\"${(@)words[2,CURRENT-1]}\""),
                      fmt::arg("values", fmt::join(tree.with_value, "|")),
                      fmt::arg("paths", PathPatterns(tree, "|")));
  text += "  if [[ -n $skip ]]; then _files; return; fi\n";
  text += "  local -a commands options\n  case \"$at\" in\n";
  for (const CompletionPlace& place : tree.places) {
    text += fmt::format("    {})\n      commands=(", Quoted(place.path));
    for (const CompletionWord& word : place.commands) text += "\n        " + ZshWord(word);
    text += ")\n      options=(";
    for (const CompletionWord& word : place.options) text += "\n        " + ZshWord(word);
    text += ") ;;\n";
  }
  text +=
      "  esac\n  if [[ $PREFIX == -* ]]; then\n    _describe option options\n"
      "  elif (( ${#commands} )); then\n    _describe command commands\n  else\n    _files\n  "
      "fi\n}\n";
  // Sourced, it has to be told of; from a folder of $fpath it is called at once.
  return text +
         "if [[ ${funcstack[1]} == _darkroom ]]; then _darkroom \"$@\"; else compdef _darkroom "
         "darkroom; fi\n";
}

std::string FishCompletion(const CompletionTree& tree) {
  std::string text = "# fish completion of darkroom: made by `darkroom completion fish`\n";
  text += "function __darkroom_at\n  set -l at ''\n  set -l skip 0\n";
  text += "  set -l words (commandline -opc)\n  for word in $words[2..-1]\n";
  text += "    if test $skip = 1\n      set skip 0\n      continue\n    end\n";
  text += fmt::format("    if contains -- $word {}\n      set skip 1\n      continue\n    end\n",
                      fmt::join(tree.with_value, " "));
  text += "    if string match -q -- '-*' $word\n      continue\n    end\n";
  std::vector<std::string> paths;
  for (const CompletionPlace& place : tree.places) {
    if (!place.path.empty()) paths.push_back(FishQuoted(place.path));
  }
  text += "    set -l next (string trim -- \"$at $word\")\n";
  text += fmt::format("    if contains -- $next {}\n      set at $next\n    end\n  end\n",
                      fmt::join(paths, " "));
  text += "  test $skip = 0; and test \"$at\" = \"$argv[1]\"\nend\n";
  for (const CompletionPlace& place : tree.places) {
    const std::string here = FishQuoted("__darkroom_at " + FishQuoted(place.path));
    for (const CompletionWord& word : place.commands) {
      text += fmt::format("complete -c darkroom -f -n {} -a {} -d {}\n", here,
                          FishQuoted(word.word), FishQuoted(word.description));
    }
    for (const CompletionWord& word : place.options) {
      const bool is_long = word.word.starts_with("--");
      const bool takes = std::find(tree.with_value.begin(), tree.with_value.end(), word.word) !=
                         tree.with_value.end();
      text += fmt::format("complete -c darkroom -n {} -{} {}{} -d {}\n", here, is_long ? "l" : "s",
                          word.word.substr(is_long ? 2 : 1), takes ? " -r" : "",
                          FishQuoted(word.description));
    }
  }
  return text;
}

}  // namespace darkroom
