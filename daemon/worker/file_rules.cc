// SPDX-License-Identifier: Apache-2.0

#include "worker/file_rules.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace darkroom {
namespace {

// ---- The kernel's interface: Debian 12's header knows its first two versions --------------------

// landlock_ruleset_attr of version 6. A kernel that knows less of it takes it if the rest is 0.
struct RulesetAttr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

constexpr uint64_t kTruncate = 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, version 3
constexpr uint64_t kIoctlDev = 1ULL << 15;  // LANDLOCK_ACCESS_FS_IOCTL_DEV, version 5
constexpr uint64_t kNetBoth = 3;            // LANDLOCK_ACCESS_NET_{BIND,CONNECT}_TCP, version 4
constexpr uint64_t kScopeBoth = 3;          // LANDLOCK_SCOPE_{ABSTRACT_UNIX_SOCKET,SIGNAL}, 6
constexpr uint64_t kVersion1 = (1ULL << 13) - 1;

// ---- What is allowed ----------------------------------------------------------------------------

// Execution is granted nowhere. It is asked for by execve() alone; what dlopen() maps need only be
// readable.
constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kReadWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kIoctlDev |
                                LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;
constexpr uint64_t kStreams = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
// Those that make sense for what is no folder; the kernel refuses a rule with others.
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                              LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDev;

// What a dynamic program needs of the system to open further libraries and to start threads.
constexpr const char* kSystemReadable[] = {
    // Libraries, locales, time zones.
    "/usr",
    "/lib",
    "/lib64",
    // Of /etc no more than the loader and the C library read: the rest of it holds secrets.
    "/etc/ld.so.cache",
    "/etc/localtime",
    // Processors, caches, NUMA nodes and memory, for libtorch, OpenMP, cpuinfo and CUDA's driver.
    // Landlock keeps a process out of those parts of /proc/PID that would let it look into others.
    // Rules for single files would not last: /proc makes them anew whenever it has forgotten them.
    "/proc",
    "/sys",
};
constexpr const char* kSystemStreams[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                          "/dev/urandom"};

// A file descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

class Ruleset {
 public:
  Ruleset(int number, uint64_t handled) : descriptor_(number), handled_(handled) {}

  Status Allow(const std::string& path, uint64_t rights) const {
    const Descriptor place(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (place.number() < 0) {
      // What the process could not reach anyway needs no rule.
      if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return Status::Ok();
      return Failed("look up " + path);
    }
    struct stat facts {};
    if (fstat(place.number(), &facts) != 0) return Failed("look at " + path);
    if (!S_ISDIR(facts.st_mode)) rights &= kOfFiles;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights & handled_;
    rule.parent_fd = place.number();
    if (syscall(SYS_landlock_add_rule, descriptor_.number(), LANDLOCK_RULE_PATH_BENEATH, &rule,
                0U) != 0) {
      return Failed("allow " + path);
    }
    return Status::Ok();
  }

  Status Enforce() const {
    if (syscall(SYS_landlock_restrict_self, descriptor_.number(), 0U) == 0) return Status::Ok();
    return Failed("put the rules in force");
  }

 private:
  static Status Failed(const std::string& what) {
    return Status::Internal("Landlock: cannot " + what + ": " + std::strerror(errno));
  }

  Descriptor descriptor_;
  uint64_t handled_;
};

Status AllowAll(const Ruleset& ruleset, const std::vector<std::string>& readable,
                const std::vector<std::string>& writable) {
  std::vector<std::pair<std::string, uint64_t>> rules;
  for (const char* path : kSystemReadable) rules.emplace_back(path, kRead);
  for (const char* path : kSystemStreams) rules.emplace_back(path, kStreams);
  for (const std::string& path : readable) rules.emplace_back(path, kRead);
  for (const std::string& path : writable) rules.emplace_back(path, kReadWrite);
  for (const auto& [path, rights] : rules) {
    if (Status status = ruleset.Allow(path, rights); !status.ok()) return status;
  }
  return Status::Ok();
}

// What the kernel's Landlock can refuse. What it cannot goes to `missing`.
RulesetAttr Refusals(long version, std::vector<std::string>* missing) {
  const auto lacks = [&](long since, const char* what) {
    if (version >= since) return false;
    missing->push_back("Landlock of this kernel, version " + std::to_string(version) +
                       ", cannot refuse " + what + " (version " + std::to_string(since) + " can).");
    return true;
  };
  RulesetAttr attr{kVersion1, kNetBoth, kScopeBoth};
  if (version >= 2) attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (!lacks(3, "that files are cut short")) attr.handled_access_fs |= kTruncate;
  if (lacks(4, "TCP")) attr.handled_access_net = 0;
  if (!lacks(5, "commands to devices")) attr.handled_access_fs |= kIoctlDev;
  if (lacks(6, "abstract sockets and signals of other processes")) attr.scoped = 0;
  return attr;
}

}  // namespace

Status RestrictFiles(const std::vector<std::string>& readable,
                     const std::vector<std::string>& writable, std::vector<std::string>* missing) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0UL, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) {
    // Not built in, switched off, or kept from us by a container's own filter.
    missing->push_back(
        std::string("Landlock is not available, so neither files nor TCP are guarded: ") +
        std::strerror(errno) + ".");
    return Status::Ok();
  }
  const RulesetAttr attr = Refusals(version, missing);
  const long made = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0U);
  if (made < 0) {
    return Status::Internal(std::string("Landlock: cannot make a set of rules: ") +
                            std::strerror(errno));
  }
  const Ruleset ruleset(static_cast<int>(made), attr.handled_access_fs);
  if (Status status = AllowAll(ruleset, readable, writable); !status.ok()) return status;
  return ruleset.Enforce();
}

}  // namespace darkroom
