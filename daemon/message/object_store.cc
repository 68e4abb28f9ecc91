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

template <typename T>
awaitable<T> ObjectStore::Call(std::function<T()> call) {
  const auto make = [&]() -> awaitable<std::optional<T>> { co_return call(); };
  auto made = co_await boost::asio::co_spawn(threads_, make(), boost::asio::use_awaitable);
  co_return *std::move(made);
}

awaitable<Status> ObjectStore::Attach(Message* message, uint64_t most) {
  const std::function<Status()> fetch = [&] {
    return FetchReferences(connection_->nats(), most, message);
  };
  co_return co_await Call(fetch);
}

awaitable<Result<ObjectUrl>> ObjectStore::Put(Make make) {
  const std::function<Result<ObjectUrl>()> store = [&] {
    return PutObject(connection_->nats(), bucket_, make(), keep_);
  };
  co_return co_await Call(store);
}

awaitable<Status> ObjectStore::Replace(ObjectUrl url, Make make) {
  const std::function<Status()> store = [&] {
    return ReplaceObject(connection_->nats(), url, make());
  };
  co_return co_await Call(store);
}

awaitable<Status> ObjectStore::Remove(ObjectUrl url) {
  const std::function<Status()> remove = [&] { return RemoveObject(connection_->nats(), url); };
  co_return co_await Call(remove);
}

awaitable<Result<Buffer>> ObjectStore::Get(ObjectUrl url, uint64_t most) {
  const std::function<Result<Buffer>()> get = [&] {
    return GetObject(connection_->nats(), url, most);
  };
  co_return co_await Call(get);
}

}  // namespace darkroom
