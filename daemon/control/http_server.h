// SPDX-License-Identifier: Apache-2.0
//
// HttpServer gives a few pages to whoever watches the daemon: a scraper, a load balancer, a person
// with curl. It reads GET and HEAD and nothing else, has no files, and holds its connections to
// limits, so that it costs the daemon little whatever comes in.
//
// On the io_context's thread. Pages are made there, too, and should be made quickly.

#ifndef DARKROOM_CONTROL_HTTP_SERVER_H_
#define DARKROOM_CONTROL_HTTP_SERVER_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <string>

#include "core/log.h"
#include "core/status.h"

namespace darkroom {

struct HttpPage {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  using Pages = std::map<std::string, std::function<HttpPage()>>;

  // A connection that says nothing for so long is closed, and so is one too many.
  static constexpr std::chrono::seconds kPatience{10};
  static constexpr size_t kMostConnections = 64;
  static constexpr size_t kMostHeaderBytes = 8192;

  // `pages`: path -> what makes the page.
  HttpServer(boost::asio::io_context& io, Pages pages);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `address`: "127.0.0.1:9470", "[::1]:9470"; port 0 is one that is free. Fails with words that
  // name the address.
  Status Listen(const std::string& address);
  uint16_t port() const { return port_; }

 private:
  boost::asio::awaitable<void> Accept();
  boost::asio::awaitable<void> Serve(boost::asio::ip::tcp::socket socket);

  boost::asio::io_context& io_;
  const Pages pages_;
  boost::asio::ip::tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  size_t connections_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_HTTP_SERVER_H_
