// SPDX-License-Identifier: Apache-2.0

#include "plugin/folder_watcher.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

using Clock = std::chrono::steady_clock;

// IN_EXCL_UNLINK: what happens to a file that lost its name is not about its name's next owner.
constexpr uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO |
                             IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                             IN_EXCL_UNLINK | IN_ONLYDIR;

bool IsPlugin(std::string_view name) { return name.ends_with(".so") && name.front() != '.'; }

Status CannotWatch(const std::string& folder, int error) {
  std::string message = fmt::format("cannot watch {}: {}", folder, std::strerror(error));
  switch (error) {
    case ENOENT:
      return Status::NotFound(std::move(message));
    case EMFILE:
    case ENFILE:
      return Status::ResourceExhausted(
          std::move(message), "raise fs.inotify.max_user_instances, or the limit on open files");
    case ENOSPC:
      return Status::ResourceExhausted(std::move(message), "raise fs.inotify.max_user_watches");
    default:
      return Status::FailedPrecondition(std::move(message));
  }
}

}  // namespace

// One start of the watcher. It is shared with the handlers that wait, so that one still in the
// io_context's line after Stop finds a stopped watch rather than a freed one.
class FolderWatcher::Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(boost::asio::io_context& io, const FolderWatcher& watcher)
      : folder_(watcher.folder_),
        callbacks_(watcher.callbacks_),
        settle_(watcher.settle_),
        inotify_(io),
        timer_(io) {}

  Status Start();
  void Stop();

 private:
  // A name that something has happened to.
  struct Pending {
    enum class News : uint8_t { kNone, kChanged, kRemoved };
    News news = News::kNone;
    bool being_written = false;
    Clock::time_point due;  // quiet for the settle time
  };

  void Read();
  void OnRead(size_t size);
  void OnEvent(uint32_t mask, const std::string& name);
  void OnOverflow();
  void AllChanged();
  void OnLost(const std::string& why);
  void Arm();
  void OnTimer();

  const std::string folder_;
  const std::shared_ptr<const Callbacks> callbacks_;
  const std::chrono::milliseconds settle_;
  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
  bool armed_ = false;
  std::map<std::string, Pending> pending_;
  alignas(inotify_event) std::array<char, 16384> buffer_{};
};

Status FolderWatcher::Watch::Start() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return CannotWatch(folder_, errno);
  inotify_.assign(fd);
  if (::inotify_add_watch(fd, folder_.c_str(), kEvents) < 0) return CannotWatch(folder_, errno);
  Read();
  return Status::Ok();
}

void FolderWatcher::Watch::Stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  inotify_.close(ignored);
  timer_.cancel();
}

void FolderWatcher::Watch::Read() {
  inotify_.async_read_some(
      boost::asio::buffer(buffer_),
      [self = shared_from_this()](const boost::system::error_code& error, size_t size) {
        if (self->stopped_ || error == boost::asio::error::operation_aborted) return;
        if (error) return self->OnLost("its events cannot be read: " + error.message());
        self->OnRead(size);
      });
}

void FolderWatcher::Watch::OnRead(size_t size) {
  for (size_t at = 0; at < size;) {
    inotify_event event{};
    std::memcpy(&event, buffer_.data() + at, sizeof(event));
    const char* name = buffer_.data() + at + sizeof(event);
    at += sizeof(event) + event.len;
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      OnOverflow();
    } else if ((event.mask & (IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
      return OnLost("it was removed");
    } else if ((event.mask & IN_MOVE_SELF) != 0) {
      return OnLost("it was moved away");
    } else if (event.len == 0) {  // about the folder itself
      if ((event.mask & IN_ATTRIB) != 0) AllChanged();
    } else if ((event.mask & IN_ISDIR) == 0 && IsPlugin(name)) {
      OnEvent(event.mask, name);
    }
  }
  Arm();
  Read();
}

void FolderWatcher::Watch::OnEvent(uint32_t mask, const std::string& name) {
  using News = Pending::News;
  Pending& pending = pending_[name];
  pending.due = Clock::now() + settle_;
  if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) {
    pending.news = News::kChanged;
    pending.being_written = false;
  } else if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
    pending.news = News::kRemoved;
    pending.being_written = false;
  } else if ((mask & IN_MODIFY) != 0) {
    pending.being_written = true;
  } else if ((mask & IN_CREATE) != 0) {
    // A file is closed after it was made, and that is when it counts. A link is complete at once.
    struct stat info {};
    const bool found = ::lstat((folder_ + "/" + name).c_str(), &info) == 0;
    const bool link = found && (S_ISLNK(info.st_mode) || info.st_nlink > 1);
    if (link) pending.news = News::kChanged;
    pending.being_written = !link;
  } else if (pending.news != News::kRemoved) {
    pending.news = News::kChanged;
  }
}

void FolderWatcher::Watch::OnOverflow() {
  // Whether a file was closed may be among what was lost.
  for (auto& [name, pending] : pending_) pending.being_written = false;
  AllChanged();
}

void FolderWatcher::Watch::AllChanged() {
  const Clock::time_point due = Clock::now() + settle_;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code gone;
    if (!IsPlugin(name) || fs::is_directory(entry->symlink_status(gone))) continue;
    Pending& pending = pending_[name];
    pending.news = Pending::News::kChanged;
    pending.due = due;
  }
}

// What is pending is still told of when it is due.
void FolderWatcher::Watch::OnLost(const std::string& why) {
  Arm();
  boost::system::error_code ignored;
  inotify_.close(ignored);
  if (callbacks_->on_lost) {
    callbacks_->on_lost(Status::NotFound(fmt::format("{} is not watched: {}", folder_, why)));
  }
}

// Waits for the first that is due. One that becomes due later than thought finds out when the timer
// has fired: so a burst costs no timer operations.
void FolderWatcher::Watch::Arm() {
  if (armed_) return;
  Clock::time_point first = Clock::time_point::max();
  for (const auto& [name, pending] : pending_) {
    if (!pending.being_written) first = std::min(first, pending.due);
  }
  if (first == Clock::time_point::max()) return;
  armed_ = true;
  timer_.expires_at(first);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
    self->armed_ = false;
    if (!self->stopped_) self->OnTimer();
  });
}

void FolderWatcher::Watch::OnTimer() {
  const Clock::time_point now = Clock::now();
  std::vector<std::pair<std::string, Pending::News>> ready;
  for (auto at = pending_.begin(); at != pending_.end();) {
    if (at->second.being_written || at->second.due > now) {
      ++at;
    } else {
      ready.emplace_back(at->first, at->second.news);
      at = pending_.erase(at);
    }
  }
  for (const auto& [name, news] : ready) {
    const auto& tell =
        news == Pending::News::kChanged ? callbacks_->on_changed : callbacks_->on_removed;
    if (news != Pending::News::kNone && tell) tell(name);
    if (stopped_) return;
  }
  Arm();
}

FolderWatcher::FolderWatcher(boost::asio::io_context& io, std::string folder, Callbacks callbacks,
                             std::chrono::milliseconds settle)
    : io_(io),
      folder_(std::move(folder)),
      callbacks_(std::make_shared<const Callbacks>(std::move(callbacks))),
      settle_(settle) {}

FolderWatcher::~FolderWatcher() { Stop(); }

Status FolderWatcher::Start() {
  Stop();
  auto watch = std::make_shared<Watch>(io_, *this);
  Status status = watch->Start();
  if (status.ok()) watch_ = std::move(watch);
  return status;
}

void FolderWatcher::Stop() {
  if (watch_) std::exchange(watch_, nullptr)->Stop();
}

}  // namespace darkroom
