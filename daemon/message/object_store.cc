// SPDX-License-Identifier: Apache-2.0

#include "message/object_store.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "message/references.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;

}  // namespace

ObjectStore::~ObjectStore() { threads_.join(); }

Status ObjectStore::Open(const ServerLink& link) {
  auto connection = Connection::Open(link, "objects", this);
  if (!connection.ok()) return connection.status();
  connection_ = std::move(*connection);
  return Status::Ok();
}

bool ObjectStore::HasReferences(const Message& message) {
  return message.Header(kObjectHeader).has_value() || MayHaveReferences(message);
}

awaitable<Status> ObjectStore::Attach(Message* message, uint64_t most) {
  const auto fetch = [&]() -> awaitable<std::optional<Status>> {
    co_return FetchReferences(connection_->nats(), most, message);
  };
  auto status = co_await boost::asio::co_spawn(threads_, fetch(), boost::asio::use_awaitable);
  co_return *std::move(status);
}

awaitable<Result<ObjectUrl>> ObjectStore::Put(Make make) {
  const auto store = [&]() -> awaitable<std::optional<Result<ObjectUrl>>> {
    co_return PutObject(connection_->nats(), bucket_, make(), keep_);
  };
  auto url = co_await boost::asio::co_spawn(threads_, store(), boost::asio::use_awaitable);
  co_return *std::move(url);
}

}  // namespace darkroom
