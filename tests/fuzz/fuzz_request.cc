// SPDX-License-Identifier: Apache-2.0
//
// A request of a stranger: lines "Name: value" up to an empty one are its headers, the rest is its
// body.

#include <nats/nats.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/model_info.h"
#include "message/request.h"
#include "tests/message/messages.h"

namespace darkroom {
namespace {

constexpr const char* kManifest = R"({
  "id": "fuzz", "version": "1.0.0", "summary": "Takes one of each kind",
  "inputs": [
    {"name": "image", "kind": "image", "optional": true},
    {"name": "text", "kind": "text", "optional": true},
    {"name": "data", "kind": "bytes", "optional": true},
    {"name": "rows", "kind": "tensor", "optional": true}],
  "outputs": [{"name": "image", "kind": "image"}, {"name": "text", "kind": "text"}],
  "params": {"type": "object", "additionalProperties": false, "properties": {
    "scale": {"type": "integer", "minimum": 1, "maximum": 4, "default": 2},
    "name": {"type": "string", "maxLength": 10}, "format": {"type": "string"}}}})";

ModelInfo Info() {
  auto info = ParseModelInfo(kManifest);
  if (!info.ok()) std::abort();
  return *info;
}

Message MessageOf(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (;;) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const size_t colon = line.find(": ");
    if (end == std::string_view::npos || line.empty() || colon == std::string_view::npos) break;
    headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    text.remove_prefix(end + 1);
  }
  if (text.starts_with('\n')) text.remove_prefix(1);
  return MakeMessage(std::string(text), headers);
}

}  // namespace
}  // namespace darkroom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using darkroom::Code;
  static const darkroom::ModelInfo info = darkroom::Info();
  darkroom::RequestRules rules;
  rules.info = &info;
  rules.max_input_bytes = 1 << 20;
  darkroom::Request request;
  darkroom::Message message = darkroom::MessageOf({reinterpret_cast<const char*>(data), size});
  const darkroom::Status status = darkroom::ParseRequest(std::move(message), rules, &request);
  // Whatever is wrong is the request's fault, and is said to be.
  if (!status.ok() && (status.code() == Code::kInternal || status.message().empty())) std::abort();
  return 0;
}
