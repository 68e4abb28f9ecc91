// SPDX-License-Identifier: Apache-2.0

#include "cli/claim_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "cli/durable_request.h"
#include "cli/object_store.h"

namespace darkroom {
namespace {

constexpr std::string_view kScheme = "nats-object://";
constexpr size_t kInline = size_t{512} << 10;
constexpr size_t kForHeaders = size_t{64} << 10;

}  // namespace

std::optional<ObjectReference> ParseReference(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash + 1 == text.size()) return std::nullopt;
  // It becomes part of subjects.
  if (!IsToken(text.substr(0, slash))) return std::nullopt;
  return ObjectReference{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

std::string ReferenceTo(const ObjectReference& object) {
  return fmt::format("{}{}/{}", kScheme, object.bucket, object.name);
}

size_t LargestRequestBody(size_t max_payload) {
  return max_payload > kForHeaders ? max_payload - kForHeaders : max_payload;
}

size_t LargestJobBody(size_t max_payload) {
  return std::min(kInline, LargestRequestBody(max_payload));
}

std::optional<Failure> StowBody(JetStream* streams, const std::string& bucket, size_t largest,
                                Outgoing* message) {
  if (message->body.size() <= largest) return std::nullopt;
  Outcome<std::unique_ptr<ObjectStore>> opened = ObjectStore::Open(streams, bucket);
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  Outcome<std::string> name = std::get<std::unique_ptr<ObjectStore>>(opened)->Put(message->body);
  if (auto* failure = std::get_if<Failure>(&name)) return std::move(*failure);
  SetHeader(&message->headers, kObjectHeader,
            ReferenceTo({bucket, std::get<std::string>(std::move(name))}));
  std::string().swap(message->body);
  return std::nullopt;
}

std::optional<Failure> FetchBody(JetStream* streams, Incoming* message) {
  const std::optional<std::string> header = message->Header(kObjectHeader);
  if (!header || !message->body().empty()) return std::nullopt;
  const std::optional<ObjectReference> object = ParseReference(*header);
  if (!object) {
    return Failure::Remote(
        Status::Internal(fmt::format("the reply is in '{}', which is no object", *header)));
  }
  Outcome<std::unique_ptr<ObjectStore>> opened = ObjectStore::Open(streams, object->bucket);
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  Outcome<std::string> body = std::get<std::unique_ptr<ObjectStore>>(opened)->Get(object->name);
  if (auto* failure = std::get_if<Failure>(&body)) return std::move(*failure);
  message->SetBody(std::get<std::string>(std::move(body)));
  return std::nullopt;
}

}  // namespace darkroom
