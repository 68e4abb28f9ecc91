// SPDX-License-Identifier: Apache-2.0
//
// ObjectStore is a bucket of the server's objects (ADR-20), which hold what is too large for a
// message. Each is named by the SHA-256 of its bytes, so that the same bytes are sent once.
//
// One thread; the client's. Its calls wait for the server.

#ifndef DARKROOM_CLI_OBJECT_STORE_H_
#define DARKROOM_CLI_OBJECT_STORE_H_

#include <memory>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "cli/jet_stream.h"

typedef struct __objStore objStore;

namespace darkroom {

class ObjectStore {
 public:
  // The daemon makes the bucket, where it runs durable jobs.
  static Outcome<std::unique_ptr<ObjectStore>> Open(JetStream* streams, const std::string& bucket);
  ~ObjectStore();
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;

  // Keeps the bytes, and returns the object's name.
  Outcome<std::string> Put(std::string_view bytes);
  Outcome<std::string> Get(const std::string& name);

 private:
  ObjectStore(JetStream* streams, std::string bucket)
      : streams_(*streams), bucket_(std::move(bucket)) {}

  JetStream& streams_;
  const std::string bucket_;
  objStore* handle_ = nullptr;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_OBJECT_STORE_H_
