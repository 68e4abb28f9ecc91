// SPDX-License-Identifier: Apache-2.0
//
// PngChunks walks the chunks of a PNG file without copying, unpacking or trusting them. The probe
// looks for what it needs; the decoder feeds libspng only those that make pixels, so that a text
// chunk which unpacks to gigabytes, or a thousand frames of an animation, cost nothing.
//
// A plain value for one thread; the bytes must outlive it.

#ifndef DARKROOM_HOST_PNG_CHUNKS_H_
#define DARKROOM_HOST_PNG_CHUNKS_H_

#include <string_view>

#include "core/buffer.h"
#include "host/byte_reader.h"

namespace darkroom::host {

inline constexpr std::string_view kPngSignature(
    "\x89"
    "PNG\r\n\x1a\n",
    8);

// chunk := u32=length type[4] data[length] u32=checksum, big-endian
struct PngChunk {
  std::string_view type;
  Bytes data;
  Bytes whole;  // with length, type and checksum
};

class PngChunks {
 public:
  // `file` begins with the signature.
  explicit PngChunks(Bytes file)
      : file_(file), reader_(file.subspan(kPngSignature.size()), ByteReader::Order::kBig) {}

  // The next chunk; false after IEND, at the end of the file and where the file is cut.
  bool Next(PngChunk* chunk) {
    if (ended_) return false;
    const size_t begin = reader_.position();
    const uint32_t length = reader_.U32();
    chunk->type = AsText(reader_.Take(4));
    chunk->data = reader_.Take(length);
    reader_.Skip(4);
    if (!reader_.ok()) {
      ended_ = true;
      return false;
    }
    chunk->whole = file_.subspan(kPngSignature.size() + begin, reader_.position() - begin);
    complete_ = chunk->type == "IEND";
    ended_ = complete_;
    return true;
  }

  // Whether IEND has been reached.
  bool complete() const { return complete_; }

 private:
  Bytes file_;
  ByteReader reader_;
  bool ended_ = false;
  bool complete_ = false;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_PNG_CHUNKS_H_
