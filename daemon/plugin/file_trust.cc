// SPDX-License-Identifier: Apache-2.0

#include "plugin/file_trust.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

Status Untrusted(std::string message, std::string hint) {
  return {Code::kUnauthorized, std::move(message), std::move(hint)};
}

// Why `path` could not be opened.
Status CannotOpen(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
      return Status::NotFound(path + " does not exist");
    case EACCES:
      return Untrusted(fmt::format("{} may not be opened by the service's user ({})", path,
                                   static_cast<unsigned>(::geteuid())),
                       "let that user read it, and search the folders above it");
    default:
      return Status::FailedPrecondition(
          fmt::format("{} cannot be opened: {}", path, std::strerror(error)));
  }
}

Result<fs::path> Resolve(const fs::path& path) {
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  if (!error) return real;
  std::error_code ignored;
  if (error == std::errc::no_such_file_or_directory && fs::is_symlink(path, ignored)) {
    return Status::NotFound(path.string() + " is a link to something that does not exist");
  }
  return CannotOpen(path.string(), error.value());
}

// Checks owner and mode. An access list needs no look of its own: what it grants to anyone but the
// owner shows in the mode as a right of the group.
Status CheckEntry(const std::string& path, const struct stat& info, uid_t service_user) {
  if (info.st_uid != 0 && info.st_uid != service_user) {
    const std::string allowed = service_user == 0
                                    ? "root, the service's user,"
                                    : fmt::format("root or the service's user ({})", service_user);
    return Untrusted(
        fmt::format("{} belongs to user {}, and only {} may own it", path, info.st_uid, allowed),
        "chown root " + path);
  }
  const unsigned mode = info.st_mode & 07777U;
  if ((mode & (S_IWGRP | S_IWOTH)) == 0) return Status::Ok();
  if (S_ISDIR(info.st_mode) && (mode & S_ISVTX) != 0 && info.st_uid == 0) return Status::Ok();
  return Untrusted(fmt::format("{} has mode {:04o}: {} may write to it", path, mode,
                               (mode & S_IWOTH) != 0 ? "anybody" : "its group"),
                   "chmod go-w " + path);
}

// Walks from / to the folder, which has no links in its path, and checks each on the way. Once a
// folder has passed, nobody who is not trusted can exchange what the next step finds in it. `what`
// is what the walk is for.
Result<OwnedFd> WalkTo(const fs::path& folder, const std::string& what, uid_t service_user) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  fs::path at = folder.root_path();
  OwnedFd fd(::open(at.c_str(), kFlags));
  auto next = folder.begin();
  for (++next;; ++next) {
    struct stat info {};
    if (!fd.ok() || ::fstat(fd.get(), &info) != 0) return CannotOpen(at.string(), errno);
    if (Status status = CheckEntry(at.string(), info, service_user); !status.ok()) {
      return status.Annotated(what + " is not trusted");
    }
    if (next == folder.end()) return fd;
    at /= *next;
    fd = OwnedFd(::openat(fd.get(), next->c_str(), kFlags));
  }
}

Result<TrustedFile> OpenResolved(const fs::path& path, uid_t service_user) {
  const std::string text = path.string();
  const Result<OwnedFd> folder = WalkTo(path.parent_path(), text, service_user);
  if (!folder.ok()) return folder.status();
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It changes nothing for a regular file.
  OwnedFd fd(::openat(folder->get(), path.filename().c_str(),
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!fd.ok() || ::fstat(fd.get(), &info) != 0) return CannotOpen(text, errno);
  if (!S_ISREG(info.st_mode)) return Untrusted(text + " is no regular file", {});
  if (Status status = CheckEntry(text, info, service_user); !status.ok()) return status;
  return TrustedFile{std::move(fd), text};
}

bool IsInside(const fs::path& path, const fs::path& folder) {
  const auto [rest, in_path] =
      std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return rest == folder.end() && in_path != path.end();
}

bool SameHex(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return small(x) == small(y); });
}

}  // namespace

Result<TrustedFile> OpenTrustedFile(const std::string& path, uid_t service_user) {
  const Result<fs::path> real = Resolve(path);
  if (!real.ok()) return real.status();
  return OpenResolved(*real, service_user);
}

Result<TrustedFile> OpenTrustedFileIn(const std::string& folder, const std::string& name,
                                      uid_t service_user) {
  const Result<fs::path> real_folder = Resolve(folder);
  if (!real_folder.ok()) return real_folder.status();
  const fs::path path = *real_folder / name;
  const Result<fs::path> real = Resolve(path);
  if (!real.ok()) return real.status();
  if (!IsInside(*real, *real_folder)) {
    return Untrusted(fmt::format("{} leads to {}, which is not in the plugin folder", path.string(),
                                 real->string()),
                     "copy the file into the folder, or name it by its path");
  }
  return OpenResolved(*real, service_user);
}

Result<TrustedFolder> OpenTrustedFolder(const std::string& path, uid_t service_user) {
  const Result<fs::path> real = Resolve(path);
  if (!real.ok()) return real.status();
  const std::string text = real->string();
  const Result<OwnedFd> at = WalkTo(*real, text, service_user);
  if (!at.ok()) return at.status();
  // The walk's descriptor is good for paths only.
  OwnedFd fd(::openat(at->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return CannotOpen(text, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return CannotOpen(text, errno);
  // Sticky will do for a folder above, but not for this one: others could put files into it.
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Untrusted(fmt::format("{} has mode {:04o}: not only its owner may put files into it",
                                 text, info.st_mode & 07777U),
                     "chmod go-w " + text);
  }
  return TrustedFolder{std::move(fd), text};
}

Status CheckDigest(const std::string& path, const std::string& sha256,
                   const std::vector<std::string>& allowed) {
  if (allowed.empty()) return Status::Ok();
  for (const std::string& digest : allowed) {
    if (SameHex(digest, sha256)) return Status::Ok();
  }
  return Untrusted(
      fmt::format("{} is none of the allowed plugin files: its SHA-256 is {}", path, sha256),
      "if it is meant to run, add that digest to the list");
}

}  // namespace darkroom
