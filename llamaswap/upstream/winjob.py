"""Windows Job Objects: a process and all it starts, ended with one call.

The only file that imports ``ctypes``. One job per upstream; our own process is
never put into one, because we may be a guest in somebody's program. The layouts,
the declarations and the order of calls are plain values and code that run, and
are tested, on every system; only `load_kernel` needs Windows.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, TypeAlias

from attrs import define

KILL_ON_JOB_CLOSE = 0x2000
"""``JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE``: the kernel ends the job's processes with
its last handle. Ours is the only one, so this also covers our own sudden death."""

CREATE_SUSPENDED = 0x4
"""Creation flag, missing in `subprocess`: no instruction runs before the process is
in its job, so nothing can be started outside of it."""

ACCOUNTING = 1
"""``JobObjectBasicAccountingInformation``."""

EXTENDED_LIMITS = 9
"""``JobObjectExtendedLimitInformation``."""

PROCESS_RIGHTS = 0x0101
"""``PROCESS_TERMINATE | PROCESS_SET_QUOTA``: what assigning to a job demands."""

KILLED = 1
"""Exit status of what the job's end has killed, as after ``TerminateProcess``."""


# Sizes are spelled out instead of taken from ctypes.wintypes, where DWORD is
# a C long and so eight bytes on Linux: this way the layout is tested anywhere.
class BasicLimits(ctypes.Structure):
    """``JOBOBJECT_BASIC_LIMIT_INFORMATION``."""

    _fields_ = (
        ("per_process_user_time", c_int64),  # 100 ns ticks
        ("per_job_user_time", c_int64),
        ("flags", c_uint32),
        ("min_working_set", c_size_t),
        ("max_working_set", c_size_t),
        ("active_processes", c_uint32),
        ("affinity", c_size_t),
        ("priority_class", c_uint32),
        ("scheduling_class", c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """``JOBOBJECT_EXTENDED_LIMIT_INFORMATION``."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io_counters", c_uint64 * 6),
        ("process_memory", c_size_t),
        ("job_memory", c_size_t),
        ("peak_process_memory", c_size_t),
        ("peak_job_memory", c_size_t),
    )


class Accounting(ctypes.Structure):
    """``JOBOBJECT_BASIC_ACCOUNTING_INFORMATION``."""

    _fields_ = (
        ("times", c_int64 * 4),
        ("page_faults", c_uint32),
        ("total_processes", c_uint32),
        ("active_processes", c_uint32),
        ("terminated_processes", c_uint32),
    )


DECLARATIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "CreateJobObjectW": (c_void_p, (c_void_p, c_void_p)),
    "SetInformationJobObject": (c_int, (c_void_p, c_int, c_void_p, c_uint32)),
    "QueryInformationJobObject": (c_int, (c_void_p, c_int, c_void_p, c_uint32, c_void_p)),
    "OpenProcess": (c_void_p, (c_uint32, c_int, c_uint32)),
    "AssignProcessToJobObject": (c_int, (c_void_p, c_void_p)),
    "TerminateJobObject": (c_int, (c_void_p, c_uint32)),
    "CloseHandle": (c_int, (c_void_p,)),
}
"""Result and arguments of every function we call. Handles are pointers;
undeclared, ctypes would cut them to a C int."""

Kernel: TypeAlias = Callable[..., Any]
"""``kernel(name, *arguments)`` calls a function of `DECLARATIONS`; each of them
answers zero when it fails, which is raised as `OSError`."""


def declared(library: Any, last_error: Callable[[], OSError]) -> Kernel:
    """Declare every function of ``library`` and return the checked way to call it."""
    for name, (result, arguments) in DECLARATIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments

    def call(name: str, *arguments: object) -> Any:
        result = getattr(library, name)(*arguments)
        if not result:
            raise last_error()
        return result

    return call


if sys.platform == "win32":

    def load_kernel() -> Kernel:
        """Return the way to call the real kernel."""
        library = ctypes.WinDLL("kernel32", use_last_error=True)
        return declared(library, lambda: ctypes.WinError(ctypes.get_last_error()))


@define(eq=False)
class Job:
    """One Job Object that is ours alone; see `open_job`."""

    _kernel: Kernel
    _handle: Any

    def assign(self, pid: int) -> None:
        """Put a process into the job, and with it whatever it will start.

        Args:
          pid: of a process that somebody holds a handle of, so that the number
            cannot have been given to another one.

        Raises:
          OSError: the process is gone, or may not be put into a job.
        """
        process = self._kernel("OpenProcess", PROCESS_RIGHTS, 0, pid)
        try:
            self._kernel("AssignProcessToJobObject", self._handle, process)
        finally:
            self._kernel("CloseHandle", process)

    def terminate(self) -> None:
        """End every process of the job; one that is empty is left as it is."""
        self._kernel("TerminateJobObject", self._handle, KILLED)

    def living(self) -> int:
        """Return how many processes of the job have not ended."""
        accounting = Accounting()
        size = ctypes.sizeof(accounting)
        self._kernel(
            "QueryInformationJobObject",
            self._handle,
            ACCOUNTING,
            ctypes.byref(accounting),
            size,
            None,
        )
        return int(accounting.active_processes)

    def close(self) -> None:
        """Give the handle back; the kernel ends what is still in the job."""
        self._kernel("CloseHandle", self._handle)


def open_job(kernel: Kernel) -> Job:
    """Create a job whose processes end with it, at the latest with us.

    Raises:
      OSError: the system gives no job.
    """
    job = Job(kernel, kernel("CreateJobObjectW", None, None))
    limits = ExtendedLimits()
    limits.basic.flags = KILL_ON_JOB_CLOSE
    try:
        kernel(
            "SetInformationJobObject",
            job._handle,  # noqa: SLF001 - built here
            EXTENDED_LIMITS,
            ctypes.byref(limits),
            ctypes.sizeof(limits),
        )
    except OSError:
        job.close()
        raise
    return job
