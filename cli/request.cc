// SPDX-License-Identifier: Apache-2.0

#include "cli/request.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include "cli/content_type.h"

namespace darkroom {
namespace {

using nlohmann::json;

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string CborBody(RequestParts& parts) {
  json inputs = json::object();
  for (Input& input : parts.inputs) {
    const std::string& name = input.name.empty() ? parts.first_name : input.name;
    if (input.is_text) {
      inputs[name] = std::move(input.data);
    } else {
      inputs[name] = json::binary({input.data.begin(), input.data.end()});
      // The bytes now live in `inputs`; holding both would double the memory of a large request.
      std::string().swap(input.data);
    }
  }
  const json object = {{"params", std::move(parts.params)}, {"inputs", std::move(inputs)}};
  std::string body;
  json::to_cbor(object, body);
  return body;
}

}  // namespace

bool NeedsFirstName(const std::vector<InputArgument>& inputs) {
  const bool unnamed = std::any_of(inputs.begin(), inputs.end(),
                                   [](const InputArgument& input) { return input.name.empty(); });
  return unnamed && inputs.size() > 1;
}

TraceContext TraceFromEnvironment() {
  const auto value = [](const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr ? std::string_view() : std::string_view(text);
  };
  return ParseTraceContext(value("TRACEPARENT"), value("TRACESTATE"));
}

Result<Outgoing> BuildRequest(RequestParts parts) {
  Outgoing request;
  request.subject = std::move(parts.subject);
  auto& headers = request.headers;
  const bool raw = parts.inputs.size() == 1 && parts.inputs.front().name.empty();
  if (raw) {
    Input& input = parts.inputs.front();
    headers.emplace_back("Content-Type", InputContentType(input.data, input.path));
    if (!parts.params.empty()) {
      // Escaped to ASCII, as a header must be; so line ends inside strings are escaped too.
      headers.emplace_back("Darkroom-Params", parts.params.dump(-1, ' ', true));
    }
    request.body = std::move(input.data);
  } else {
    headers.emplace_back("Content-Type", "application/cbor");
    request.body = CborBody(parts);
  }
  if (!parts.accept.empty()) headers.emplace_back("Accept", std::move(parts.accept));
  headers.emplace_back("Darkroom-Job", std::move(parts.job));
  if (parts.deadline) {
    headers.emplace_back("Darkroom-Deadline", fmt::format("{}ms", parts.deadline->count()));
  }
  if (parts.progress) headers.emplace_back("Darkroom-Progress", "1");
  if (parts.trace) headers.emplace_back(kTraceParent, parts.trace.Parent());
  if (!parts.trace.state.empty()) headers.emplace_back(kTraceState, parts.trace.state);
  return request;
}

Result<std::string> MakeJobId() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr size_t kLength = 20;
  // Bytes beyond the last whole multiple are drawn again: all letters stay equally likely.
  constexpr uint8_t kLimit = 256 / kAlphabet.size() * kAlphabet.size();
  std::string id;
  while (id.size() < kLength) {
    std::array<uint8_t, 32> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      if (errno == EINTR) continue;
      return Status::Internal(
          fmt::format("cannot make a job id: the system gives no randomness: {}",
                      std::generic_category().message(errno)));
    }
    for (const uint8_t byte : bytes) {
      if (byte < kLimit && id.size() < kLength) id += kAlphabet[byte % kAlphabet.size()];
    }
  }
  return id;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

bool IsJobId(std::string_view text) { return text.size() <= 64 && IsToken(text); }

bool IsConcreteSubject(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c > 0x20 && c != 0x7F && c != '*' && c != '>'; });
}

}  // namespace darkroom
