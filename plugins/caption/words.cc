// SPDX-License-Identifier: Apache-2.0

#include "caption/words.h"

#include <algorithm>
#include <vector>

namespace darkroom {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\v\f";

// Where each word ends.
std::vector<size_t> WordEnds(std::string_view text) {
  std::vector<size_t> ends;
  for (size_t at = text.find_first_not_of(kSpaces); at != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kSpaces, at), text.size());
    ends.push_back(end);
    at = text.find_first_not_of(kSpaces, end);
  }
  return ends;
}

bool EndsSentence(std::string_view text) {
  // A closing quote or bracket belongs to the sentence.
  while (!text.empty() && std::string_view("\"')]").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return !text.empty() && std::string_view(".!?").find(text.back()) != std::string_view::npos;
}

}  // namespace

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kSpaces) - first + 1));
}

std::string LimitWords(std::string_view text, int64_t most) {
  std::vector<size_t> ends = WordEnds(text);
  if (most <= 0 || ends.size() <= static_cast<size_t>(most)) return std::string(text);
  ends.resize(static_cast<size_t>(most));
  for (auto end = ends.rbegin(); end != ends.rend(); ++end)
    if (EndsSentence(text.substr(0, *end))) return std::string(text.substr(0, *end));
  const std::string_view cut = text.substr(0, ends.back());
  return std::string(cut.substr(0, cut.find_last_not_of(" ,;:-") + 1));
}

size_t FindStop(std::string_view text, std::span<const std::string> stops) {
  size_t first = std::string_view::npos;
  for (const std::string& stop : stops)
    if (!stop.empty()) first = std::min(first, text.find(stop));
  return first;
}

}  // namespace darkroom
