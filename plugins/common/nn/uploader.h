// SPDX-License-Identifier: Apache-2.0
//
// Uploader carries weights from the host's memory, mostly a file's mapping, to a device. A copy
// from such memory is one thread's, by a small buffer of the driver's. Here all of ATen's threads
// copy a piece into page-locked memory, and have the file's pages read, while the device fetches
// the piece before it.
//
// For a network that is being loaded: afterwards, and where the host gives no such memory, it
// copies as Tensor::to does.
//
// Ownership: its page-locked memory, kPieces pieces, from the first upload to Finish. Threads: one
// at a time.

#ifndef DARKROOM_PLUGINS_COMMON_NN_UPLOADER_H_
#define DARKROOM_PLUGINS_COMMON_NN_UPLOADER_H_

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace darkroom::nn {

class Uploader {
 public:
  static constexpr int64_t kPieceBytes = int64_t{32} << 20;
  static constexpr size_t kPieces = 3;

  // `device`: not the CPU.
  explicit Uploader(at::Device device, int64_t piece_bytes = kPieceBytes)
      : device_(device), piece_bytes_(piece_bytes) {}
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;
  ~Uploader();

  // The same numbers on the device, for whatever is computed there next on the current stream. The
  // tensor may change or go when this returns.
  at::Tensor operator()(const at::Tensor& tensor);

  // Gives the page-locked memory back, when the device has fetched what is in it. What is uploaded
  // later does not make it worth while again.
  void Finish();

 private:
  struct Piece {
    at::Tensor bytes;                   // page-locked
    std::optional<c10::Event> fetched;  // when the device no longer reads it
  };

  // nullptr: there is no memory for it.
  Piece* NextPiece();

  const at::Device device_;
  const int64_t piece_bytes_;
  std::array<Piece, kPieces> pieces_;
  size_t next_ = 0;
  bool is_plain_ = false;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_UPLOADER_H_
