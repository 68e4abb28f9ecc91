// SPDX-License-Identifier: Apache-2.0
//
// Buffer owns a run of bytes and knows how to give it back, whoever made it: the heap, a NATS
// message, an image codec, a plugin's tensor. It lets a payload travel from where it was made to
// the socket without being copied.
//
// Move-only. One owner at a time; the bytes may be read from any thread that the owner lets look.
// Release runs on the thread that destroys the Buffer.

#ifndef DARKROOM_CORE_BUFFER_H_
#define DARKROOM_CORE_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace darkroom {

using Bytes = std::span<const std::byte>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Buffer {
 public:
  using Release = void (*)(void* owner);

  Buffer() = default;

  // Uninitialised heap memory.
  static Buffer Allocate(size_t size) {
    auto* data = new std::byte[size];
    return {data, size, data, [](void* owner) { delete[] static_cast<std::byte*>(owner); }};
  }

  static Buffer Copy(Bytes bytes) {
    Buffer buffer = Allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(buffer.data_, bytes.data(), bytes.size());
    return buffer;
  }

  // Takes over bytes that live as long as `owner`; `release(owner)` is called once.
  static Buffer Adopt(void* data, size_t size, void* owner, Release release) {
    return {static_cast<std::byte*>(data), size, owner, release};
  }

  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        owner_(std::exchange(other.owner_, nullptr)),
        release_(std::exchange(other.release_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(owner_, other.owner_);
    std::swap(release_, other.release_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (release_ != nullptr) release_(owner_);
  }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Bytes bytes() const { return {data_, size_}; }

  // Gives up the bytes beyond `size`, which must not exceed size(). Nothing is moved.
  void Truncate(size_t size) { size_ = size < size_ ? size : size_; }

 private:
  Buffer(std::byte* data, size_t size, void* owner, Release release)
      : data_(data), size_(size), owner_(owner), release_(release) {}

  std::byte* data_ = nullptr;
  size_t size_ = 0;
  void* owner_ = nullptr;
  Release release_ = nullptr;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_BUFFER_H_
