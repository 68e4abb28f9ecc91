// SPDX-License-Identifier: Apache-2.0

#include "control/trace_post.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>

#include "core/coroutine.h"
#include "core/version.h"

namespace darkroom {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

// An answer is a few words; more of it is not read.
constexpr size_t kMostAnswer = size_t{64} * 1024;
constexpr size_t kMostHeaderFile = size_t{16} * 1024;

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool IsName(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || kMarks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool IsValue(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); });
}

Result<HttpHeaders> ReadHeaders(const std::string& path) {
  if (path.empty()) return HttpHeaders{};
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostHeaderFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (!file.is_open() || file.bad()) {
    return Status::FailedPrecondition(
        fmt::format("tracing.headers_file '{}' cannot be read", path));
  }
  if (text.size() > kMostHeaderFile) {
    return Status::InvalidArgument(
        fmt::format("tracing.headers_file '{}' has more than {} bytes", path, kMostHeaderFile));
  }
  auto headers = ParseHeaders(text);
  if (!headers.ok()) return headers.status().Annotated("tracing.headers_file '" + path + "'");
  return headers;
}

http::request<http::string_body> MakeRequest(const TracingConfig& to, const std::string& body,
                                             const HttpHeaders& headers) {
  http::request<http::string_body> request(http::verb::post, to.path, 11);
  const bool is_v6 = to.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + to.host + "]" : to.host;
  request.set(http::field::host, to.port == "80" ? host : host + ":" + to.port);
  request.set(http::field::user_agent, fmt::format("darkroomd/{}", kVersion));
  request.set(http::field::content_type, "application/json");
  request.keep_alive(false);
  for (const auto& [name, value] : headers) request.set(name, value);
  request.body() = body;
  request.prepare_payload();
  return request;
}

// Seconds; a date, which the standard allows, too, counts as nothing said.
std::optional<std::chrono::seconds> WaitOf(std::string_view text) {
  uint32_t seconds = 0;
  text = Trim(text);
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || rest != text.data() + text.size()) return {};
  return std::chrono::seconds(seconds);
}

asio::awaitable<void> Exchange(const TracingConfig& to,
                               const http::request<http::string_body>& request,
                               std::chrono::milliseconds time, PostAnswer* answer) {
  constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto [unknown, places] = co_await resolver.async_resolve(to.host, to.port, kTuple);
  if (unknown) {
    answer->error = unknown.message();
    co_return;
  }
  boost::beast::tcp_stream stream(executor);
  stream.expires_after(time);
  const auto [refused, place] = co_await stream.async_connect(places, kTuple);
  if (refused) {
    answer->error = refused.message();
    co_return;
  }
  const auto [unsent, sent] = co_await http::async_write(stream, request, kTuple);
  boost::beast::flat_buffer buffer(kMostAnswer);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostAnswer);
  // Even if not all could be written: who refuses something early says so, and closes.
  const auto [unread, read] = co_await http::async_read(stream, buffer, parser, kTuple);
  if (unread) {
    answer->error = unsent ? unsent.message() : unread.message();
    co_return;
  }
  const auto& response = parser.get();
  answer->status = response.result_int();
  answer->body = response.body();
  const auto wait = response[http::field::retry_after];
  answer->wait = WaitOf({wait.data(), wait.size()});
}

}  // namespace

Result<HttpHeaders> ParseHeaders(std::string_view text) {
  HttpHeaders headers;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = colon == line.size() ? line : Trim(line.substr(colon + 1));
    if (colon == line.size() || !IsName(name) || !IsValue(value)) {
      return Status::InvalidArgument(fmt::format("line {} is no header", number),
                                     "write it as Name: value");
    }
    headers.emplace_back(name, value);
  }
  return headers;
}

PostAnswer PostSpans(const TracingConfig& to, const std::string& body,
                     std::chrono::milliseconds time) {
  PostAnswer answer;
  const auto headers = ReadHeaders(to.headers_file);
  if (!headers.ok()) {
    answer.error = headers.status().ToString();
    return answer;
  }
  const auto request = MakeRequest(to, body, *headers);
  asio::io_context io{1};
  StartCoroutine(io, Exchange(to, request, time, &answer));
  io.run_for(time);
  if (answer.status == 0 && answer.error.empty()) {
    answer.error = fmt::format("no answer within {} ms", time.count());
  }
  return answer;
}

}  // namespace darkroom
