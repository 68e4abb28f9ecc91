// SPDX-License-Identifier: Apache-2.0

#include "message/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/excerpt.h"
#include "core/json.h"
#include "core/units.h"
#include "message/body.h"

namespace darkroom {
namespace {

using nlohmann::json;

Status ReadId(Request* request) {
  auto id = request->message.Header("Darkroom-Job");
  if (!id) id = request->message.Header("Nats-Msg-Id");
  if (!id) return Status::Ok();
  if (!IsJobId(*id)) {
    return Status::InvalidArgument(fmt::format("'{}' cannot name a job", Excerpt(*id)),
                                   "use letters, digits, '-' and '_', at most 64");
  }
  request->id = *id;
  return Status::Ok();
}

Status ReadDeadline(Request* request) {
  const auto value = request->message.Header("Darkroom-Deadline");
  if (!value) return Status::Ok();
  const auto deadline = ParseDuration(*value);
  if (!deadline.ok()) return deadline.status().Annotated("Darkroom-Deadline");
  if (deadline->count() == 0) {
    return Status::InvalidArgument("Darkroom-Deadline must be more than nothing");
  }
  request->deadline = *deadline;
  return Status::Ok();
}

// `from` over `into`, member by member.
void Overlay(const json& from, json* into) {
  if (into->is_null()) *into = json::object();
  into->update(from);
}

Status ReadParamsHeader(Request* request) {
  const auto value = request->message.Header("Darkroom-Params");
  if (!value) return Status::Ok();
  Result<json> params = ParseJson(*value);
  if (!params.ok()) return params.status().Annotated("Darkroom-Params");
  if (!params->is_object()) {
    return Status::InvalidArgument("Darkroom-Params must be a JSON object",
                                   R"(write it like {"scale": 2})");
  }
  Overlay(*params, &request->params);
  return Status::Ok();
}

}  // namespace

bool IsJobId(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

Status TakeOutputParams(const ModelInfo& info, json* params, ImageFormat* image, int32_t* quality) {
  if (!info.HasImageOutput()) return Status::Ok();
  if (const auto given = params->find("output_format"); given != params->end()) {
    const auto known =
        given->is_string() ? ImageFormatByName(given->get_ref<const std::string&>()) : std::nullopt;
    if (!known) {
      return Status::InvalidArgument(
          fmt::format("parameter 'output_format' is {}", Excerpt(WriteJson(*given))),
          R"(use "png", "jpeg" or "webp")");
    }
    *image = *known;
    params->erase(given);
  }
  if (const auto given = params->find("output_quality"); given != params->end()) {
    if (!given->is_number_integer() || *given < 1 || *given > 100) {
      return Status::InvalidArgument(
          fmt::format("parameter 'output_quality' is {}", Excerpt(WriteJson(*given))),
          "use a whole number from 1 to 100");
    }
    *quality = given->get<int32_t>();
    params->erase(given);
  }
  return Status::Ok();
}

Status ParseRequest(Message message, const RequestRules& rules, Request* request) {
  request->message = std::move(message);
  request->reply = request->message.reply();
  if (Status status = ReadId(request); !status.ok()) return status;
  if (Status status = ReadDeadline(request); !status.ok()) return status;
  request->progress = request->message.Header("Darkroom-Progress") == "1";

  const auto form = ChooseReplyForm(request->message.Header("Accept"), *rules.info);
  if (!form.ok()) return form.status();
  request->form = *form;

  if (Status status = ReadBody(rules, request); !status.ok()) return status;
  if (Status status = ReadParamsHeader(request); !status.ok()) return status;

  ImageFormat image = rules.image;
  request->form.quality = rules.quality;
  if (!request->params.is_null()) {
    json params = rules.default_params;
    Overlay(request->params, &params);
    Overlay(rules.fixed_params, &params);
    request->params = std::move(params);
    Status status = TakeOutputParams(*rules.info, &request->params, &image, &request->form.quality);
    if (!status.ok()) return status;
  }
  // An image type in Accept is the more particular wish.
  if (request->form.image == ImageFormat::kNatural) request->form.image = image;
  return Status::Ok();
}

}  // namespace darkroom
