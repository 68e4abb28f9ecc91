// SPDX-License-Identifier: Apache-2.0

#include "exported/outputs.h"

#include <algorithm>
#include <cstring>
#include <darkroom/torch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/image/resize.h"
#include "common/safetensors.h"
#include "exported/ply.h"

namespace darkroom::exported {
namespace {

using Json = nlohmann::json;

[[noreturn]] void Unlike(const std::string& words) {
  throw Error(DR_FAILED_PRECONDITION,
              "the network's results are not what the model's options say: " + words);
}

at::Tensor Activate(const at::Tensor& values, Activation activation) {
  if (activation == Activation::kSigmoid) return at::sigmoid(values);
  if (activation == Activation::kSoftmax) return at::softmax(values, values.dim() - 1);
  return values;
}

// Without first dimensions of 1, as long as there are more than `most`.
at::Tensor Squeezed(at::Tensor result, int64_t most) {
  while (result.dim() > most && result.size(0) == 1) result = result.squeeze(0);
  return result;
}

const at::Tensor& Find(const Results& results, const ResultName& name) {
  if (const auto* key = std::get_if<std::string>(&name)) {
    const auto found = results.names.find(*key);
    if (found == results.names.end()) Unlike("there is none of the name '" + *key + "'");
    return results.tensors[found->second];
  }
  const auto number = static_cast<size_t>(std::get<int64_t>(name));
  if (number >= results.tensors.size())
    Unlike("there are " + std::to_string(results.tensors.size()) + ", and number " +
           std::to_string(number) + " is asked for, counted from 0");
  return results.tensors[number];
}

// What the network made of the picture itself, without what was added to its edges.
at::Tensor WithoutPadding(const at::Tensor& picture, const Framing& framing) {
  const auto part = [](int64_t of, int64_t content, int64_t padded) {
    return std::max<int64_t>((of * content + padded / 2) / padded, 1);
  };
  return picture.narrow(0, 0, part(picture.size(0), framing.content.height, framing.padded.height))
      .narrow(1, 0, part(picture.size(1), framing.content.width, framing.padded.width));
}

at::Tensor Resized(const at::Tensor& picture, ImageSize size) {
  const int64_t channels = picture.size(2);
  at::Tensor out = at::empty({size.height, size.width, channels}, at::kByte);
  Resizer resizer(Filter::kBicubic, picture.size(0), picture.size(1),
                  {out.mutable_data_ptr<uint8_t>(), size.height, size.width, channels, channels,
                   size.width * channels});
  const auto* row = picture.const_data_ptr<uint8_t>();
  for (int64_t y = 0; y < picture.size(0) && !resizer.finished(); ++y)
    resizer.Push(row + y * picture.size(1) * channels, channels);
  return out;
}

void GiveBytes(const Job& job, const std::string& name, const void* data, size_t size) {
  const auto out = job.OutputBytes(name.c_str(), size);
  if (size > 0) std::memcpy(out.data(), data, size);
}

void GiveTensor(const Job& job, const std::string& name, const at::Tensor& tensor) {
  OutputTensor(job, name.c_str(), tensor.scalar_type(), tensor.sizes().vec()).copy_(tensor);
}

std::string LabelsText(const LabelsOutput& output, const at::Tensor& result) {
  const at::Tensor scores =
      Activate(Squeezed(result, 1).to(at::kFloat), output.activation).to(at::kCPU).contiguous();
  const auto count = static_cast<int64_t>(output.labels.size());
  if (scores.dim() != 1 || scores.size(0) != count)
    Unlike("a score for each of " + std::to_string(count) +
           " labels is expected, and it has shape " + ShapeText(result.sizes()));
  const auto [values, order] = scores.topk(std::min(output.top, count));
  Json list = Json::array();
  for (int64_t i = 0; i < values.size(0); ++i)
    list.push_back({{"label", output.labels[static_cast<size_t>(order[i].item<int64_t>())]},
                    {"score", values[i].item<float>()}});
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Text(const TextOutput& output, const at::Tensor& result, const Tokenizers& tokenizers) {
  const at::Tensor line = Squeezed(result, 1);
  if (line.dim() != 1 || at::isFloatingType(line.scalar_type()))
    Unlike("text is expected, and it has shape " + ShapeText(result.sizes()) + " of " +
           at::toString(result.scalar_type()));
  if (output.tokens) {
    const at::Tensor ids = line.to(at::kCPU, at::kLong).contiguous();
    return tokenizers.at(output.tokenizer)
        ->Decode({ids.const_data_ptr<int64_t>(), static_cast<size_t>(ids.numel())});
  }
  const at::Tensor bytes = line.to(at::kCPU, at::kByte).contiguous();
  return {static_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(bytes.numel())};
}

// Gives one output, by what it is.
struct Giver {
  const OutputSpec& spec;
  const Results& results;
  const std::optional<Framing>& framing;
  const Tokenizers& tokenizers;
  const Job& job;

  const at::Tensor& result() const { return Find(results, spec.from); }

  void operator()(const PictureOutput& output) const {
    GiveTensor(job, spec.name, ToPicture(output, result(), framing));
  }
  void operator()(const TensorOutput& output) const {
    const at::Tensor tensor = result().to(at::kCPU);
    GiveTensor(job, spec.name, output.dtype ? tensor.to(*output.dtype) : tensor);
  }
  void operator()(const TextOutput& output) const {
    const std::string text = Text(output, result(), tokenizers);
    GiveBytes(job, spec.name, text.data(), text.size());
  }
  void operator()(const LabelsOutput& output) const {
    const std::string text = LabelsText(output, result());
    GiveBytes(job, spec.name, text.data(), text.size());
  }
  void operator()(const PlyOutput& output) const {
    std::vector<PlyColumns> columns;
    for (const PlyOutput::Part& part : output.parts)
      columns.push_back({part, Squeezed(Find(results, part.from), 2)});
    const at::Tensor file = WritePly(columns);
    GiveBytes(job, spec.name, file.const_data_ptr(), static_cast<size_t>(file.numel()));
  }
  void operator()(const BytesOutput&) const {
    const at::Tensor bytes = result().to(at::kCPU).contiguous();
    GiveBytes(job, spec.name, bytes.const_data_ptr(), bytes.nbytes());
  }
};

}  // namespace

at::Tensor ToPicture(const PictureOutput& output, const at::Tensor& result,
                     const std::optional<Framing>& framing) {
  at::Tensor picture = Squeezed(result, 3).to(at::kCPU, at::kFloat);
  if (picture.dim() == 2) picture = picture.unsqueeze(output.channels_last ? 2 : 0);
  if (picture.dim() == 3 && !output.channels_last) picture = picture.permute({1, 2, 0});
  if (picture.dim() != 3 || picture.size(2) < 1 || picture.size(2) > 4 || picture.numel() == 0)
    Unlike("a picture of 1 to 4 channels is expected, and it has shape " +
           ShapeText(result.sizes()));
  if (!at::isfinite(picture).all().item<bool>())
    throw Error(DR_INTERNAL, "the network's picture is not finite");
  picture = Activate(picture, output.activation);
  if (output.bgr) picture = picture.flip(2);
  if (framing) picture = WithoutPadding(picture, *framing);
  const auto [black, white] = output.range ? *output.range
                                           : std::pair<double, double>(picture.min().item<float>(),
                                                                       picture.max().item<float>());
  const double width = white > black ? white - black : 1;
  picture = ((picture - black) * (255 / width)).round().clamp(0, 255).to(at::kByte).contiguous();
  if (!output.like_input || !framing) return picture;
  return Resized(picture, framing->picture);
}

void GiveOutputs(const Spec& spec, const Results& results, const std::optional<Framing>& framing,
                 const Tokenizers& tokenizers, const Job& job) {
  for (const OutputSpec& output : spec.outputs)
    std::visit(Giver{output, results, framing, tokenizers, job}, output.how);
}

}  // namespace darkroom::exported
