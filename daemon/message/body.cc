// SPDX-License-Identifier: Apache-2.0

#include "message/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base64.h"
#include "core/excerpt.h"
#include "core/json.h"
#include "core/suggest.h"
#include "core/units.h"
#include "message/media_type.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr const char* kBodyHint =
    R"(a JSON body looks like {"params": {...}, "inputs": {"image": "<base64>"}})";

Status UnknownInput(const ModelInfo& info, const std::string& name) {
  std::vector<std::string> known;
  for (const ValueInfo& input : info.inputs) known.push_back(input.name);
  const std::string nearest = Nearest(name, known);
  return Status::InvalidArgument(fmt::format("the model has no input '{}'", Excerpt(name)),
                                 nearest.empty()
                                     ? fmt::format("its inputs: {}", fmt::join(known, ", "))
                                     : fmt::format("did you mean '{}'?", nearest));
}

// An input's bytes from its base64, owned by the request.
Result<Bytes> Decode(std::string_view base64, const std::string& name, Request* request) {
  Result<Buffer> decoded = Base64Decode(base64);
  if (!decoded.ok()) return decoded.status().Annotated(fmt::format("input '{}'", name));
  request->decoded.push_back(std::move(*decoded));
  return request->decoded.back().bytes();
}

// Hands the container of a value over to the request, so that its bytes outlive the JSON.
template <typename Container>
Bytes Keep(Container&& container, Request* request) {
  auto* owned = new Container(std::forward<Container>(container));
  request->decoded.push_back(Buffer::Adopt(owned->data(), owned->size(), owned, [](void* owner) {
    delete static_cast<Container*>(owner);
  }));
  return request->decoded.back().bytes();
}

// "data:image/png;base64,AAAA" (RFC 2397).
Result<RequestInput> ReadDataUri(std::string_view uri, const ValueInfo& info, Request* request) {
  const size_t comma = uri.find(',');
  std::string_view head = uri.substr(5, comma == std::string_view::npos ? 0 : comma - 5);
  constexpr std::string_view kSuffix = ";base64";
  if (comma == std::string_view::npos || head.size() < kSuffix.size() ||
      head.substr(head.size() - kSuffix.size()) != kSuffix) {
    return Status::InvalidArgument(
        fmt::format("input '{}' is a data: URI without base64 data", info.name),
        "write data:image/png;base64,...");
  }
  head.remove_suffix(kSuffix.size());
  const Result<Bytes> bytes = Decode(uri.substr(comma + 1), info.name, request);
  if (!bytes.ok()) return bytes.status();
  return RequestInput{&info, MediaTypeOf(head), *bytes};
}

Result<RequestInput> ReadInputObject(json& value, const ValueInfo& info, Request* request) {
  RequestInput input{&info, {}, {}};
  int forms = 0;
  for (auto& [key, item] : value.items()) {
    if (key == "content_type" && item.is_string()) {
      input.content_type = MediaTypeOf(item.get_ref<const std::string&>());
    } else if (key == "base64" && item.is_string()) {
      const Result<Bytes> bytes = Decode(item.get_ref<const std::string&>(), info.name, request);
      if (!bytes.ok()) return bytes.status();
      input.bytes = *bytes;
      ++forms;
    } else if (key == "text" && item.is_string() && info.kind == ValueKind::kText) {
      input.bytes = Keep(std::move(item.get_ref<std::string&>()), request);
      ++forms;
    } else if (key == "ref" && item.is_string()) {
      const auto object = request->message.Attachment(item.get_ref<const std::string&>());
      if (!object) {
        return Status(
            Code::kUnimplemented,
            fmt::format("input '{}' is a reference, and no objects are fetched here", info.name),
            "that goes with durable jobs: jobs: {enabled: true}; or send the bytes");
      }
      input.bytes = *object;
      ++forms;
    } else if (key == "bytes" && item.is_binary()) {
      input.bytes = Keep(std::move(item.get_binary()), request);
      ++forms;
    } else {
      return Status::InvalidArgument(
          fmt::format("input '{}' has the unfit member '{}'", info.name, Excerpt(key)),
          R"(give {"base64": "...", "content_type": "..."} or {"text": "..."})");
    }
  }
  if (forms != 1) {
    return Status::InvalidArgument(
        fmt::format("input '{}' must hold its bytes exactly once", info.name),
        R"(give {"base64": "..."} or {"text": "..."})");
  }
  return input;
}

Result<RequestInput> ReadInput(json& value, const ValueInfo& info, Request* request) {
  if (value.is_binary()) {
    return RequestInput{&info, {}, Keep(std::move(value.get_binary()), request)};
  }
  if (value.is_object()) return ReadInputObject(value, info, request);
  if (!value.is_string()) {
    return Status::InvalidArgument(fmt::format("input '{}' is {}, not text, base64 or an object",
                                               info.name, value.type_name()),
                                   kBodyHint);
  }
  std::string& text = value.get_ref<std::string&>();
  if (info.kind == ValueKind::kText) {
    return RequestInput{&info, "text/plain", Keep(std::move(text), request)};
  }
  if (text.rfind("data:", 0) == 0) return ReadDataUri(text, info, request);
  const Result<Bytes> bytes = Decode(text, info.name, request);
  if (!bytes.ok()) return bytes.status();
  return RequestInput{&info, {}, *bytes};
}

Status ReadObject(Result<json> body, const RequestRules& rules, Request* request) {
  if (!body.ok()) return body.status().Annotated("the body");
  if (!body->is_object()) {
    return Status::InvalidArgument(fmt::format("the body is {}, not an object", body->type_name()),
                                   kBodyHint);
  }
  // Decoded bytes are pointed at while more are added.
  request->decoded.reserve(rules.info->inputs.size());
  for (auto& [key, value] : body->items()) {
    if (key == "params") {
      if (!value.is_object()) {
        return Status::InvalidArgument("'params' must be an object", kBodyHint);
      }
      request->params = std::move(value);
    } else if (key == "inputs") {
      if (!value.is_object()) {
        return Status::InvalidArgument("'inputs' must be an object", kBodyHint);
      }
      for (auto& [name, item] : value.items()) {
        const ValueInfo* info = rules.info->FindInput(name);
        if (info == nullptr) return UnknownInput(*rules.info, name);
        Result<RequestInput> input = ReadInput(item, *info, request);
        if (!input.ok()) return input.status();
        request->inputs.push_back(std::move(*input));
      }
    } else {
      const std::string nearest = Nearest(key, {"params", "inputs"});
      return Status::InvalidArgument(
          fmt::format("the body has the unknown field '{}'", Excerpt(key)),
          nearest.empty() ? kBodyHint : fmt::format("did you mean '{}'?", nearest));
    }
  }
  return Status::Ok();
}

// A body without a Content-Type that must be an object: nothing else that these kinds take begins
// with a brace.
bool LooksLikeJson(Bytes data, const ModelInfo& info) {
  if (!info.inputs.empty() &&
      (info.inputs[0].kind == ValueKind::kText || info.inputs[0].kind == ValueKind::kBytes)) {
    return false;
  }
  const std::string_view text = AsText(data);
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

Status ReadRaw(std::string type, const RequestRules& rules, Request* request) {
  const Bytes data = request->message.data();
  if (data.empty()) return Status::Ok();  // no input; a required one is missed later
  if (rules.info->inputs.empty()) {
    return Status::InvalidArgument("the model takes no input, but the request has a body");
  }
  const ValueInfo& first = rules.info->inputs[0];
  const bool wants_image = first.kind == ValueKind::kImage || first.kind == ValueKind::kMask;
  if (wants_image && !type.empty() && type.rfind("image/", 0) != 0 &&
      type != "application/octet-stream") {
    return Status::InvalidArgument(
        fmt::format("input '{}' is an image, but the Content-Type is '{}'", first.name,
                    Excerpt(type)),
        "send image/png, image/jpeg or image/webp, or a JSON or CBOR body");
  }
  request->inputs.push_back({&first, std::move(type), data});
  return Status::Ok();
}

Status CheckInputs(const RequestRules& rules, const Request& request) {
  for (const ValueInfo& info : rules.info->inputs) {
    const auto found = std::find_if(request.inputs.begin(), request.inputs.end(),
                                    [&](const RequestInput& input) { return input.info == &info; });
    if (found == request.inputs.end()) {
      if (info.optional) continue;
      return Status::InvalidArgument(
          request.message.data().empty()
              ? fmt::format("the body is empty, but the model needs the input '{}'", info.name)
              : fmt::format("the request lacks the input '{}'", info.name),
          fmt::format("send the {} as the body, or in a JSON or CBOR body",
                      ValueKindName(info.kind)));
    }
    if (found->bytes.size() > rules.max_input_bytes) {
      return Status(Code::kTooLarge,
                    fmt::format("input '{}' has {} bytes, more than the limit of {}", info.name,
                                found->bytes.size(), FormatSize(rules.max_input_bytes)),
                    "send less, or raise limits.input_bytes");
    }
  }
  return Status::Ok();
}

}  // namespace

Status ReadBody(const RequestRules& rules, Request* request) {
  const Bytes data = request->message.data();
  std::string type = MediaTypeOf(request->message.Header("Content-Type").value_or(""));
  Status status;
  if (type == "application/json" || (type.empty() && LooksLikeJson(data, *rules.info))) {
    status = ReadObject(ParseJson(AsText(data)), rules, request);
  } else if (type == "application/cbor") {
    status = ReadObject(ParseCbor(data), rules, request);
  } else {
    status = ReadRaw(std::move(type), rules, request);
  }
  return status.ok() ? CheckInputs(rules, *request) : status;
}

}  // namespace darkroom
