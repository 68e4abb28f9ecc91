// SPDX-License-Identifier: Apache-2.0

#include "cli/reply.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "cli/gather.h"
#include "cli/text.h"
#include "core/json.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::array<Code, 13> kCodes = {Code::kCancelled,
                                         Code::kInvalidArgument,
                                         Code::kDeadlineExceeded,
                                         Code::kNotFound,
                                         Code::kInternal,
                                         Code::kResourceExhausted,
                                         Code::kFailedPrecondition,
                                         Code::kUnimplemented,
                                         Code::kInstanceLost,
                                         Code::kDeviceLost,
                                         Code::kBusy,
                                         Code::kTooLarge,
                                         Code::kUnauthorized};

// A code of a newer daemon is still an error.
Code CodeOf(std::string_view name, const std::string& number) {
  for (const Code code : kCodes) {
    if (CodeName(code) == name) return code;
  }
  for (const Code code : kCodes) {
    if (std::to_string(CodeNumber(code)) == number) return code;
  }
  return Code::kInternal;
}

json TextHeader(const Incoming& reply, const char* name) {
  const std::optional<std::string> value = reply.Header(name);
  return value ? json(*value) : json();
}

json NumberHeader(const Incoming& reply, const char* name) {
  const std::optional<std::string> value = reply.Header(name);
  if (!value) return {};
  double number = 0;
  const char* end = value->data() + value->size();
  const auto [rest, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc() || rest != end) return {};
  return number;
}

json IntegerHeader(const Incoming& reply, const char* name) {
  const json number = NumberHeader(reply, name);
  return number.is_number() ? json(static_cast<int64_t>(number.get<double>())) : json();
}

}  // namespace

std::optional<Status> ErrorOf(const Incoming& reply) {
  const std::optional<std::string> number = reply.Header("Nats-Service-Error-Code");
  if (!number) return std::nullopt;
  return ParseError(reply.body(), *number, reply.Header("Nats-Service-Error").value_or(""));
}

Status ParseError(std::string_view body, const std::string& number, const std::string& text) {
  json error = json::object();
  if (Result<json> parsed = ParseJson(body); parsed.ok()) error = *std::move(parsed);
  const Code code = CodeOf(TextField(error, "code"), number);
  std::string message = TextField(error, "message");
  if (message.empty()) message = text.empty() ? "the daemon gave no reason" : text;
  return {code, std::move(message), TextField(error, "hint")};
}

json ReceiptOf(const Incoming& reply) {
  return {{"host", TextHeader(reply, "Darkroom-Host")},
          {"plugin", TextHeader(reply, "Darkroom-Plugin")},
          {"weights", TextHeader(reply, "Darkroom-Weights")},
          {"device", TextHeader(reply, "Darkroom-Device")},
          {"seed", IntegerHeader(reply, "Darkroom-Seed")},
          {"attempts", IntegerHeader(reply, "Darkroom-Attempts")},
          {"resumed_at", IntegerHeader(reply, "Darkroom-Resumed-At")},
          {"queue_ms", NumberHeader(reply, "Darkroom-Queue-Ms")},
          {"waited", TextHeader(reply, "Darkroom-Waited")},
          {"load_ms", NumberHeader(reply, "Darkroom-Load-Ms")},
          {"run_ms", NumberHeader(reply, "Darkroom-Run-Ms")}};
}

std::string Summary(size_t bytes, std::string_view content_type, const std::string& model,
                    const json& receipt) {
  std::string text = fmt::format("{} {}", FormatSize(bytes), content_type);
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += ", " + part;
  };
  if (const auto run = receipt.find("run_ms"); run != receipt.end() && run->is_number()) {
    add("ran " + FormatTime(std::chrono::duration<double, std::milli>(run->get<double>())));
  }
  add(model);
  // Id and version; the digest is for --json.
  const std::string plugin = TextField(receipt, "plugin");
  add(plugin.substr(0, plugin.find(" sha256:")));
  add(TextField(receipt, "device"));
  if (const auto seed = receipt.find("seed"); seed != receipt.end() && seed->is_number())
    add("seed " + seed->dump());
  return Printable(text);
}

}  // namespace darkroom
