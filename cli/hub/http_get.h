// SPDX-License-Identifier: Apache-2.0
//
// HTTP(S) for downloads, by libcurl: small answers as text, large ones into a file. Redirects are
// followed, and whom they lead to is not told the token. What may be better the next time (no
// connection, 429, 5xx, an answer that was cut) is told apart from what will not be.
//
// An HttpGet is used by one thread; several may exist at once.

#ifndef DARKROOM_CLI_HUB_HTTP_GET_H_
#define DARKROOM_CLI_HUB_HTTP_GET_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/buffer.h"

namespace darkroom {

struct HttpReply {
  long status = 0;                             // 0: there was none
  std::string error;                           // why there is none, or why it is not whole
  std::map<std::string, std::string> headers;  // of the last answer; names in lower case
  std::string body;                            // of Text, and of errors

  bool ok() const { return error.empty() && status >= 200 && status < 300; }
  // Trying again may help.
  bool passes() const { return !error.empty() || status == 408 || status == 429 || status >= 500; }
  std::optional<std::chrono::seconds> retry_after() const;
};

class HttpGet {
 public:
  // `token` is sent to the host of each URL that is asked for, unless it is empty. Requests end
  // early once `*stop` is true.
  HttpGet(std::string token, const std::atomic<bool>* stop);
  ~HttpGet();
  HttpGet(const HttpGet&) = delete;
  HttpGet& operator=(const HttpGet&) = delete;

  // At most `most` bytes; more are an error.
  HttpReply Text(const std::string& url, size_t most);

  // The bytes from `offset` on go to `sink`, once the answer's status is known to be good:
  // `begin(first)` says which byte of the file is the first of them (0 when the server does not do
  // parts). Either may return false to end the request.
  using Begin = std::function<bool(uint64_t first)>;
  using Sink = std::function<bool(Bytes)>;
  HttpReply File(const std::string& url, uint64_t offset, const Begin& begin, const Sink& sink);

 private:
  struct Curl;
  struct Call;
  HttpReply Perform(const std::string& url, uint64_t offset, Call* call);

  const Curl* const library_;  // null: it is not installed
  void* const curl_;           // CURL*
  const std::string token_;
  const std::atomic<bool>* const stop_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_HUB_HTTP_GET_H_
