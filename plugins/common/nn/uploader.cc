// SPDX-License-Identifier: Apache-2.0

#include "common/nn/uploader.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/core/CachingHostAllocator.h>

#include <algorithm>
#include <cstring>

#include "common/parallel.h"

namespace darkroom::nn {
namespace {

// What a thread copies at once: some pages of the file.
constexpr int64_t kBlock = int64_t{1} << 20;

void CopyByAllThreads(std::byte* to, const std::byte* from, int64_t bytes) {
  const int64_t blocks = (bytes + kBlock - 1) / kBlock;
  ParallelFor(blocks, [&](int64_t begin, int64_t end, int64_t) {
    const int64_t at = begin * kBlock;
    std::memcpy(to + at, from + at, static_cast<size_t>(std::min(end * kBlock, bytes) - at));
  });
}

}  // namespace

Uploader::~Uploader() { Finish(); }

Uploader::Piece* Uploader::NextPiece() {
  Piece& piece = pieces_[next_];
  next_ = (next_ + 1) % kPieces;
  if (piece.fetched) {
    piece.fetched->synchronize();
    return &piece;
  }
  try {
    piece.bytes =
        at::empty({piece_bytes_}, at::TensorOptions().dtype(at::kByte).pinned_memory(true));
  } catch (const c10::Error&) {
    return nullptr;
  }
  piece.fetched.emplace(device_.type());
  return &piece;
}

at::Tensor Uploader::operator()(const at::Tensor& tensor) {
  // What is small is there sooner than threads wake up.
  const bool is_small = static_cast<int64_t>(tensor.nbytes()) < 2 * kBlock;
  if (is_plain_ || is_small || !tensor.is_contiguous()) return tensor.to(device_);
  at::Tensor uploaded = at::empty(tensor.sizes(), tensor.options().device(device_));
  const at::Tensor to = uploaded.view({-1});
  const auto* const from = static_cast<const std::byte*>(tensor.const_data_ptr());
  const auto size = static_cast<int64_t>(tensor.element_size());
  const int64_t most = piece_bytes_ / size;
  for (int64_t at = 0; at < tensor.numel(); at += most) {
    const int64_t count = std::min(most, tensor.numel() - at);
    Piece* const piece = NextPiece();
    if (piece == nullptr) {
      Finish();
      return tensor.to(device_);
    }
    CopyByAllThreads(static_cast<std::byte*>(piece->bytes.mutable_data_ptr()), from + at * size,
                     count * size);
    to.narrow(0, at, count)
        .copy_(piece->bytes.narrow(0, 0, count * size).view(tensor.scalar_type()),
               /*non_blocking=*/true);
    piece->fetched->record(at::accelerator::getCurrentStream(device_.index()));
  }
  return uploaded;
}

void Uploader::Finish() {
  is_plain_ = true;
  bool any = false;
  for (Piece& piece : pieces_) {
    if (!piece.fetched) continue;
    piece.fetched->synchronize();
    piece = {};
    any = true;
  }
  if (any) at::getHostAllocator(device_.type())->empty_cache();
}

}  // namespace darkroom::nn
