// SPDX-License-Identifier: Apache-2.0

#include "exported/ply.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <string>

#include "common/safetensors.h"

namespace darkroom::exported {
namespace {

static_assert(std::endian::native == std::endian::little);

at::Tensor Applied(const at::Tensor& values, PlyOutput::Apply apply) {
  if (apply == PlyOutput::Apply::kLog) return at::log(values);
  if (apply == PlyOutput::Apply::kLogit) return at::logit(values);
  return values;
}

at::Tensor ColumnsOf(const PlyColumns& columns, int64_t points) {
  const auto properties = static_cast<int64_t>(columns.part.properties.size());
  at::Tensor values = columns.values;
  if (properties == 1) values = values.reshape({-1, 1});
  if (values.dim() != 2 || values.size(1) != properties ||
      (points >= 0 && values.size(0) != points))
    throw Error(DR_FAILED_PRECONDITION,
                "the network's results are not what the model's options say: for " +
                    columns.part.properties.front() + " and the others " +
                    (points >= 0 ? std::to_string(points) : std::string("points")) + " x " +
                    std::to_string(properties) + " are expected, and it has shape " +
                    ShapeText(columns.values.sizes()));
  return Applied(values.to(at::kCPU, at::kFloat), columns.part.apply);
}

}  // namespace

at::Tensor WritePly(const std::vector<PlyColumns>& columns) {
  std::vector<at::Tensor> parts;
  std::string properties;
  for (const PlyColumns& one : columns) {
    parts.push_back(ColumnsOf(one, parts.empty() ? -1 : parts.front().size(0)));
    for (const std::string& name : one.part.properties)
      properties += "property float " + name + "\n";
  }
  const at::Tensor points = at::cat(parts, 1).contiguous();
  const std::string header = "ply\nformat binary_little_endian 1.0\nelement vertex " +
                             std::to_string(points.size(0)) + "\n" + properties + "end_header\n";
  at::Tensor file = at::empty({static_cast<int64_t>(header.size() + points.nbytes())}, at::kByte);
  auto* bytes = file.mutable_data_ptr<uint8_t>();
  std::copy(header.begin(), header.end(), bytes);
  if (points.numel() > 0)
    std::memcpy(bytes + header.size(), points.const_data_ptr(), points.nbytes());
  return file;
}

}  // namespace darkroom::exported
