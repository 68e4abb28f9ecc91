// SPDX-License-Identifier: Apache-2.0

#include "durable/delivery.h"

#include <charconv>
#include <vector>

namespace darkroom {
namespace {

std::vector<std::string_view> Tokens(std::string_view subject) {
  std::vector<std::string_view> tokens;
  while (true) {
    const size_t dot = subject.find('.');
    tokens.push_back(subject.substr(0, dot));
    if (dot == std::string_view::npos) return tokens;
    subject.remove_prefix(dot + 1);
  }
}

bool Read(std::string_view text, uint64_t* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && rest == end;
}

}  // namespace

std::optional<Delivery> Delivery::Parse(std::string_view ack_subject) {
  // $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, or with
  // domain and account before the stream, and then perhaps more at the end.
  const std::vector<std::string_view> tokens = Tokens(ack_subject);
  const bool sound =
      tokens.size() >= 9 && tokens.size() != 10 && tokens[0] == "$JS" && tokens[1] == "ACK";
  if (!sound) return std::nullopt;
  const size_t at = tokens.size() == 9 ? 4 : 6;
  Delivery delivery;
  delivery.ack = ack_subject;
  uint64_t ns = 0;
  if (!Read(tokens[at], &delivery.delivered) || !Read(tokens[at + 1], &delivery.sequence) ||
      !Read(tokens[at + 3], &ns)) {
    return std::nullopt;
  }
  delivery.stored = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::nanoseconds(ns)));
  return delivery;
}

}  // namespace darkroom
