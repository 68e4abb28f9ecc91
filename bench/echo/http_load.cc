// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 with keep-alive: one connection and one coroutine per slot, all on one thread. The
// request's head is made once; the reply is parsed by Beast.

#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <thread>

#include "echo/load.h"

namespace darkroom {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

class HttpLoad : public Load {
 public:
  HttpLoad(const LoadPlan& plan, Meter* meter) : plan_(plan), meter_(meter) {
    for (std::size_t i = 0; i < plan.concurrency; ++i) slots_.emplace_back(i, plan.size);
  }
  ~HttpLoad() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Open(std::chrono::milliseconds patience) override;
  Status Start() override;
  void Finish(std::chrono::milliseconds patience) override;

 private:
  struct Exchange {
    ReplyError error = ReplyError::kNone;
    std::string detail;
  };

  Status ParseUrl();
  Status Connect(tcp::socket* socket);
  // Sends the slot's next request and reads its reply. `buffer` keeps what was read beyond it.
  asio::awaitable<Exchange> Ask(tcp::socket& socket, boost::beast::flat_buffer& buffer, Slot& slot);
  asio::awaitable<void> RunSlot(tcp::socket socket, Slot& slot);
  Status Probe();

  const LoadPlan plan_;
  Meter* const meter_;
  std::vector<Slot> slots_;
  std::string host_;
  std::string port_;
  std::string head_;
  asio::io_context io_{1};
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable slot_ended_;
  std::size_t live_ = 0;  // slots that still send; guarded by mutex_
  std::atomic<bool> stopping_{false};
};

Status HttpLoad::ParseUrl() {
  const std::string scheme = "http://";
  const std::size_t colon = plan_.url.find(':', scheme.size());
  const std::size_t slash = plan_.url.find('/', scheme.size());
  if (!plan_.url.starts_with(scheme) || colon == std::string::npos || slash == std::string::npos ||
      colon > slash) {
    return Status::InvalidArgument("'" + plan_.url + "' is not http://HOST:PORT/PATH");
  }
  host_ = plan_.url.substr(scheme.size(), colon - scheme.size());
  port_ = plan_.url.substr(colon + 1, slash - colon - 1);
  head_ = "POST " + plan_.url.substr(slash) + " HTTP/1.1\r\nHost: " + host_ + ":" + port_ +
          "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
          std::to_string(plan_.size) + "\r\n";
  for (const std::string& header : plan_.headers) head_ += header + "\r\n";
  head_ += "\r\n";
  return Status::Ok();
}

Status HttpLoad::Connect(tcp::socket* socket) {
  boost::system::error_code error;
  const auto endpoints = tcp::resolver(io_).resolve(host_, port_, error);
  if (!error) asio::connect(*socket, endpoints, error);
  if (!error) socket->set_option(tcp::no_delay(true), error);
  if (error) return Status::Internal("cannot connect to " + plan_.url + ": " + error.message());
  return Status::Ok();
}

asio::awaitable<HttpLoad::Exchange> HttpLoad::Ask(tcp::socket& socket,
                                                  boost::beast::flat_buffer& buffer, Slot& slot) {
  Exchange result;
  const std::string_view body = slot.Next();
  const std::array<asio::const_buffer, 2> request{asio::buffer(head_),
                                                  asio::buffer(body.data(), body.size())};
  auto [write_error, written] = co_await asio::async_write(socket, request, kNoThrow);
  if (write_error) {
    result.error = ReplyError::kTransport;
    result.detail = write_error.message();
    co_return result;
  }

  http::response_parser<http::vector_body<char>> parser;
  parser.body_limit(plan_.size + (1 << 20));  // room for a wrong reply, so that it is told as such
  auto [read_error, read] = co_await http::async_read(socket, buffer, parser, kNoThrow);
  const auto now = BenchClock::now();
  if (read_error) {
    result.error = ReplyError::kTransport;
    result.detail = read_error.message();
    co_return result;
  }
  const auto& reply = parser.get();
  if (reply.result() == http::status::ok) {
    std::string_view bytes(reply.body().data(), reply.body().size());
    if (plan_.reply_has_prefix && bytes.size() > plan_.size) {
      bytes.remove_prefix(bytes.size() - plan_.size);
    }
    result.error = slot.Check(bytes);
  } else {
    result.error = ReplyError::kService;
    result.detail = "HTTP status " + std::to_string(reply.result_int());
  }
  if (result.error == ReplyError::kNone) meter_->Reply(slot.sent(), now);
  co_return result;
}

asio::awaitable<void> HttpLoad::RunSlot(tcp::socket socket, Slot& slot) {
  boost::beast::flat_buffer buffer;
  while (!stopping_) {
    const Exchange exchange = co_await Ask(socket, buffer, slot);
    if (exchange.error == ReplyError::kNone) continue;
    meter_->Error(exchange.error, exchange.detail);
    if (exchange.error == ReplyError::kTransport || meter_->errors() >= kErrorLimit) break;
  }
  std::lock_guard lock(mutex_);
  if (--live_ == 0) slot_ended_.notify_all();
}

Status HttpLoad::Probe() {
  tcp::socket socket(io_);
  if (Status status = Connect(&socket); !status.ok()) return status;
  boost::beast::flat_buffer buffer;
  auto answer = asio::co_spawn(io_, Ask(socket, buffer, slots_.front()), asio::use_future);
  io_.restart();
  // Whoever accepts a connection and never answers must not hold this up: after the time the socket
  // is closed.
  io_.run_for(std::chrono::seconds(2));
  if (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    socket.close();
    io_.restart();
    io_.run();
    answer.wait();
    return Status::Internal("no answer from " + plan_.url);
  }
  const Exchange exchange = answer.get();
  if (exchange.error == ReplyError::kNone) return Status::Ok();
  return Status::Internal("a wrong answer from " + plan_.url + ": " + exchange.detail);
}

Status HttpLoad::Open(std::chrono::milliseconds patience) {
  if (Status status = ParseUrl(); !status.ok()) return status;
  const auto end = BenchClock::now() + patience;
  for (;;) {
    Status status = Probe();
    if (status.ok() || BenchClock::now() >= end) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Status HttpLoad::Start() {
  std::vector<tcp::socket> sockets;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    sockets.emplace_back(io_);
    if (Status status = Connect(&sockets.back()); !status.ok()) return status;
  }
  live_ = slots_.size();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    asio::co_spawn(io_, RunSlot(std::move(sockets[i]), slots_[i]), asio::detached);
  }
  io_.restart();
  thread_ = std::thread([this] { io_.run(); });
  return Status::Ok();
}

void HttpLoad::Finish(std::chrono::milliseconds patience) {
  stopping_ = true;
  std::unique_lock lock(mutex_);
  slot_ended_.wait_for(lock, patience, [this] { return live_ == 0; });
  for (std::size_t i = 0; i < live_; ++i) meter_->Error(ReplyError::kNoReply, plan_.url);
}

}  // namespace

std::unique_ptr<Load> MakeHttpLoad(const LoadPlan& plan, Meter* meter) {
  return std::make_unique<HttpLoad>(plan, meter);
}

}  // namespace darkroom
