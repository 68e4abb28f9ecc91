// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_jobs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/raw_png.h"
#include "core/units.h"

namespace darkroom {
namespace {

enum class Size { kUsual, kSmallest, kEmpty };

// What the daemon takes unless it is configured otherwise (limits.input_bytes).
constexpr uint64_t kLargestInput = uint64_t{64} << 20;
// Beyond ASCII, as people write.
constexpr std::string_view kText = "A caf\u00e9 by the sea \u2013 nothing else.";

// "float32" -> 4, "bool" -> 1: the names of daemon/host/tensor.h end in bits.
uint64_t ElementSize(std::string_view dtype) {
  const size_t digits = dtype.find_first_of("0123456789");
  if (digits == std::string_view::npos) return 1;
  uint64_t bits = 8;
  std::from_chars(dtype.data() + digits, dtype.data() + dtype.size(), bits);
  return std::max<uint64_t>(bits / 8, 1);
}

struct Made {
  TrialInput input;
  std::string words;  // "image 64x48"
};

Made MakePicture(const ValueInfo& info, Size size) {
  const uint32_t width = size == Size::kSmallest ? 1 : 64;
  const uint32_t height = size == Size::kSmallest ? 1 : 48;
  const uint32_t channels = info.kind == ValueKind::kMask ? 1 : 3;
  return {{info.name, "image/png", MakeRawPng(width, height, channels)},
          fmt::format("{} {}x{}", info.name, width, height)};
}

// Zeros, which every dtype has. Nothing where it would be more than a daemon takes.
std::optional<Made> MakeTensor(const ValueInfo& info, Size size) {
  const std::string dtype = info.dtype.empty() ? "uint8" : info.dtype;
  std::vector<int64_t> shape = info.shape;
  if (shape.empty()) shape.push_back(-1);
  uint64_t bytes = ElementSize(dtype);
  for (int64_t& length : shape) {
    if (length < 0) length = size == Size::kSmallest ? 1 : 3;
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(length), &bytes)) return std::nullopt;
  }
  if (bytes > kLargestInput) return std::nullopt;
  return Made{{info.name, "application/octet-stream", std::string(bytes, '\0')},
              fmt::format("{} {} {}", info.name, dtype, shape)};
}

Made MakeBytes(const ValueInfo& info, Size size) {
  const size_t count = size == Size::kEmpty ? 0 : size == Size::kSmallest ? 1 : 1000;
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>((i * 31 + 7) & 0xFFU);
  return {{info.name, "application/octet-stream", std::move(bytes)},
          fmt::format("{} {} byte{}", info.name, count, count == 1 ? "" : "s")};
}

Made MakeText(const ValueInfo& info, Size size) {
  const std::string_view text = kText.substr(0, size == Size::kEmpty      ? 0
                                                : size == Size::kSmallest ? 1
                                                                          : std::string_view::npos);
  return {{info.name, "text/plain; charset=utf-8", std::string(text)},
          fmt::format("{} {} byte{}", info.name, text.size(), text.size() == 1 ? "" : "s")};
}

std::optional<Made> MakeInput(const ValueInfo& info, Size size) {
  switch (info.kind) {
    case ValueKind::kImage:
    case ValueKind::kMask:
      return MakePicture(info, size);
    case ValueKind::kTensor:
      return MakeTensor(info, size);
    case ValueKind::kText:
      return MakeText(info, size);
    case ValueKind::kBytes:
      break;
  }
  return MakeBytes(info, size);
}

void AddJob(const ModelInfo& info, Size size, bool with_optional, TrialJobs* all) {
  TrialJob job;
  for (const ValueInfo& value : info.inputs) {
    if (value.optional && !with_optional) continue;
    std::optional<Made> made = MakeInput(value, size);
    if (!made) {
      all->notes.push_back(fmt::format("no job was made: the input \"{}\" would be larger than {}",
                                       value.name, FormatSize(kLargestInput)));
      return;
    }
    job.name += (job.name.empty() ? "" : ", ") + made->words;
    job.inputs.push_back(std::move(made->input));
  }
  if (job.name.empty()) job.name = "no inputs";
  const bool is_there = std::any_of(all->jobs.begin(), all->jobs.end(),
                                    [&](const TrialJob& one) { return one.inputs == job.inputs; });
  if (!is_there) all->jobs.push_back(std::move(job));
}

}  // namespace

TrialJobs MakeTrialJobs(const ModelInfo& info) {
  TrialJobs all;
  AddJob(info, Size::kUsual, true, &all);
  if (all.jobs.empty()) return all;
  AddJob(info, Size::kSmallest, true, &all);
  // Where nothing can be empty, this is the usual one again.
  AddJob(info, Size::kEmpty, true, &all);
  AddJob(info, Size::kUsual, false, &all);
  return all;
}

}  // namespace darkroom
