// Work in a forked child, which may give up what the test needs.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace stek::test {

/// Without the handlers of the test's frame, which tell of a child's end as if it were the test's.
inline pid_t fork_to_end_alone() {
  const pid_t child = fork();
  if (child == 0) {
    for (const int end : {SIGSEGV, SIGABRT}) std::signal(end, SIG_DFL);
  }
  return child;
}

/// How a child ends that does `work` and ends with 0 where that is true: as waitpid(2) has it.
template <class Work>
int status_of_child(Work&& work) {
  const pid_t child = fork_to_end_alone();
  if (child == 0) _exit(work() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

/// This process may lock `bytes`, whoever it was.
inline bool may_lock_only(rlim_t bytes) {
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  constexpr uid_t nobody = 65534;
  return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && (geteuid() != 0 || setuid(nobody) == 0);
}

}  // namespace stek::test
