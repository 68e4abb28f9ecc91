// SPDX-License-Identifier: Apache-2.0

#include "worker/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "worker/call_filter.h"
#include "worker/file_rules.h"

namespace darkroom {
namespace {

// Enough for libtorch's files and the driver's, and far from what would trouble the system.
constexpr rlim_t kMostDescriptors = 4096;

Status SystemError(const std::string& what) {
  return Status::Internal("cannot " + what + ": " + std::strerror(errno));
}

Status CheckPaths(const std::vector<std::string>& paths, const char* field) {
  for (const std::string& path : paths) {
    if (path.starts_with('/') && path.find('\0') == std::string::npos) continue;
    return Status::InvalidArgument(std::string("a sandbox's `") + field + "` names \"" + path +
                                       "\", which is no absolute path",
                                   "name it from / on");
  }
  return Status::Ok();
}

Status CheckAlone() {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer has a thread of its own from the start.
  return Status::Ok();
#else
  std::error_code error;
  const std::filesystem::directory_iterator tasks("/proc/self/task", error);
  // Without /proc there is no telling.
  if (error) return Status::Ok();
  const auto count = std::distance(begin(tasks), end(tasks));
  if (count <= 1) return Status::Ok();
  return Status::FailedPrecondition(
      "the sandbox would not hold " + std::to_string(count - 1) + " threads that run already",
      "enter it before any thread is started");
#endif
}

// Never raises: what the process was started with may be less.
Status Lower(__rlimit_resource_t resource, rlim_t most, const char* name) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return SystemError(std::string("read ") + name);
  limit.rlim_max = std::min(limit.rlim_max, most);
  limit.rlim_cur = std::min(limit.rlim_cur, most);
  if (setrlimit(resource, &limit) != 0) return SystemError(std::string("set ") + name);
  return Status::Ok();
}

Status SetLimits(const SandboxRules& rules) {
  if (rules.memory > 0) {
    if (Status status = Lower(RLIMIT_DATA, rules.memory, "RLIMIT_DATA"); !status.ok()) {
      return status;
    }
  }
  // A write beyond the limit then fails with EFBIG and does not end the process.
  if (std::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return SystemError("ignore SIGXFSZ");
  const rlim_t largest = !rules.memory_files ? 0 : rules.memory > 0 ? rules.memory : RLIM_INFINITY;
  if (Status status = Lower(RLIMIT_FSIZE, largest, "RLIMIT_FSIZE"); !status.ok()) return status;
  return Lower(RLIMIT_NOFILE, kMostDescriptors, "RLIMIT_NOFILE");
}

// Root's power over the system (to freeze a filesystem that it can read, say) has no use here. What
// is left of it is to read files of any owner, such as weights; which ones is Landlock's matter.
Status DropCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return SystemError("read the capabilities");
  constexpr uint32_t kKept = (1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH);
  const bool any = std::any_of(sets.begin(), sets.end(),
                               [](const auto& set) { return (set.permitted & ~kKept) != 0; });
  if (!any) return Status::Ok();
  sets[0].effective &= kKept;
  sets[0].permitted &= kKept;
  sets[0].inheritable = 0;
  sets[1] = {};
  if (syscall(SYS_capset, &header, sets.data()) != 0) return SystemError("drop capabilities");
  return Status::Ok();
}

}  // namespace

Result<SandboxReport> EnterSandbox(const SandboxRules& rules) {
  SandboxReport report;
  for (const Status& checked : {CheckPaths(rules.readable, "readable"),
                                CheckPaths(rules.writable, "writable"), CheckAlone()}) {
    if (!checked.ok()) return checked;
  }
  if (Status status = SetLimits(rules); !status.ok()) return status;
  if (Status status = DropCapabilities(); !status.ok()) return status;
  // Both filters ask for it; it also takes the power from programs with a set-user-ID bit.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("set PR_SET_NO_NEW_PRIVS");
  if (Status status = RestrictFiles(rules.readable, rules.writable, &report.missing);
      !status.ok()) {
    return status;
  }
  if (Status status = FilterSystemCalls(rules.local_sockets, &report.missing); !status.ok()) {
    return status;
  }
  return report;
}

}  // namespace darkroom
