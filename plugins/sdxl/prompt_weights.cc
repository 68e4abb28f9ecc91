// SPDX-License-Identifier: Apache-2.0

#include "sdxl/prompt_weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <darkroom/plugin.hpp>
#include <optional>
#include <system_error>

#include "common/quoted.h"

namespace darkroom::sdxl {
namespace {

constexpr double kBracket = 1.1;
constexpr double kMost = 100;

class Parser {
 public:
  explicit Parser(std::string_view prompt) : rest_(prompt) {}

  std::vector<WeightedText> Parse() {
    while (!rest_.empty()) Next();
    while (!round_.empty()) Close(&round_, kBracket);
    while (!square_.empty()) Close(&square_, 1 / kBracket);
    return Merged();
  }

 private:
  // Where brackets that are open began, in parts_.
  using Open = std::vector<size_t>;

  void Next() {
    const char next = rest_.front();
    if (next == '\\' && rest_.size() > 1 &&
        std::string_view("()[]\\").find(rest_[1]) != std::string_view::npos) {
      Add(rest_.substr(1, 1));
      rest_.remove_prefix(2);
      return;
    }
    size_t taken = 1;
    if (next == '(' || next == '[') {
      (next == '(' ? round_ : square_).push_back(parts_.size());
    } else if (next == ')' && !round_.empty()) {
      Close(&round_, kBracket);
    } else if (next == ']' && !square_.empty()) {
      Close(&square_, 1 / kBracket);
    } else if (const auto weight = round_.empty() ? std::nullopt : TakeWeight(&taken)) {
      Close(&round_, *weight);
    } else {
      taken = std::min(rest_.find_first_of("\\()[]:", 1), rest_.size());
      Add(rest_.substr(0, taken));
    }
    rest_.remove_prefix(taken);
  }

  // Of ":1.3)" at the beginning of the rest.
  std::optional<double> TakeWeight(size_t* taken) const {
    if (rest_.front() != ':') return {};
    const size_t end = rest_.find(')');
    if (end == std::string_view::npos) return {};
    std::string_view number = rest_.substr(1, end - 1);
    while (!number.empty() && number.front() == ' ') number.remove_prefix(1);
    while (!number.empty() && number.back() == ' ') number.remove_suffix(1);
    if (number.starts_with('+') && !number.starts_with("+-")) number.remove_prefix(1);
    double weight = 0;
    const auto [last, error] = std::from_chars(number.data(), number.data() + number.size(), weight,
                                               std::chars_format::fixed);
    if (error != std::errc() || last != number.data() + number.size() || !std::isfinite(weight))
      return {};
    *taken = end + 1;
    return weight;
  }

  void Close(Open* open, double weight) {
    for (size_t i = open->back(); i < parts_.size(); ++i) parts_[i].weight *= weight;
    open->pop_back();
  }

  void Add(std::string_view text) { parts_.push_back({std::string(text), 1.0}); }

  std::vector<WeightedText> Merged() const {
    std::vector<WeightedText> merged;
    for (const WeightedText& part : parts_) {
      if (std::abs(part.weight) > kMost)
        throw Error(DR_INVALID_ARGUMENT, "the prompt gives " + Quoted(part.text) + " the weight " +
                                             std::to_string(part.weight) +
                                             ", expected -100 to 100");
      if (!merged.empty() && merged.back().weight == part.weight)
        merged.back().text += part.text;
      else
        merged.push_back(part);
    }
    if (merged.empty()) merged.emplace_back();
    return merged;
  }

  std::string_view rest_;
  std::vector<WeightedText> parts_;
  Open round_;
  Open square_;
};

}  // namespace

std::vector<WeightedText> ParseWeights(std::string_view prompt) { return Parser(prompt).Parse(); }

}  // namespace darkroom::sdxl
