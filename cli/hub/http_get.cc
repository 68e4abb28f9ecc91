// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/http_get.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <type_traits>

namespace darkroom {
namespace {

constexpr size_t kMostOfAnError = 4096;
constexpr long kConnectSeconds = 20;
// A connection over which so little comes for so long is as good as cut.
constexpr long kSlowBytes = 100;
constexpr long kSlowSeconds = 30;

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

// What of libcurl is used. It is opened when it is first needed: linked, it and the forty libraries
// that it wants would be loaded by every command, and packed with all of them.
struct HttpGet::Curl {
  static constexpr const char* kName = "libcurl.so.4";

  decltype(&curl_easy_init) init = nullptr;
  CURLcode (*setopt)(CURL*, CURLoption, ...) = nullptr;
  CURLcode (*getinfo)(CURL*, CURLINFO, ...) = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_reset) reset = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  const char* (*strerror)(CURLcode) = nullptr;

  // The library stays open for as long as the process lives: it has threads and handlers of
  // others'. Null: it is not there.
  static const Curl* Open() {
    static const std::optional<Curl> curl = Load();
    return curl ? &*curl : nullptr;
  }

 private:
  static std::optional<Curl> Load() {
    void* const library = dlopen(kName, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return std::nullopt;
    Curl curl;
    decltype(&curl_global_init) start = nullptr;
    bool whole = true;
    const auto find = [&](const char* name, auto* function) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
      whole = whole && *function != nullptr;
    };
    find("curl_global_init", &start);
    find("curl_easy_init", &curl.init);
    find("curl_easy_setopt", &curl.setopt);
    find("curl_easy_getinfo", &curl.getinfo);
    find("curl_easy_perform", &curl.perform);
    find("curl_easy_reset", &curl.reset);
    find("curl_easy_cleanup", &curl.cleanup);
    find("curl_easy_strerror", &curl.strerror);
    if (!whole || start(CURL_GLOBAL_DEFAULT) != CURLE_OK) return std::nullopt;
    return curl;
  }
};

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
    library->getinfo(static_cast<CURL*>(curl), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return *static_cast<Call*>(self)->stop ? 1 : 0;
  }

  const Curl* library = nullptr;
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
    : library_(Curl::Open()),
      curl_(library_ == nullptr ? nullptr : library_->init()),
      token_(std::move(token)),
      stop_(stop) {}

HttpGet::~HttpGet() {
  if (curl_ != nullptr) library_->cleanup(static_cast<CURL*>(curl_));
}

HttpReply HttpGet::Perform(const std::string& url, uint64_t offset, Call* call) {
  auto* const curl = static_cast<CURL*>(curl_);
  if (curl == nullptr) {
    HttpReply none;
    none.error = fmt::format("{} cannot be opened: install the package libcurl4", Curl::kName);
    return none;
  }
  library_->reset(curl);  // connections stay
  call->library = library_;
  call->curl = curl;
  call->stop = stop_;
  std::string words(CURL_ERROR_SIZE, '\0');
  library_->setopt(curl, CURLOPT_URL, url.c_str());
  library_->setopt(curl, CURLOPT_ERRORBUFFER, words.data());
  library_->setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  library_->setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   url.starts_with("https") ? "https" : "http,https");
  library_->setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  library_->setopt(curl, CURLOPT_MAXREDIRS, 5L);
  library_->setopt(curl, CURLOPT_NOSIGNAL, 1L);
  library_->setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  library_->setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowBytes);
  library_->setopt(curl, CURLOPT_LOW_SPEED_TIME, kSlowSeconds);
  library_->setopt(curl, CURLOPT_USERAGENT, "darkroom");
  if (!token_.empty()) {
    library_->setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    library_->setopt(curl, CURLOPT_XOAUTH2_BEARER, token_.c_str());
  }
  if (offset > 0) {
    // Not as libcurl resumes: a server that sends the whole file after all is welcome.
    library_->setopt(curl, CURLOPT_RANGE, fmt::format("{}-", offset).c_str());
  }
  library_->setopt(curl, CURLOPT_HEADERFUNCTION, &Call::OnHeader);
  library_->setopt(curl, CURLOPT_HEADERDATA, call);
  library_->setopt(curl, CURLOPT_WRITEFUNCTION, &Call::OnBody);
  library_->setopt(curl, CURLOPT_WRITEDATA, call);
  library_->setopt(curl, CURLOPT_NOPROGRESS, 0L);
  library_->setopt(curl, CURLOPT_XFERINFOFUNCTION, &Call::OnProgress);
  library_->setopt(curl, CURLOPT_XFERINFODATA, call);
  const CURLcode code = library_->perform(curl);
  HttpReply reply = std::move(call->reply);
  library_->getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  if (code != CURLE_OK && reply.error.empty()) {
    words.resize(words.find('\0'));
    reply.error = words.empty() ? library_->strerror(code) : words;
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
