// SPDX-License-Identifier: Apache-2.0
//
// The hub's HTTP API:
//   GET /api/models/REPOSITORY/revision/REVISION          -> {"sha"}
//   GET /api/models/REPOSITORY/tree/COMMIT?recursive=true -> [{"type", "path", "size", "oid",
//   "lfs"}],
//       further pages by the header Link
//   GET /REPOSITORY/resolve/COMMIT/PATH                   -> the file, by way of redirects

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/hub/http_get.h"
#include "cli/hub/hub_source.h"

namespace darkroom {
namespace {

constexpr size_t kMostOfAPage = size_t{32} << 20;
constexpr int kMostPages = 100;
constexpr std::chrono::seconds kLongestWait{60};

// As RFC 3986 asks for within a path; slashes stay.
std::string Escaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || c == '/';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// <https://...>; rel="next"
std::string NextPage(const HttpReply& reply) {
  const auto link = reply.headers.find("link");
  if (link == reply.headers.end() || link->second.find("rel=\"next\"") == std::string::npos)
    return {};
  const size_t start = link->second.find('<');
  const size_t end = link->second.find('>', start);
  return start == std::string::npos || end == std::string::npos
             ? ""
             : link->second.substr(start + 1, end - start - 1);
}

std::string Words(const HttpReply& reply) {
  if (reply.status == 0) return reply.error;
  std::string words = fmt::format("HTTP {}", reply.status);
  if (const auto said = reply.headers.find("x-error-message"); said != reply.headers.end()) {
    words += ": " + said->second;
  } else if (!reply.error.empty()) {
    words += ": " + reply.error;
  }
  return words;
}

Failure FailureOf(const std::string& what, const HttpReply& reply, bool has_token) {
  const std::string message = fmt::format("{}: {}", what, Words(reply));
  if (reply.status == 401 || reply.status == 403) {
    return Failure::Remote(
        {Code::kUnauthorized, message,
         has_token ? "is its name right? Else accept its conditions on its page, with the account "
                     "that the token in HF_TOKEN belongs to"
                   : "is its name right? If it is not public, put a token into HF_TOKEN"});
  }
  if (reply.status == 404) {
    return Failure::Remote(Status::NotFound(message, "check name and --revision"));
  }
  return Failure::Unreachable(
      message, "what has been loaded stays: run this again. HF_ENDPOINT names another hub");
}

// A file that is appended to. What was there is kept.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& path)
      : descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
    if (descriptor_ < 0) error_ = errno;
    struct stat info {};
    if (descriptor_ >= 0 && fstat(descriptor_, &info) == 0)
      size_ = static_cast<uint64_t>(info.st_size);
  }
  ~PartFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  bool Cut(uint64_t size) {
    if (size > size_ || ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return Fail();
    size_ = size;
    return true;
  }
  bool Append(Bytes bytes) {
    while (!bytes.empty()) {
      const ssize_t wrote =
          pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return Fail();
      size_ += static_cast<uint64_t>(wrote);
      bytes = bytes.subspan(static_cast<size_t>(wrote));
    }
    return true;
  }
  uint64_t size() const { return size_; }
  int error() const { return error_; }  // an errno; 0: none

 private:
  bool Fail() {
    error_ = errno == 0 ? EIO : errno;
    return false;
  }

  const int descriptor_;
  uint64_t size_ = 0;
  int error_ = 0;
};

Failure CannotWrite(const std::filesystem::path& path, int error) {
  return Failure::Local(Status::FailedPrecondition(
      fmt::format("cannot write '{}': {}", path.string(), strerror(error)),
      error == ENOSPC ? "make room, and run this again: it goes on" : ""));
}

class HttpHub : public HubSource {
 public:
  HttpHub(HubOptions options, const std::atomic<bool>* stop)
      : options_(std::move(options)), stop_(stop) {}

  Outcome<HubModel> List(const std::string& repository, const std::string& revision) override {
    HttpGet http(options_.token, stop_);
    const std::string base = options_.endpoint + "/api/models/" + repository;
    const HttpReply about = Ask(&http, base + "/revision/" + Escaped(revision));
    if (*stop_) return Failure::Interrupted("interrupted");
    if (!about.ok()) return FailureOf(repository, about, !options_.token.empty());
    const auto json = nlohmann::json::parse(about.body, nullptr, false);
    HubModel model;
    model.repository = repository;
    if (json.is_object()) model.commit = json.value("sha", "");
    if (model.commit.empty()) return Nonsense(repository);
    std::string url = base + "/tree/" + Escaped(model.commit) + "?recursive=true";
    for (int page = 0; !url.empty() && page < kMostPages; ++page) {
      const HttpReply reply = Ask(&http, url);
      if (*stop_) return Failure::Interrupted("interrupted");
      if (!reply.ok()) return FailureOf(repository, reply, !options_.token.empty());
      if (!AddFiles(reply.body, &model)) return Nonsense(repository);
      url = NextPage(reply);
      // The token goes with it.
      if (!url.empty() && !url.starts_with(options_.endpoint + "/")) return Nonsense(repository);
    }
    return model;
  }

  std::optional<Failure> Fetch(const HubModel& model, const HubFile& file,
                               const std::filesystem::path& to, const OnBytes& on_bytes) override {
    PartFile part(to);
    if (part.error() != 0) return CannotWrite(to, part.error());
    if (part.size() > file.size && !part.Cut(0)) return CannotWrite(to, part.error());
    HttpGet http(options_.token, stop_);
    const std::string url = fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, model.repository,
                                        Escaped(model.commit), Escaped(file.path));
    for (int tries = 0; part.size() < file.size || file.size == 0;) {
      const uint64_t before = part.size();
      on_bytes(before);
      const HttpReply reply = http.File(
          url, before, [&](uint64_t first) { return part.Cut(first); },
          [&](Bytes bytes) {
            if (part.size() + bytes.size() > file.size || !part.Append(bytes)) return false;
            on_bytes(part.size());
            return true;
          });
      if (*stop_) return Failure::Interrupted("interrupted");
      if (part.error() != 0) return CannotWrite(to, part.error());
      if (reply.ok() && part.size() == file.size) break;
      if (reply.status == 416 && !part.Cut(0)) return CannotWrite(to, part.error());
      const bool again = reply.passes() || reply.status == 416 || reply.ok();
      tries = part.size() > before
                  ? 0
                  : tries + 1;  // while it gets on, it may be cut any number of times
      if (!again || tries >= options_.tries) {
        return FailureOf(fmt::format("{} of {}", file.path, model.repository), reply,
                         !options_.token.empty());
      }
      Wait(std::max(tries, 1), reply);
    }
    on_bytes(part.size());
    return std::nullopt;
  }

  std::string name() const override { return options_.endpoint; }

 private:
  // Once more for what passes.
  HttpReply Ask(HttpGet* http, const std::string& url) {
    for (int tries = 1;; ++tries) {
      HttpReply reply = http->Text(url, kMostOfAPage);
      if (reply.ok() || !reply.passes() || tries == options_.tries || *stop_) return reply;
      Wait(tries, reply);
    }
  }

  void Wait(int tries, const HttpReply& reply) const {
    std::chrono::milliseconds wait = options_.first_wait * (1 << (tries - 1));
    if (const auto asked = reply.retry_after()) wait = *asked;
    wait = std::min<std::chrono::milliseconds>(wait, kLongestWait);
    constexpr std::chrono::milliseconds kLook{50};
    for (std::chrono::milliseconds slept{0}; slept < wait && !*stop_; slept += kLook)
      std::this_thread::sleep_for(kLook);
  }

  static bool AddFiles(const std::string& page, HubModel* model) {
    const auto json = nlohmann::json::parse(page, nullptr, false);
    if (!json.is_array()) return false;
    try {
      for (const auto& entry : json) {
        if (entry.at("type") != "file") continue;
        HubFile file;
        entry.at("path").get_to(file.path);
        entry.at("size").get_to(file.size);
        file.git_id = entry.value("oid", "");
        if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
          lfs->at("oid").get_to(file.sha256);
          lfs->at("size").get_to(file.size);
        }
        if (!IsSafePath(file.path)) return false;
        model->files.push_back(std::move(file));
      }
    } catch (const nlohmann::json::exception&) {
      return false;
    }
    return true;
  }

  Failure Nonsense(const std::string& repository) const {
    return Failure::Remote(Status::Internal(
        fmt::format("{}: the answer of {} is none of a model hub", repository, options_.endpoint),
        "does HF_ENDPOINT name one?"));
  }

  const HubOptions options_;
  const std::atomic<bool>* const stop_;
};

}  // namespace

std::unique_ptr<HubSource> MakeHttpHub(HubOptions options, const std::atomic<bool>* stop) {
  return std::make_unique<HttpHub>(std::move(options), stop);
}

}  // namespace darkroom
