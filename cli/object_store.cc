// SPDX-License-Identifier: Apache-2.0

#include "cli/object_store.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include "core/digest.h"
#include "core/units.h"

namespace darkroom {
namespace {

// For all of an object, over a slow line.
constexpr int64_t kTransferMs = 300'000;

struct FreeInfo {
  void operator()(objStoreInfo* info) const { objStoreInfo_Destroy(info); }
};
struct FreePut {
  void operator()(objStorePut* put) const { objStorePut_Destroy(put); }
};
struct FreeGet {
  void operator()(objStoreGet* get) const { objStoreGet_Destroy(get); }
};

}  // namespace

Outcome<std::unique_ptr<ObjectStore>> ObjectStore::Open(JetStream* streams,
                                                        const std::string& bucket) {
  std::unique_ptr<ObjectStore> store(new ObjectStore(streams, bucket));
  const natsStatus s = js_ObjectStore(&store->handle_, streams->context(), bucket.c_str());
  if (s == NATS_NOT_FOUND) {
    return Failure::Local(Status::FailedPrecondition(
        fmt::format("the server keeps no large messages: there is no bucket {}", bucket),
        "are durable jobs enabled? jobs: {enabled: true} in the daemon's configuration"));
  }
  if (s != NATS_OK) return streams->Explain("open the bucket of objects " + bucket, s, 0);
  return store;
}

ObjectStore::~ObjectStore() { objStore_Destroy(handle_); }

Outcome<std::string> ObjectStore::Put(std::string_view bytes) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return Failure::Local({Code::kTooLarge,
                           fmt::format("{} are too much for one object", FormatSize(bytes.size())),
                           "send a smaller input"});
  }
  const std::string name = Sha256Of(AsBytes(bytes));
  objStoreInfo* raw_info = nullptr;
  const natsStatus there = objStore_GetInfo(&raw_info, handle_, name.c_str(), nullptr);
  const std::unique_ptr<objStoreInfo, FreeInfo> info(raw_info);
  if (there == NATS_OK && info->Size == bytes.size()) return name;

  objStoreMeta meta;
  objStoreMeta_Init(&meta);
  meta.Name = name.c_str();
  objStorePut* raw_put = nullptr;
  natsStatus s = objStore_Put(&raw_put, handle_, &meta);
  const std::unique_ptr<objStorePut, FreePut> put(raw_put);
  if (s == NATS_OK) s = objStorePut_Add(raw_put, bytes.data(), static_cast<int>(bytes.size()));
  if (s == NATS_OK) s = objStorePut_Complete(nullptr, raw_put, kTransferMs);
  if (s != NATS_OK) {
    return streams_.Explain(
        fmt::format("put {} into the bucket {}", FormatSize(bytes.size()), bucket_), s, 0);
  }
  return name;
}

Outcome<std::string> ObjectStore::Get(const std::string& name) {
  objStoreGet* raw = nullptr;
  natsStatus s = objStore_Get(&raw, handle_, name.c_str(), nullptr);
  const std::unique_ptr<objStoreGet, FreeGet> get(raw);
  if (s == NATS_NOT_FOUND) {
    return Failure::Local(
        Status::NotFound(fmt::format("the object {} is not in the bucket {}", name, bucket_),
                         "objects are kept for jobs.keep of the daemon's configuration"));
  }
  void* data = nullptr;
  int size = 0;
  if (s == NATS_OK) s = objStoreGet_ReadAll(&data, &size, raw, kTransferMs);
  if (s != NATS_OK) {
    return streams_.Explain(fmt::format("get the object {} of {}", name, bucket_), s, 0);
  }
  std::string bytes(static_cast<const char*>(data), static_cast<size_t>(size));
  std::free(data);
  return bytes;
}

}  // namespace darkroom
