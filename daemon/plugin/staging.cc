// SPDX-License-Identifier: Apache-2.0

#include "plugin/staging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/digest.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kShortDigest = 12;
// Of a file's name, so that the copy's own stays well within the file system's limit.
constexpr size_t kLongestStem = 64;
// Stands in a name for the digest, until that is known.
constexpr std::string_view kCopying = "copying";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }
bool IsPlain(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

// Whether Stage names its copies so.
bool IsCopy(std::string_view name) {
  if (!name.ends_with(".so")) return false;
  name.remove_suffix(3);
  const size_t second = name.rfind('-');
  if (second == std::string_view::npos || second == 0) return false;
  const size_t first = name.rfind('-', second - 1);
  if (first == std::string_view::npos) return false;
  const std::string_view stem = name.substr(0, first);
  const std::string_view digest = name.substr(first + 1, second - first - 1);
  const std::string_view number = name.substr(second + 1);
  return !stem.empty() && std::all_of(stem.begin(), stem.end(), IsPlain) && !number.empty() &&
         std::all_of(number.begin(), number.end(), IsDigit) &&
         (digest == kCopying ||
          (digest.size() == kShortDigest && std::all_of(digest.begin(), digest.end(), IsHex)));
}

std::string StemOf(const std::string& path) {
  std::string stem = fs::path(path).filename().string();
  if (stem.ends_with(".so")) stem.resize(stem.size() - 3);
  stem.resize(std::min(stem.size(), kLongestStem));
  for (char& c : stem) {
    if (!IsPlain(c)) c = '_';
  }
  return stem.empty() ? "plugin" : stem;
}

Status CannotWrite(const std::string& folder, int error) {
  std::string message = fmt::format("cannot copy into {}: {}", folder, std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) {
    return Status::ResourceExhausted(std::move(message), "free some space there");
  }
  return Status::FailedPrecondition(std::move(message));
}

Status BeingWritten(const std::string& path) {
  return Status::FailedPrecondition(path + " is being written",
                                    "replace it at one go: copy beside it, then rename");
}

// Parents get a mode that OpenTrustedFolder agrees with, whatever the umask.
Status MakeFolder(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  fs::path at;
  for (auto part = path.begin(); part != path.end(); ++part) {
    at /= *part;
    const bool last = std::next(part) == path.end();
    if (::mkdir(at.c_str(), last ? 0700 : 0755) == 0 || errno == EEXIST) continue;
    return Status::FailedPrecondition(
        fmt::format("cannot make {}: {}", at.string(), std::strerror(errno)),
        "plugins are copied there before they are opened: name a folder that the daemon may make");
  }
  return Status::Ok();
}

Status WriteAll(int fd, Bytes bytes, const std::string& folder) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotWrite(folder, errno);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return Status::Ok();
}

bool Same(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// Copies the source to `to`, and fills in digest and bytes.
Status Copy(const TrustedFile& source, int to, const std::string& folder, StagedFile* copy) {
  struct stat before {};
  struct stat after {};
  if (::fstat(source.fd.get(), &before) != 0) {
    return Status::FailedPrecondition(
        fmt::format("cannot read {}: {}", source.path, std::strerror(errno)));
  }
  const auto size = static_cast<uint64_t>(before.st_size);
  Sha256 digest;
  std::vector<std::byte> chunk(kChunkBytes);
  // A file that grows as fast as it is copied must not keep us here.
  while (copy->bytes < size) {
    const ssize_t count =
        ::pread(source.fd.get(), chunk.data(), chunk.size(), static_cast<off_t>(copy->bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return Status::FailedPrecondition(
          fmt::format("cannot read {}: {}", source.path, std::strerror(errno)));
    }
    if (count == 0) break;
    const Bytes bytes(chunk.data(), static_cast<size_t>(count));
    digest.Update(bytes);
    if (Status status = WriteAll(to, bytes, folder); !status.ok()) return status;
    copy->bytes += bytes.size();
  }
  if (copy->bytes != size || ::fstat(source.fd.get(), &after) != 0 || !Same(before, after)) {
    return BeingWritten(source.path);
  }
  // So that a disk that cannot hold the copy fails here, and not under the code that it maps.
  if (::fsync(to) != 0) return CannotWrite(folder, errno);
  copy->sha256 = digest.Hex();
  return Status::Ok();
}

}  // namespace

Staging::Staging(std::string folder) : folder_(std::move(folder)) {}

Result<TrustedFolder> Staging::OpenFolder() const {
  if (Status status = MakeFolder(folder_); !status.ok()) return status;
  Result<TrustedFolder> folder = OpenTrustedFolder(folder_);
  if (!folder.ok()) return folder.status();
  const int fd = folder->fd.get();
  struct stat info {};
  struct statvfs system {};
  if (::fstat(fd, &info) != 0 || ::fstatvfs(fd, &system) != 0) {
    return Status::FailedPrecondition(
        fmt::format("cannot look at {}: {}", folder->path, std::strerror(errno)));
  }
  if ((info.st_mode & 07777U) != 0700 && ::fchmod(fd, 0700) != 0) {
    return Status::FailedPrecondition(
        fmt::format("cannot make {} private: {}", folder->path, std::strerror(errno)),
        "it must belong to the service's user");
  }
  if ((system.f_flag & ST_NOEXEC) != 0) {
    return Status::FailedPrecondition(
        folder->path + " is on a file system that is mounted noexec: no plugin can run from there",
        "name a folder elsewhere, or mount that file system without noexec");
  }
  return folder;
}

Status Staging::Clear() {
  const Result<TrustedFolder> folder = OpenFolder();
  if (!folder.ok()) return folder.status();
  std::error_code error;
  for (fs::directory_iterator entry(folder->path, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code gone;
    if (!IsCopy(name) || !fs::is_regular_file(entry->symlink_status(gone))) continue;
    if (::unlinkat(folder->fd.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return Status::FailedPrecondition(
          fmt::format("cannot remove {}: {}", entry->path().string(), std::strerror(errno)));
    }
  }
  if (!error) return Status::Ok();
  return Status::FailedPrecondition(
      fmt::format("cannot look into {}: {}", folder->path, error.message()));
}

Result<StagedFile> Staging::Stage(const TrustedFile& source) {
  const Result<TrustedFolder> folder = OpenFolder();
  if (!folder.ok()) return folder.status();
  const int at = folder->fd.get();
  const std::string stem = StemOf(source.path);

  std::string unfinished;
  OwnedFd to;
  do {  // a number that an earlier run has left is passed over
    unfinished = fmt::format("{}-{}-{}.so", stem, kCopying, ++copies_);
    to = OwnedFd(::openat(at, unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
  } while (!to.ok() && errno == EEXIST);
  if (!to.ok()) return CannotWrite(folder->path, errno);

  StagedFile copy;
  copy.source = source.path;
  Status status = Copy(source, to.get(), folder->path, &copy);
  if (status.ok()) {
    const std::string name =
        fmt::format("{}-{}-{}.so", stem, copy.sha256.substr(0, kShortDigest), copies_);
    copy.path = (fs::path(folder->path) / name).string();
    if (::renameat(at, unfinished.c_str(), at, name.c_str()) == 0) return copy;
    status = CannotWrite(folder->path, errno);
  }
  ::unlinkat(at, unfinished.c_str(), 0);
  return status;
}

void Staging::Remove(const StagedFile& file) { ::unlink(file.path.c_str()); }

void Staging::Leave() { ::rmdir(folder_.c_str()); }

}  // namespace darkroom
