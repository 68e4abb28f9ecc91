// SPDX-License-Identifier: Apache-2.0

#include "exported/arguments.h"

#include <algorithm>
#include <darkroom/torch.hpp>
#include <nlohmann/json.hpp>
#include <utility>

namespace darkroom::exported {
namespace {

using Json = nlohmann::json;

int64_t RoundedUp(int64_t edge, int64_t multiple) {
  return (edge + multiple - 1) / multiple * multiple;
}

Argument OfParam(const std::string& name, const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  throw Error(DR_INVALID_ARGUMENT,
              "the param '" + name + "' is needed, as a number, true, false or a text");
}

// Light of a colour picture, for networks that see grey: by Pillow's weights (ITU-R 601-2).
at::Tensor Grey(const at::Tensor& picture) {
  if (picture.size(2) < 3) return picture;
  const at::Tensor rgb = picture.to(at::kInt);
  const at::Tensor light =
      (rgb.select(2, 0) * 19595 + rgb.select(2, 1) * 38470 + rgb.select(2, 2) * 7471 + 0x8000)
          .bitwise_right_shift(16);
  return light.to(at::kByte).unsqueeze(2);
}

}  // namespace

ArgumentMaker::ArgumentMaker(const Spec& spec, const Tokenizers& tokenizers)
    : spec_(spec), tokenizers_(tokenizers) {
  for (const InputSpec& input : spec.inputs)
    if (const auto* picture = std::get_if<PictureInput>(&input.how))
      processors_.emplace(input.name, ImageProcessor(picture->processing));
}

at::Tensor ArgumentMaker::Picture(const PictureInput& input, const ImageProcessor& processor,
                                  const at::Tensor& picture,
                                  std::optional<Framing>* framing) const {
  at::Tensor made = processor(input.channels == 1 ? Grey(picture) : picture);
  if (input.channels == 1) made = made.narrow(0, 0, 1);
  if (input.bgr) made = made.flip(0);
  made = made.unsqueeze(0);
  const ImageSize content = {made.size(2), made.size(3)};
  const ImageSize padded = {RoundedUp(content.height, input.multiple_of),
                            RoundedUp(content.width, input.multiple_of)};
  if (padded != content)
    made = at::replication_pad2d(
        made, {0, padded.width - content.width, 0, padded.height - content.height});
  if (!*framing) *framing = {{picture.size(0), picture.size(1)}, content, padded};
  if (input.channels_last) made = made.permute({0, 2, 3, 1});
  return made.to(input.dtype).contiguous();
}

void ArgumentMaker::AddTokens(const TokensInput& input, std::string_view text,
                              std::vector<Argument>* arguments) const {
  const auto length = static_cast<size_t>(input.length);
  std::vector<int64_t> ids = tokenizers_.at(input.tokenizer)->Encode(text, length);
  std::vector<int64_t> counts(ids.size(), 1);
  ids.resize(length, input.pad);
  counts.resize(length, 0);
  arguments->emplace_back(at::tensor(ids, at::kLong).unsqueeze(0).to(input.dtype));
  if (input.mask)
    arguments->emplace_back(at::tensor(counts, at::kLong).unsqueeze(0).to(input.dtype));
}

void ArgumentMaker::AddInput(const InputSpec& input, const Job& job, JobArguments* made) const {
  if (const auto* picture = std::get_if<PictureInput>(&input.how)) {
    made->arguments.emplace_back(Picture(*picture, processors_.at(input.name),
                                         Borrow(job.Input(input.name)), &made->framing));
  } else if (const auto* tokens = std::get_if<TokensInput>(&input.how)) {
    const auto bytes = job.InputBytes(input.name);
    AddTokens(*tokens, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
              &made->arguments);
  } else {
    at::Tensor tensor = Borrow(job.Input(input.name));
    made->arguments.emplace_back(spec_.batched ? tensor.unsqueeze(0) : tensor);
  }
}

JobArguments ArgumentMaker::Make(const Job& job) const {
  const Json params = Json::parse(job.params());
  JobArguments made;
  for (const std::string& name : spec_.arguments) {
    const auto input = std::find_if(spec_.inputs.begin(), spec_.inputs.end(),
                                    [&](const InputSpec& one) { return one.name == name; });
    if (input != spec_.inputs.end()) {
      AddInput(*input, job, &made);
    } else {
      made.arguments.push_back(OfParam(name, params.value(name, Json())));
    }
  }
  return made;
}

}  // namespace darkroom::exported
