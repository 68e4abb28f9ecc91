// SPDX-License-Identifier: Apache-2.0
//
// ParseYaml: yaml-cpp's events made into a tree of ours. All of yaml-cpp is in this file.

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <sstream>
#include <utility>

#include "config/yaml_node.h"

namespace darkroom {
namespace {

// Aliases of aliases make a few lines into more than any memory holds; no configuration comes near.
constexpr size_t kMostValues = 200'000;

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::shared_ptr<const std::filesystem::path> file)
      : file_(std::move(file)) {}

  YamlNode root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(YamlNode::Null(At(mark)), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    // An alias to a value that it is itself in.
    if (found == anchors_.end()) {
      throw YAML::ParserException(mark, "an alias to a value that is not complete yet");
    }
    Add(found->second, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // Plain scalars are tagged "?", quoted ones "!"; a tag that somebody wrote is taken for quotes.
    Add(YamlNode::MakeScalar(At(mark), value, tag != "?" && !tag.empty()), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back({At(mark), anchor, {}});
  }
  void OnSequenceEnd() override {
    Open done = Close();
    Add(YamlNode::List(std::move(done.place), std::move(done.values)), done.anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back({At(mark), anchor, {}});
  }
  void OnMapEnd() override {
    Open done = Close();
    std::vector<YamlNode::Entry> entries;
    for (size_t i = 0; i + 1 < done.values.size(); i += 2) {
      entries.emplace_back(std::move(done.values[i]), std::move(done.values[i + 1]));
    }
    Add(YamlNode::Map(std::move(done.place), std::move(entries)), done.anchor);
  }

 private:
  struct Open {
    YamlPlace place;
    YAML::anchor_t anchor = 0;
    std::vector<YamlNode> values;  // of a map: keys and values by turns
  };

  YamlPlace At(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  Open Close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    return done;
  }

  void Add(YamlNode node, YAML::anchor_t anchor) {
    if (node.weight() > kMostValues) {
      YAML::Mark mark;
      mark.line = node.place().line - 1;
      mark.column = node.place().column - 1;
      throw YAML::ParserException(mark,
                                  fmt::format("more than {} values, aliases counted", kMostValues));
    }
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root = std::move(node);
    } else {
      open_.back().values.push_back(std::move(node));
    }
  }

  std::shared_ptr<const std::filesystem::path> file_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
};

}  // namespace

YamlNode ParseYaml(const std::filesystem::path& file, const std::string& text,
                   std::vector<ConfigIssue>* issues) {
  const auto shared = std::make_shared<const std::filesystem::path>(file);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder(shared);
    if (!parser.HandleNextDocument(builder)) return {};
    TreeBuilder second(shared);
    if (parser.HandleNextDocument(second) && second.root.IsDefined() && !second.root.IsNull()) {
      issues->push_back(IssueAt(second.root.place(),
                                "a second document begins here, and only the first would be read: "
                                "remove the line with ---"));
      return {};
    }
    return builder.root;
  } catch (const YAML::Exception& error) {
    issues->push_back({file, error.mark.line + 1, error.mark.column + 1, error.msg});
    return {};
  }
}

}  // namespace darkroom
