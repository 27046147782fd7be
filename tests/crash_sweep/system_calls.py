"""The system calls at which a process can be killed, and what strace tells of them."""

import functools
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EFFECTS = _words(
    """
    write pwrite64 writev pwritev pwritev2 sendfile splice tee vmsplice copy_file_range
    io_uring_enter io_submit
    sendto sendmsg sendmmsg shutdown
    fsync fdatasync sync syncfs sync_file_range msync
    rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat mknod mknodat
    truncate ftruncate fallocate
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
    """
)
"""What changes something that outlives the process, or reaches another one. Opening a file that is thereby
made is not among them: nothing of ours tells an empty file from one that is not there yet."""

HARMLESS = _words(
    """
    read pread64 readv preadv preadv2 readlink readlinkat recvfrom recvmsg recvmmsg
    open openat openat2 close close_range creat dup dup2 dup3 pipe pipe2 lseek getdents getdents64
    stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 fadvise64 readahead flock
    fcntl ioctl umask chdir fchdir getcwd inotify_init1 inotify_add_watch memfd_create
    mmap munmap mremap mprotect madvise brk mlock munlock mincore membarrier
    socket socketpair connect bind listen accept accept4 getsockname getpeername getsockopt setsockopt
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime signalfd4
    futex futex_waitv nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times sched_yield
    restart_syscall
    clone clone3 fork vfork execve execveat exit exit_group wait4 waitid kill tgkill tkill pidfd_open
    pidfd_send_signal
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause
    alarm setitimer getitimer
    getpid getppid gettid getpgrp getpgid setpgid setsid getsid getuid geteuid getgid getegid getresuid
    getresgid getgroups uname sysinfo getrusage getrlimit setrlimit prlimit64 getrandom getcpu getpriority
    sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler set_tid_address set_robust_list
    get_robust_list rseq arch_prctl prctl capget landlock_create_ruleset getxattr lgetxattr fgetxattr
    listxattr
    """
)
"""What only reads, waits, or changes the process itself."""

_CALL = re.compile(r"^(\d+)\s+([a-z_0-9]+)\(")


@dataclass(frozen=True)
class Calls:
    """How often each call of `EFFECTS` happens in the process, and how often before its state is opened."""

    before: Counter[str]
    whole: Counter[str]

    @property
    def points(self) -> list[tuple[str, int]]:
        """Each call by its name and number, from when the state is opened."""
        return [
            (call, number)
            for call in sorted(self.whole)
            for number in range(self.before[call] + 1, self.whole[call] + 1)
        ]


def needed_strace() -> str:
    """The program. Without one that may trace, the test is skipped; in CI it fails."""
    strace = usable_strace()
    if strace is None:
        why = "no strace here that may trace: `make strace` installs one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    return strace


@functools.cache
def usable_strace() -> str | None:
    """The program, where there is one and it may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    tried = subprocess.run([strace, "-f", "-o", os.devnull, "true"], capture_output=True, timeout=30)
    return strace if tried.returncode == 0 else None


def traced(strace: str, log: Path) -> list[str]:
    """What to put before a command so that every call is written down."""
    return [strace, "-f", "-qq", "-s", "256", "-o", str(log)]


def signalling(strace: str, call: str, number: int, name: str = "SIGKILL") -> list[str]:
    """What to put before a command so that it gets a signal when it makes the call for that many-th time.

    Not with --seccomp-bpf, which would be faster: then the signal comes too late, or not at all."""
    inject = f"inject={call}:signal={name}:when={number}"
    return [strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]


def calls_in(log: Path, *, opening: str) -> Calls:
    """The calls of a traced command; `opening` stands in the first line that speaks of its state.

    Counted in its first thread: strace's numbers are those of each thread, and our writes are made in one.
    Raises AssertionError for a call that nobody has thought about yet.
    """
    lines = log.read_text(errors="replace").splitlines()
    opened = next(number for number, line in enumerate(lines) if opening in line)
    found = [match.groups() for line in lines if (match := _CALL.match(line))]
    unknown = {call for _, call in found} - EFFECTS - HARMLESS
    assert not unknown, f"neither known to have an effect nor to have none: {sorted(unknown)}"
    return Calls(_effects(lines[:opened]), _effects(lines))


def _effects(lines: Sequence[str]) -> Counter[str]:
    found = [match.groups() for line in lines if (match := _CALL.match(line))]
    return Counter(call for thread, call in found if thread == found[0][0] and call in EFFECTS)
