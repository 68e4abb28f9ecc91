// SPDX-License-Identifier: Apache-2.0

#include "message/references.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "core/json.h"
#include "message/media_type.h"
#include "message/object_calls.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::string_view kSign = "nats-object://";

bool IsCbor(const Message& message) {
  return MediaTypeOf(message.Header("Content-Type").value_or("")) == "application/cbor";
}

// The URLs in the inputs of a body.
std::set<std::string> UrlsIn(const Message& message) {
  std::set<std::string> urls;
  const auto body = IsCbor(message) ? ParseCbor(message.data()) : ParseJson(AsText(message.data()));
  if (!body.ok() || !body->is_object()) return urls;
  const auto inputs = body->find("inputs");
  if (inputs == body->end() || !inputs->is_object()) return urls;
  for (const auto& [name, input] : inputs->items()) {
    if (!input.is_object()) continue;
    const auto ref = input.find("ref");
    if (ref != input.end() && ref->is_string()) urls.insert(ref->get<std::string>());
  }
  return urls;
}

Result<Buffer> Fetch(natsConnection* nats, std::string_view text, uint64_t most) {
  const auto url = ObjectUrl::Parse(text);
  if (!url.ok()) return url.status();
  return GetObject(nats, *url, most);
}

}  // namespace

bool MayHaveReferences(const Message& message) {
  const std::string_view body = AsText(message.data());
  const size_t first = body.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (body[first] != '{' && !IsCbor(message))) return false;
  return body.find(kSign) != std::string_view::npos;
}

Status FetchReferences(natsConnection* nats, uint64_t most, Message* message) {
  if (const auto url = message->Header(kObjectHeader)) {
    auto body = Fetch(nats, *url, most);
    if (!body.ok()) return body.status().Annotated(kObjectHeader);
    most -= body->size();
    message->SetBody(std::move(*body));
  }
  if (!MayHaveReferences(*message)) return Status::Ok();
  for (const std::string& url : UrlsIn(*message)) {
    auto object = Fetch(nats, url, most);
    if (!object.ok()) return object.status().Annotated("a reference in the body");
    most -= object->size();
    message->Attach(url, std::move(*object));
  }
  return Status::Ok();
}

}  // namespace darkroom
