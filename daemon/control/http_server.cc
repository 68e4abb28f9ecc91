// SPDX-License-Identifier: Apache-2.0

#include "control/http_server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <utility>
#include <vector>

#include "core/coroutine.h"
#include "core/version.h"

namespace darkroom {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;
using asio::ip::tcp;

// "127.0.0.1:9470" or "[::1]:9470".
Result<tcp::endpoint> ParseAddress(const std::string& text) {
  const Status wrong = Status::InvalidArgument(fmt::format("'{}' is no address to listen on", text),
                                               "write it as 127.0.0.1:9470, or off");
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return wrong;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string digits = text.substr(colon + 1);
  if (digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos)
    return wrong;
  const unsigned long port = std::stoul(digits);
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error || port > 65535) return wrong;
  return tcp::endpoint(address, static_cast<uint16_t>(port));
}

Response MakeResponse(const Request& request, HttpPage page) {
  Response response(static_cast<http::status>(page.status), request.version());
  response.set(http::field::server, fmt::format("darkroomd/{}", kVersion));
  response.set(http::field::content_type, page.type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(page.body);
  response.prepare_payload();
  // A HEAD's length is that of the page which a GET would give.
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

HttpPage PageFor(const HttpServer::Pages& pages, const Request& request) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    return {405, "text/plain; charset=utf-8", "only GET and HEAD are answered here\n"};
  }
  const std::string_view target(request.target().data(), request.target().size());
  const auto page = pages.find(std::string(target.substr(0, target.find('?'))));
  if (page != pages.end()) return page->second();
  std::vector<std::string_view> paths;
  for (const auto& [path, make] : pages) paths.push_back(path);
  return {404, "text/plain; charset=utf-8",
          fmt::format("there is no such page; there are {}\n", fmt::join(paths, ", "))};
}

}  // namespace

HttpServer::HttpServer(asio::io_context& io, Pages pages)
    : io_(io), pages_(std::move(pages)), acceptor_(io) {}

Status HttpServer::Listen(const std::string& address) {
  const auto endpoint = ParseAddress(address);
  if (!endpoint.ok()) return endpoint.status();
  boost::system::error_code error;
  const auto failed = [&](const char* what) {
    return Status::FailedPrecondition(
        fmt::format("cannot {} {} for metrics and health: {}", what, address, error.message()),
        "set http.listen to an address of this host with a free port, or to off");
  };
  acceptor_.open(endpoint->protocol(), error);
  if (error) return failed("open a socket for");
  acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  acceptor_.bind(*endpoint, error);
  if (error) return failed("bind");
  acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed("listen on");
  port_ = acceptor_.local_endpoint(error).port();
  StartCoroutine(io_, Accept());
  return Status::Ok();
}

asio::awaitable<void> HttpServer::Accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Out of descriptors, most likely: soon there may be some again.
      co_await Sleep(std::chrono::milliseconds(100));
      continue;
    }
    if (connections_ >= kMostConnections) continue;  // it is closed by that
    StartCoroutine(io_, Serve(std::move(socket)));
  }
}

asio::awaitable<void> HttpServer::Serve(tcp::socket socket) {
  ++connections_;
  boost::beast::tcp_stream stream(std::move(socket));
  boost::beast::flat_buffer buffer(kMostHeaderBytes);
  for (bool keeps = true; keeps;) {
    stream.expires_after(kPatience);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMostHeaderBytes);
    parser.body_limit(0);
    const auto [read_error, read] =
        co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
    if (read_error) break;
    Response response = MakeResponse(parser.get(), PageFor(pages_, parser.get()));
    keeps = response.keep_alive();
    const auto [write_error, written] =
        co_await http::async_write(stream, response, asio::as_tuple(asio::use_awaitable));
    if (write_error) break;
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  --connections_;
}

}  // namespace darkroom
