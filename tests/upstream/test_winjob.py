from __future__ import annotations

import ctypes
from ctypes import c_int, c_uint32, c_void_p
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field

from llamaswap.upstream import winjob
from llamaswap.upstream.winjob import Accounting, BasicLimits, ExtendedLimits, declared, open_job


@pytest.mark.parametrize(
    ("structure", "size"), [(BasicLimits, 64), (ExtendedLimits, 144), (Accounting, 48)]
)
@pytest.mark.skipif(ctypes.sizeof(c_void_p) != 8, reason="sizes of 64-bit systems")
def test_structures_have_the_size_of_the_real_ones(
    structure: type[ctypes.Structure], size: int
) -> None:
    assert ctypes.sizeof(structure) == size


@pytest.mark.skipif(ctypes.sizeof(c_void_p) != 8, reason="offsets of 64-bit systems")
def test_the_fields_we_use_are_where_the_kernel_looks() -> None:
    assert BasicLimits.flags.offset == 16
    assert ExtendedLimits.basic.offset == 0
    assert ExtendedLimits.io_counters.offset == 64
    assert ExtendedLimits.process_memory.offset == 112
    assert Accounting.active_processes.offset == 40


def test_handles_are_declared_as_pointers() -> None:
    handles: dict[str, tuple[type, list[int]]] = {
        "CreateJobObjectW": (c_void_p, []),
        "SetInformationJobObject": (c_int, [0]),
        "QueryInformationJobObject": (c_int, [0]),
        "OpenProcess": (c_void_p, []),
        "AssignProcessToJobObject": (c_int, [0, 1]),
        "TerminateJobObject": (c_int, [0]),
        "CloseHandle": (c_int, [0]),
    }

    assert winjob.DECLARATIONS.keys() == handles.keys()
    for name, (result, places) in handles.items():
        assert winjob.DECLARATIONS[name][0] is result
        assert all(winjob.DECLARATIONS[name][1][place] is c_void_p for place in places)


class Function:
    """A foreign function that answers what it is told to."""

    restype: Any = None
    argtypes: Any = None

    def __init__(self, result: int | None) -> None:
        self.result = result

    def __call__(self, *_: object) -> int | None:
        return self.result


@pytest.mark.parametrize("result", [0, None])
def test_a_call_that_fails_raises_the_last_error(result: int | None) -> None:
    library = SimpleNamespace(**{name: Function(1) for name in winjob.DECLARATIONS})
    library.TerminateJobObject = Function(result)
    kernel = declared(library, lambda: OSError(5, "Access is denied"))

    assert library.TerminateJobObject.argtypes == (c_void_p, c_uint32)
    assert library.OpenProcess.restype is c_void_p
    assert kernel("CloseHandle", 3) == 1
    with pytest.raises(OSError, match="Access is denied"):
        kernel("TerminateJobObject", 3, 1)


@define
class FakeKernel:
    """Writes down what is called; ``failing`` raises."""

    failing: str = ""
    calls: list[tuple[object, ...]] = field(factory=list[tuple[object, ...]])

    def __call__(self, name: str, *arguments: Any) -> int:
        if name == self.failing:
            raise OSError(name)
        if name == "SetInformationJobObject":
            limits = arguments[2]._obj
            self.calls.append((name, *arguments[:2], hex(limits.basic.flags), arguments[3]))
        elif name == "QueryInformationJobObject":
            arguments[2]._obj.active_processes = 3
            self.calls.append((name, *arguments[:2], arguments[3]))
        else:
            self.calls.append((name, *arguments))
        return {"CreateJobObjectW": 70, "OpenProcess": 80}.get(name, 1)


def test_a_job_kills_its_processes_when_its_last_handle_is_closed() -> None:
    kernel = FakeKernel()
    open_job(kernel)
    size = ctypes.sizeof(ExtendedLimits)

    assert kernel.calls == [
        ("CreateJobObjectW", None, None),
        ("SetInformationJobObject", 70, 9, "0x2000", size),
    ]


def test_a_job_that_takes_no_limits_is_closed_again() -> None:
    kernel = FakeKernel(failing="SetInformationJobObject")

    with pytest.raises(OSError, match="SetInformationJobObject"):
        open_job(kernel)
    assert kernel.calls[-1] == ("CloseHandle", 70)


def test_a_process_is_assigned_and_its_handle_given_back() -> None:
    kernel = FakeKernel()
    job = open_job(kernel)
    kernel.calls.clear()
    job.assign(4711)

    assert kernel.calls == [
        ("OpenProcess", 0x101, 0, 4711),
        ("AssignProcessToJobObject", 70, 80),
        ("CloseHandle", 80),
    ]


def test_a_handle_is_given_back_when_assigning_fails() -> None:
    kernel = FakeKernel(failing="AssignProcessToJobObject")
    job = open_job(kernel)

    with pytest.raises(OSError, match="Assign"):
        job.assign(4711)
    assert kernel.calls[-1] == ("CloseHandle", 80)


def test_the_verbs_of_a_job() -> None:
    kernel = FakeKernel()
    job = open_job(kernel)
    kernel.calls.clear()

    assert job.living() == 3
    job.terminate()
    job.close()

    assert kernel.calls == [
        ("QueryInformationJobObject", 70, 1, 48),
        ("TerminateJobObject", 70, 1),
        ("CloseHandle", 70),
    ]
