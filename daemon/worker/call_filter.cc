// SPDX-License-Identifier: Apache-2.0

#include "worker/call_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

namespace darkroom {
namespace {

// Refused whatever their arguments are.
constexpr int kDenied[] = {
    // Other programs.
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(uselib),
    // Other processes. process_madvise and process_mrelease take memory from them.
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(process_madvise),
    SCMP_SYS(process_mrelease),
    SCMP_SYS(perf_event_open),
    // Memory and queues that processes find by a number or a name, and that are no files to
    // Landlock.
    SCMP_SYS(shmget),
    SCMP_SYS(shmat),
    SCMP_SYS(shmctl),
    SCMP_SYS(semget),
    SCMP_SYS(semctl),
    SCMP_SYS(semop),
    SCMP_SYS(semtimedop),
    SCMP_SYS(msgget),
    SCMP_SYS(msgctl),
    SCMP_SYS(msgsnd),
    SCMP_SYS(msgrcv),
    SCMP_SYS(mq_open),
    SCMP_SYS(mq_unlink),
    // What the root of the file tree is, and what hangs in it.
    SCMP_SYS(mount),
    SCMP_SYS(umount),
    SCMP_SYS(umount2),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    // Files by another way than their path, and watching all of them.
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(fanotify_mark),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(acct),
    // Rights and attributes of files, which Landlock does not guard, or truncation, which it guards
    // from version 3 on.
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr),
    SCMP_SYS(fremovexattr),
    SCMP_SYS(utime),
    SCMP_SYS(utimes),
    SCMP_SYS(futimesat),
    SCMP_SYS(utimensat),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(truncate),
    // The same, newer than libseccomp. From 403 on calls have the same numbers everywhere.
    452,  // fchmodat2
    463,  // setxattrat
    466,  // removexattrat
    467,  // open_tree_attr
    469,  // file_setattr
    // Who the process is, and its limits.
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
    SCMP_SYS(setrlimit),
    // The kernel itself, and doors into it that are seldom used and often broken.
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(create_module),
    SCMP_SYS(get_kernel_syms),
    SCMP_SYS(query_module),
    SCMP_SYS(bpf),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(reboot),
    SCMP_SYS(syslog),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(nfsservctl),
    SCMP_SYS(_sysctl),
    SCMP_SYS(vhangup),
    // It carries out calls past every filter.
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    // Clocks and names of the host.
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(stime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
};

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};

// libseccomp's filter under construction. It remembers the first rule that was not taken.
class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {
    if (context_ == nullptr) {
      error_ = ENOMEM;
      return;
    }
    Note(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    Note(seccomp_attr_set(context_.get(), SCMP_FLTATR_API_SYSRAWRC, 1));
  }

  void Deny(int call) { Add(SCMP_ACT_ERRNO(EPERM), call, {}); }
  void Hide(int call) { Add(SCMP_ACT_ERRNO(ENOSYS), call, {}); }
  // All 64 bits of an argument are compared. Where the kernel reads fewer of them, what slips past
  // an equality is refused by an inequality, so these rules ask what the argument is not.
  void DenyUnless(int call, uint32_t argument, uint64_t value) {
    Add(SCMP_ACT_ERRNO(EPERM), call, {{argument, SCMP_CMP_NE, value, 0}});
  }
  void DenyMasked(int call, uint32_t argument, uint64_t mask, uint64_t value) {
    Add(SCMP_ACT_ERRNO(EPERM), call, {{argument, SCMP_CMP_MASKED_EQ, mask, value}});
  }

  int error() const { return error_; }
  int Load() { return -seccomp_load(context_.get()); }

 private:
  void Add(uint32_t action, int call, const std::vector<scmp_arg_cmp>& conditions) {
    if (error_ != 0) return;
    // A call that this architecture does not have is passed over.
    Note(seccomp_rule_add_array(context_.get(), action, call,
                                static_cast<unsigned>(conditions.size()), conditions.data()));
  }
  void Note(int result) {
    if (error_ == 0 && result < 0) error_ = -result;
  }

  std::unique_ptr<void, Release> context_;
  int error_ = 0;
};

void AddProcessRules(Filter* filter) {
  // Threads may be started, processes not. The flags of clone3() lie in memory, where no filter can
  // see them; the C library takes clone() instead where it is told that there is no clone3().
  filter->Hide(SCMP_SYS(clone3));
  filter->DenyMasked(SCMP_SYS(clone), 0, CLONE_THREAD, 0);
  // abort() and raise() signal the process itself.
  const auto self = static_cast<uint64_t>(getpid());
  for (const int call : {SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(tgkill),
                         SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo)}) {
    filter->DenyUnless(call, 0, self);
  }
  // Limits may be asked for: one's own.
  filter->DenyUnless(SCMP_SYS(prlimit64), 0, 0);
  filter->DenyUnless(SCMP_SYS(prlimit64), 2, 0);
  // What ends the process when the daemon ends without a word.
  filter->DenyMasked(SCMP_SYS(prctl), 0, 0xffffffff, PR_SET_PDEATHSIG);
  // It is asked for by this argument, and changed by any other.
  filter->DenyUnless(SCMP_SYS(personality), 0, 0xffffffff);
}

void AddFileRules(Filter* filter) {
  // O_TRUNC cuts a file that is opened for reading, too, or with the access mode 3 for neither.
  // Landlock does not see that before its version 3.
  filter->Hide(SCMP_SYS(openat2));  // its flags lie in memory
  for (const uint64_t mode : {uint64_t{O_RDONLY}, uint64_t{O_ACCMODE}}) {
    filter->DenyMasked(SCMP_SYS(open), 1, O_ACCMODE | O_TRUNC, mode | O_TRUNC);
    filter->DenyMasked(SCMP_SYS(openat), 2, O_ACCMODE | O_TRUNC, mode | O_TRUNC);
  }
  // These put words into the mouth of whoever sits at the terminal that the process was given.
  constexpr uint64_t kTioclinux = 0x541c;  // of a header that clashes with others
  filter->DenyMasked(SCMP_SYS(ioctl), 1, 0xffffffff, TIOCSTI);
  filter->DenyMasked(SCMP_SYS(ioctl), 1, 0xffffffff, kTioclinux);
}

void AddSocketRules(Filter* filter, bool local_sockets) {
  filter->DenyUnless(SCMP_SYS(socketpair), 0, AF_UNIX);
  if (local_sockets) {
    filter->DenyUnless(SCMP_SYS(socket), 0, AF_UNIX);
    return;
  }
  filter->Deny(SCMP_SYS(socket));
  filter->Deny(SCMP_SYS(connect));
  filter->Deny(SCMP_SYS(bind));
  filter->Deny(SCMP_SYS(listen));
  // One half of a pair of datagram sockets can send to any other socket. SOCK_RAW makes the same.
  constexpr uint64_t kTypes = 0xf;
  filter->DenyMasked(SCMP_SYS(socketpair), 1, kTypes, SOCK_DGRAM);
  filter->DenyMasked(SCMP_SYS(socketpair), 1, kTypes, SOCK_RAW);
}

// Whether a failure says that there is no seccomp here, or that a container keeps it from us.
bool IsUnavailable(int error) {
  return error == ENOSYS || error == EOPNOTSUPP || error == EPERM || error == EACCES;
}

void NoteMissing(int error, std::vector<std::string>* missing) {
  missing->push_back(std::string("seccomp is not available, so system calls are not filtered: ") +
                     std::strerror(error) + ".");
}

}  // namespace

Status FilterSystemCalls(bool local_sockets, std::vector<std::string>* missing) {
  // A kernel without filters says EINVAL here as to a wrong filter later, hence the question first.
  const uint32_t action = SECCOMP_RET_KILL_PROCESS;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) != 0) {
    NoteMissing(errno, missing);
    return Status::Ok();
  }
  Filter filter;
  for (const int call : kDenied) filter.Deny(call);
  AddProcessRules(&filter);
  AddFileRules(&filter);
  AddSocketRules(&filter, local_sockets);
  if (filter.error() != 0) {
    return Status::Internal(std::string("seccomp: cannot make the filter: ") +
                            std::strerror(filter.error()));
  }
  if (const int error = filter.Load(); error != 0) {
    if (!IsUnavailable(error)) {
      return Status::Internal(std::string("seccomp: cannot put the filter in force: ") +
                              std::strerror(error));
    }
    NoteMissing(error, missing);
  }
  return Status::Ok();
}

}  // namespace darkroom
