// Counts the system calls of a piece of work.
#pragma once

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>

#include <doctest/doctest.h>

namespace stek::test {

/// The system calls that `work` makes, by number, as its parent sees them under ptrace.
template <class Work>
std::map<long, int> system_calls_of(Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    syscall(SYS_getppid);  // begins the count
    const bool worked = work();
    syscall(SYS_getppid);  // ends it
    _exit(worked ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::map<long, int> calls;
  bool counting = false;
  bool entering = true;
  for (;;) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    if (waitpid(child, &status, 0) != child || WIFEXITED(status) || WIFSIGNALED(status)) break;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    user_regs_struct registers{};
    ptrace(PTRACE_GETREGS, child, nullptr, &registers);
    const auto number = static_cast<long>(registers.orig_rax);
    if (entering && number == SYS_getppid) {
      counting = !counting;
    } else if (entering && counting) {
      ++calls[number];
    }
    entering = !entering;
  }
  CHECK_EQ(status, 0);
  return calls;
}

}  // namespace stek::test
