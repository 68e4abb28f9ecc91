// SPDX-License-Identifier: Apache-2.0

#include "message/reply_form.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/excerpt.h"
#include "message/media_type.h"

namespace darkroom {
namespace {

struct Offer {
  std::string_view type;
  ReplyForm form;
};

// Whether the first output is all that a reply may hold: the others are there only if asked for.
bool MayBeAlone(const ModelInfo& info) {
  return !info.outputs.empty() &&
         std::all_of(info.outputs.begin() + 1, info.outputs.end(),
                     [](const ValueInfo& output) { return output.optional; });
}

// What the model can give, the natural form first.
std::vector<Offer> Offers(const ModelInfo& info) {
  using Body = ReplyForm::Body;
  const Offer json{"application/json", {Body::kJson}};
  const Offer cbor{"application/cbor", {Body::kCbor}};
  if (!MayBeAlone(info)) return {json, cbor};
  switch (info.outputs[0].kind) {
    case ValueKind::kImage:
    case ValueKind::kMask:
      return {{"image/png", {Body::kRaw, ImageFormat::kPng}},
              {"image/jpeg", {Body::kRaw, ImageFormat::kJpeg}},
              {"image/webp", {Body::kRaw, ImageFormat::kWebp}},
              json,
              cbor};
    case ValueKind::kText:
      return {{"text/plain", {Body::kRaw}}, json, cbor};
    case ValueKind::kTensor:
      return {json, cbor, {"application/octet-stream", {Body::kRaw}}};
    case ValueKind::kBytes:
      break;
  }
  return {{"application/octet-stream", {Body::kRaw}}, json, cbor};
}

bool Matches(std::string_view range, std::string_view type) {
  if (range == "*/*" || range == type) return true;
  return range.size() > 2 && range.substr(range.size() - 2) == "/*" &&
         type.substr(0, range.size() - 1) == range.substr(0, range.size() - 1);
}

struct Range {
  std::string type;
  double weight = 1;
  std::string tensors;  // how JSON and CBOR are to hold them; empty: as numbers
};

std::vector<Range> ParseAccept(std::string_view accept) {
  std::vector<Range> ranges;
  while (!accept.empty()) {
    const size_t comma = std::min(accept.find(','), accept.size());
    const std::string_view item = accept.substr(0, comma);
    accept.remove_prefix(std::min(comma + 1, accept.size()));
    Range range;
    range.type = MediaTypeOf(item);
    if (range.type.empty()) continue;
    if (const std::string q = MediaTypeParameter(item, "q"); !q.empty()) {
      range.weight = std::strtod(q.c_str(), nullptr);
    }
    range.tensors = MediaTypeParameter(item, "tensors");
    ranges.push_back(std::move(range));
  }
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const Range& a, const Range& b) { return a.weight > b.weight; });
  return ranges;
}

// The offer as the range wants its tensors; nothing if it cannot be had so.
std::optional<ReplyForm> Shaped(const Offer& offer, const Range& range) {
  using Body = ReplyForm::Body;
  ReplyForm form = offer.form;
  if (range.tensors.empty() || range.tensors == "numbers") return form;
  if (range.tensors != "bytes") return {};
  if (form.body == Body::kJson) form.body = Body::kJsonBytes;
  if (form.body == Body::kCbor) form.body = Body::kCborBytes;
  return form;
}

}  // namespace

std::optional<ImageFormat> ImageFormatByName(std::string_view name) {
  if (name == "png") return ImageFormat::kPng;
  if (name == "jpeg" || name == "jpg") return ImageFormat::kJpeg;
  if (name == "webp") return ImageFormat::kWebp;
  return {};
}

Result<ReplyForm> ChooseReplyForm(std::optional<std::string_view> accept, const ModelInfo& info) {
  const std::vector<Offer> offers = Offers(info);
  ReplyForm natural = offers.front().form;
  natural.image = ImageFormat::kNatural;  // left to output_format
  if (!accept) return natural;
  const std::vector<Range> ranges = ParseAccept(*accept);
  // A weight of nothing takes a type out of the ranges that would hold it.
  const auto excluded = [&ranges](const Offer& offer) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
      return range.weight <= 0 && range.type == offer.type;
    });
  };
  for (const Range& range : ranges) {
    if (range.weight <= 0) break;
    for (const Offer& offer : offers) {
      if (!Matches(range.type, offer.type) || excluded(offer)) continue;
      const std::optional<ReplyForm> form = Shaped(offer, range);
      if (!form) continue;
      if (offer.type == offers.front().type && range.type.back() == '*') {
        natural.body = form->body;
        return natural;
      }
      return *form;
    }
  }
  std::vector<std::string_view> types;
  for (const Offer& offer : offers) types.push_back(offer.type);
  return Status::InvalidArgument(
      fmt::format("this model cannot reply with Accept '{}'", Excerpt(*accept)),
      fmt::format("it gives {}", fmt::join(types, ", ")));
}

}  // namespace darkroom
