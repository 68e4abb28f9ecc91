// SPDX-License-Identifier: Apache-2.0

#include "common/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <system_error>
#include <utility>

#include "common/safetensors_header.h"

namespace darkroom {
namespace {

std::string ErrnoText() { return std::generic_category().message(errno); }

// The whole file, read-only, until the last owner lets go.
struct Mapping {
  std::shared_ptr<const std::byte> bytes;
  uint64_t size = 0;
};

Mapping MapFile(const std::string& path) {
  // O_NONBLOCK: opening a pipe must fail the check below, not wait for a writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(missing ? DR_NOT_FOUND : DR_FAILED_PRECONDITION,
                "cannot open weights " + path + ": " + ErrnoText());
  }
  struct stat info {};
  if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(file);
    throw Error(DR_FAILED_PRECONDITION, "weights " + path + " are not a regular file");
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < sizeof(uint64_t)) {
    ::close(file);
    throw Error(DR_FAILED_PRECONDITION, "weights " + path + ": " + std::to_string(size) +
                                            " bytes are too few for a safetensors file");
  }
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const std::string reason = address == MAP_FAILED ? ErrnoText() : "";
  ::close(file);
  if (address == MAP_FAILED)
    throw Error(DR_FAILED_PRECONDITION, "cannot map weights " + path + ": " + reason);
  auto unmap = [size](const std::byte* bytes) { ::munmap(const_cast<std::byte*>(bytes), size); };
  return {std::shared_ptr<const std::byte>(static_cast<const std::byte*>(address), unmap), size};
}

at::ScalarType TypeOf(std::string_view dtype) {
  if (dtype == "F64") return at::kDouble;
  if (dtype == "F32") return at::kFloat;
  if (dtype == "F16") return at::kHalf;
  if (dtype == "BF16") return at::kBFloat16;
  if (dtype == "I64") return at::kLong;
  if (dtype == "I32") return at::kInt;
  if (dtype == "I16") return at::kShort;
  if (dtype == "I8") return at::kChar;
  if (dtype == "U8") return at::kByte;
  return at::kBool;
}

at::Tensor TensorOf(const SafetensorsEntry& entry, const std::shared_ptr<const std::byte>& mapping,
                    const std::byte* data) {
  const std::byte* first = data + entry.begin;
  const uint64_t bytes = entry.end - entry.begin;
  // A bool with any other value is undefined behaviour in whoever reads it.
  if (entry.dtype == "BOOL" && std::any_of(first, first + bytes, [](std::byte b) {
        return b != std::byte{0} && b != std::byte{1};
      }))
    throw Error(DR_FAILED_PRECONDITION,
                "tensor " + Quoted(entry.name) + ": BOOL holds bytes other than 0 and 1");
  const auto options = at::TensorOptions().dtype(TypeOf(entry.dtype));
  // The format aligns at most the start of the data, ATen wants each element aligned: copy the rare
  // one that is not.
  if (reinterpret_cast<uintptr_t>(first) % DtypeSize(entry.dtype) != 0) {
    at::Tensor copy = at::empty(entry.shape, options);
    if (bytes != 0) std::memcpy(copy.mutable_data_ptr(), first, bytes);
    return copy;
  }
  auto keep = [mapping](void*) {};
  return at::from_blob(const_cast<std::byte*>(first), entry.shape, keep, options);
}

}  // namespace

Safetensors Safetensors::Open(const std::string& path) {
  const Mapping mapping = MapFile(path);
  Safetensors file;
  file.path_ = path;
  file.mapping_ = mapping.bytes;
  file.mapped_bytes_ = mapping.size;
  try {
    uint64_t length = 0;  // little-endian, as is every machine this runs on
    std::memcpy(&length, mapping.bytes.get(), sizeof(length));
    const uint64_t rest = mapping.size - sizeof(length);
    if (length > kMaxHeaderBytes || length > rest)
      throw Error(DR_FAILED_PRECONDITION, "the header claims " + std::to_string(length) +
                                              " bytes, of " + std::to_string(rest) +
                                              " in the file and at most " +
                                              std::to_string(kMaxHeaderBytes));
    const std::byte* json = mapping.bytes.get() + sizeof(length);
    SafetensorsHeader header =
        ParseSafetensorsHeader({reinterpret_cast<const char*>(json), length}, rest - length);
    for (const SafetensorsEntry& entry : header.entries)
      file.tensors_.emplace(entry.name, TensorOf(entry, mapping.bytes, json + length));
    file.metadata_ = std::move(header.metadata);
  } catch (const Error& error) {
    throw Error(error.status(), "weights " + path + ": " + error.what());
  }
  return file;
}

void Safetensors::ReleasePages() const {
  // The mapping is private and never written to, so nothing is lost. It is advice: it may fail.
  ::madvise(const_cast<std::byte*>(mapping_.get()), mapped_bytes_, MADV_DONTNEED);
}

}  // namespace darkroom
