// SPDX-License-Identifier: Apache-2.0

#include "cli/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace darkroom {
namespace {

// Where a link points to; the path itself where there is none yet.
std::string FollowLinks(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string target(real);
  std::free(real);
  return target;
}

mode_t DefaultMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

Status OutputFile::Fail(std::string_view what) const {
  const int error = errno;
  std::string message =
      fmt::format("cannot {} '{}': {}", what, path_, std::generic_category().message(error));
  if (error == EACCES || error == EPERM || error == EROFS) {
    return {Code::kUnauthorized, std::move(message), "choose another place with -o"};
  }
  if (error == ENOENT) {
    return Status::NotFound(std::move(message), "the folder must be there before");
  }
  return Status::Internal(std::move(message));
}

Result<std::unique_ptr<OutputFile>> OutputFile::Open(const std::string& path) {
  struct stat info {};
  const bool exists = stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) {
    return Status::InvalidArgument(fmt::format("'{}' is a folder", path),
                                   "-o names the file to write, such as better.png");
  }
  std::unique_ptr<OutputFile> file(new OutputFile(path, FollowLinks(path)));
  if (exists && !S_ISREG(info.st_mode)) {
    file->descriptor_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file->descriptor_ < 0) return file->Fail("write to");
    return file;
  }
  const size_t slash = file->target_.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "" : file->target_.substr(0, slash + 1);
  std::string temporary = folder + ".darkroom-XXXXXX";
  file->descriptor_ = mkostemp(temporary.data(), O_CLOEXEC);
  if (file->descriptor_ < 0) return file->Fail("write");
  file->temporary_ = std::move(temporary);
  // mkostemp gives the owner alone a right; a file that is replaced keeps its own.
  if (fchmod(file->descriptor_, exists ? info.st_mode & 07777 : DefaultMode()) != 0) {
    return file->Fail("write");
  }
  return file;
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status OutputFile::Commit(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  const int descriptor = descriptor_;
  descriptor_ = -1;
  // Disks of a network may tell only now that they are full.
  if (close(descriptor) != 0) return Fail("write");
  if (temporary_.empty()) return {};
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) return Fail("write");
  temporary_.clear();
  return {};
}

}  // namespace darkroom
