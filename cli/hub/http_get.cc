// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/http_get.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <mutex>

namespace darkroom {
namespace {

constexpr size_t kMostOfAnError = 4096;
constexpr long kConnectSeconds = 20;
// A connection over which so little comes for so long is as good as cut.
constexpr long kSlowBytes = 100;
constexpr long kSlowSeconds = 30;

void StartCurl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

}  // namespace

struct HttpGet::Call {
  HttpReply reply;
  size_t most = kMostOfAnError;
  uint64_t offset = 0;
  const Begin* begin = nullptr;  // null: the body is kept as text
  const Sink* sink = nullptr;
  bool begun = false;
  const std::atomic<bool>* stop = nullptr;

  static size_t OnHeader(const char* data, size_t, size_t size, void* self) {
    Call& call = *static_cast<Call*>(self);
    const std::string_view line(data, size);
    if (line.starts_with("HTTP/")) {
      call.reply.headers.clear();  // of the answer that led here
    } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      call.reply.headers[Lower(line.substr(0, colon))] = Trimmed(line.substr(colon + 1));
    }
    return size;
  }

  static size_t OnBody(const char* data, size_t, size_t size, void* self) {
    Call& call = *static_cast<Call*>(self);
    return call.Take({data, size}) ? size : 0;
  }

  bool Take(std::string_view data) {
    const bool good = status() >= 200 && status() < 300;
    if (begin == nullptr || !good) {
      const size_t room = (begin == nullptr && good ? most : kMostOfAnError) - reply.body.size();
      reply.body += data.substr(0, room);
      if (data.size() <= room || !good) return true;
      reply.error = fmt::format("the answer is larger than {} bytes", most);
      return false;
    }
    if (!begun) {
      begun = true;
      if (!(*begin)(status() == 206 ? offset : 0)) return false;
    }
    return (*sink)(AsBytes(data));
  }

  long status() const {
    long code = 0;
    curl_easy_getinfo(static_cast<CURL*>(curl), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return *static_cast<Call*>(self)->stop ? 1 : 0;
  }

  void* curl = nullptr;
};

std::optional<std::chrono::seconds> HttpReply::retry_after() const {
  const auto found = headers.find("retry-after");
  if (found == headers.end()) return std::nullopt;
  int seconds = 0;
  const char* end = found->second.data() + found->second.size();
  if (std::from_chars(found->second.data(), end, seconds).ptr != end || seconds < 0)
    return std::nullopt;
  return std::chrono::seconds(seconds);
}

HttpGet::HttpGet(std::string token, const std::atomic<bool>* stop)
    : curl_((StartCurl(), curl_easy_init())), token_(std::move(token)), stop_(stop) {}

HttpGet::~HttpGet() { curl_easy_cleanup(static_cast<CURL*>(curl_)); }

HttpReply HttpGet::Perform(const std::string& url, uint64_t offset, Call* call) {
  auto* const curl = static_cast<CURL*>(curl_);
  curl_easy_reset(curl);  // connections stay
  call->curl = curl;
  call->stop = stop_;
  std::string words(CURL_ERROR_SIZE, '\0');
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words.data());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   url.starts_with("https") ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowBytes);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kSlowSeconds);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "darkroom");
  if (!token_.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token_.c_str());
  }
  if (offset > 0) {
    // Not as libcurl resumes: a server that sends the whole file after all is welcome.
    curl_easy_setopt(curl, CURLOPT_RANGE, fmt::format("{}-", offset).c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Call::OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Call::OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Call::OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
  const CURLcode code = curl_easy_perform(curl);
  HttpReply reply = std::move(call->reply);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  if (code != CURLE_OK && reply.error.empty()) {
    words.resize(words.find('\0'));
    reply.error = words.empty() ? curl_easy_strerror(code) : words;
  }
  return reply;
}

HttpReply HttpGet::Text(const std::string& url, size_t most) {
  Call call;
  call.most = most;
  return Perform(url, 0, &call);
}

HttpReply HttpGet::File(const std::string& url, uint64_t offset, const Begin& begin,
                        const Sink& sink) {
  Call call;
  call.offset = offset;
  call.begin = &begin;
  call.sink = &sink;
  return Perform(url, offset, &call);
}

}  // namespace darkroom
