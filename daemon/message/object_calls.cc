// SPDX-License-Identifier: Apache-2.0

#include "message/object_calls.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/base64.h"
#include "core/digest.h"
#include "core/excerpt.h"
#include "core/units.h"

namespace darkroom {
namespace {

constexpr std::string_view kScheme = "nats-object://";
constexpr int64_t kPatienceMs = 30'000;
// A chunk is a message; headers and subject want some room. More than a MiB each gains nothing.
constexpr int64_t kRoom = 4096;
constexpr int64_t kLargestChunk = int64_t{1024} * 1024;

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Context = std::unique_ptr<jsCtx, Destroy<jsCtx_Destroy>>;
using Store = std::unique_ptr<objStore, Destroy<objStore_Destroy>>;
using Info = std::unique_ptr<objStoreInfo, Destroy<objStoreInfo_Destroy>>;
using Reader = std::unique_ptr<objStoreGet, Destroy<objStoreGet_Destroy>>;

Status Failed(natsStatus status, const std::string& what) {
  const char* detail = nats_GetLastError(nullptr);
  const std::string words = fmt::format(
      "object store: {}: {}{}{}", what, natsStatus_GetText(status),
      detail != nullptr && *detail != '\0' ? ": " : "", detail == nullptr ? "" : detail);
  if (status == NATS_NOT_FOUND) return Status::NotFound(words, "it may have been there too long");
  if (status == NATS_INVALID_ARG) return Status::InvalidArgument(words);
  return {Code::kBusy, words, "the NATS server or its JetStream did not answer; try again"};
}

// The bucket's handle, as of now.
struct Bucket {
  Context context;
  Store store;
};

Result<Bucket> Open(natsConnection* nats, const std::string& name) {
  Bucket bucket;
  jsCtx* context = nullptr;
  natsStatus status = natsConnection_JetStream(&context, nats, nullptr);
  bucket.context.reset(context);
  objStore* store = nullptr;
  if (status == NATS_OK) status = js_ObjectStore(&store, context, name.c_str());
  bucket.store.reset(store);
  if (status != NATS_OK) return Failed(status, fmt::format("bucket '{}'", Excerpt(name)));
  return bucket;
}

// As a digest is written: "SHA-256=" and base64 of RFC 4648, section 5, from 64 hex digits.
std::string DigestText(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  std::string text = Base64Encode(AsBytes(bytes));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return "SHA-256=" + text;
}

bool IsSha256(std::string_view name) {
  return name.size() == 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

bool IsThereForLong(const Bucket& bucket, const std::string& name, std::chrono::milliseconds keep) {
  objStoreInfo* raw = nullptr;
  const natsStatus status = objStore_GetInfo(&raw, bucket.store.get(), name.c_str(), nullptr);
  const Info info(raw);
  if (status != NATS_OK || info->Deleted || info->Digest != DigestText(name)) return false;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return now - std::chrono::nanoseconds(info->ModTime) < keep / 2;
}

natsStatus Write(natsConnection* nats, const Bucket& bucket, const std::string& name, Bytes bytes) {
  const int64_t most = natsConnection_GetMaxPayload(nats) - kRoom;
  objStoreMeta meta{};
  meta.Name = name.c_str();
  meta.Opts.ChunkSize = static_cast<uint32_t>(std::clamp<int64_t>(most, kRoom, kLargestChunk));
  objStorePut* put = nullptr;
  natsStatus status = objStore_Put(&put, bucket.store.get(), &meta);
  if (status != NATS_OK) return status;
  // In parts, since a length is an int there.
  constexpr size_t kPart = size_t{256} * 1024 * 1024;
  for (size_t done = 0; status == NATS_OK && done < bytes.size(); done += kPart) {
    const size_t part = std::min(kPart, bytes.size() - done);
    status = objStorePut_Add(put, bytes.data() + done, static_cast<int>(part));
  }
  // Undoes what was done, after an error.
  const natsStatus completed = objStorePut_Complete(nullptr, put, kPatienceMs);
  return status == NATS_OK ? completed : status;
}

Status Read(objStoreGet* reader, Buffer* out) {
  size_t filled = 0;
  bool done = false;
  while (!done) {
    void* data = nullptr;
    int length = 0;
    const natsStatus status = objStoreGet_Read(&done, &data, &length, reader, kPatienceMs);
    const std::unique_ptr<void, Destroy<free>> owner(data);
    if (status != NATS_OK) return Failed(status, "reading");
    const auto size = static_cast<size_t>(length);
    if (size > out->size() - filled) {
      return Status::InvalidArgument("the object has more bytes than it says");
    }
    if (size > 0) std::memcpy(out->data() + filled, data, size);
    filled += size;
  }
  if (filled != out->size()) {
    return Status::InvalidArgument("the object has fewer bytes than it says");
  }
  return Status::Ok();
}

}  // namespace

Result<ObjectUrl> ObjectUrl::Parse(std::string_view text) {
  const Status wrong = Status::InvalidArgument(fmt::format("'{}' names no object", Excerpt(text)),
                                               "write nats-object://bucket/name");
  if (!text.starts_with(kScheme)) return wrong;
  const std::string_view rest = text.substr(kScheme.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size()) return wrong;
  ObjectUrl url{std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
  // ADR-20's names of buckets; they become part of a subject.
  const bool plain = std::all_of(url.bucket.begin(), url.bucket.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  if (!plain) return wrong;
  return url;
}

std::string ObjectUrl::Text() const { return fmt::format("{}{}/{}", kScheme, bucket, name); }

Result<ObjectUrl> PutObject(natsConnection* nats, const std::string& bucket, Bytes bytes,
                            std::chrono::milliseconds keep) {
  auto opened = Open(nats, bucket);
  if (!opened.ok()) return opened.status();
  const std::string name = Sha256Of(bytes);
  if (!IsThereForLong(*opened, name, keep)) {
    const natsStatus status = Write(nats, *opened, name, bytes);
    if (status != NATS_OK) return Failed(status, "storing " + FormatSize(bytes.size()));
  }
  return ObjectUrl{bucket, name};
}

Status ReplaceObject(natsConnection* nats, const ObjectUrl& url, Bytes bytes) {
  auto opened = Open(nats, url.bucket);
  if (!opened.ok()) return opened.status();
  const natsStatus status = Write(nats, *opened, url.name, bytes);
  return status == NATS_OK ? Status::Ok() : Failed(status, "storing " + FormatSize(bytes.size()));
}

Status RemoveObject(natsConnection* nats, const ObjectUrl& url) {
  auto opened = Open(nats, url.bucket);
  if (!opened.ok()) return opened.status();
  const natsStatus status = objStore_Delete(opened->store.get(), url.name.c_str());
  return status == NATS_OK ? Status::Ok() : Failed(status, "removing " + Excerpt(url.Text()));
}

Result<Buffer> GetObject(natsConnection* nats, const ObjectUrl& url, uint64_t most) {
  auto opened = Open(nats, url.bucket);
  if (!opened.ok()) return opened.status();
  objStoreGet* raw = nullptr;
  natsStatus status = objStore_Get(&raw, opened->store.get(), url.name.c_str(), nullptr);
  const Reader reader(raw);
  const objStoreInfo* info = nullptr;
  if (status == NATS_OK) status = objStoreGet_Info(&info, raw);
  if (status != NATS_OK) return Failed(status, Excerpt(url.Text()));
  if (info->Size > most) {
    return Status(Code::kTooLarge,
                  fmt::format("the object has {} bytes, more than the limit of {}", info->Size,
                              FormatSize(most)),
                  "send less, or raise limits.input_bytes");
  }
  if (IsSha256(url.name) && info->Digest != DigestText(url.name)) {
    return Status::InvalidArgument(
        fmt::format("the object {} holds something else than its name says", url.Text()));
  }
  Buffer bytes = Buffer::Allocate(info->Size);
  if (Status read = Read(raw, &bytes); !read.ok()) return read;
  return bytes;
}

}  // namespace darkroom
