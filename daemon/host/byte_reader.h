// SPDX-License-Identifier: Apache-2.0
//
// ByteReader walks a run of bytes from a stranger and cannot leave it: what lies beyond the end
// reads as zero or empty, and ok() is false from then on. A parser can therefore read a whole
// structure and ask once.
//
// A plain value; the bytes must outlive it.

#ifndef DARKROOM_HOST_BYTE_READER_H_
#define DARKROOM_HOST_BYTE_READER_H_

#include <cstddef>
#include <cstdint>

#include "core/buffer.h"

namespace darkroom::host {

class ByteReader {
 public:
  enum class Order : uint8_t { kBig, kLittle };

  ByteReader(Bytes bytes, Order order) : bytes_(bytes), order_(order) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U24() { return Number(3); }
  uint32_t U32() { return Number(4); }

  Bytes Take(size_t size) {
    if (size > left()) {
      Fail();
      return {};
    }
    const Bytes taken = bytes_.subspan(position_, size);
    position_ += size;
    return taken;
  }

  void Skip(size_t size) { Take(size); }

  void Seek(size_t position) {
    if (position > bytes_.size()) {
      Fail();
    } else {
      position_ = position;
    }
  }

 private:
  uint32_t Number(size_t size) {
    const Bytes digits = Take(size);
    uint32_t value = 0;
    for (size_t i = 0; i < digits.size(); ++i) {
      const size_t at = order_ == Order::kBig ? i : digits.size() - 1 - i;
      value = value << 8 | std::to_integer<uint32_t>(digits[at]);
    }
    return value;
  }

  void Fail() {
    ok_ = false;
    position_ = bytes_.size();
  }

  Bytes bytes_;
  Order order_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_BYTE_READER_H_
