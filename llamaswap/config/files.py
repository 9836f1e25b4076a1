"""Reads the files and folders of a configuration; what is in them is no matter here."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from llamaswap.config.document import Place, Problem, Report

TEXT = "<text>"
"""What faults call a text that came without a file."""


@frozen
class Source:
    """What one file holds, or a text that came without one."""

    name: str
    """As faults show it."""

    raw: bytes
    path: Path | None = None
    obstacle: OSError | ValueError | None = None
    """Why it cannot be read; then it is empty."""


def gather(
    given: Path | str | Sequence[Path] | None, folder: Path | None, report: Report
) -> tuple[Source, ...]:
    """Read what was given, then the YAML files of ``folder`` in the order of their names.

    ``report`` says what cannot be read, and why.
    """
    if given is None and folder is None:
        text = "there is no configuration: give at least one of {expected}"
        report.fault((), Problem(text, "a file and a folder", "neither"))
        return ()
    if isinstance(given, str):
        texts = (Source(TEXT, given.encode("utf-8", "surrogatepass")),)
        return texts + _read_all(_list_folder(folder, (), report), report, are_listed=True)
    files = () if given is None else (given,) if isinstance(given, Path) else tuple(given)
    listed = _list_folder(folder, files, report)
    if not files and not listed and not report.faults:
        text = "there are no configuration sources: no {expected} is in this folder"
        told = Problem(text, "*.yml or *.yaml file", "none")
        report.fault((), told, Place(0, 0, str(folder or "")))
    return _read_all(files, report) + _read_all(listed, report, are_listed=True)


def digest_of(sources: Sequence[Source]) -> str:
    """Return a SHA-256 in hex of what was read: of one file, what ``sha256sum`` prints.

    Of several it is that of the lines that ``sha256sum`` prints for them. In place of
    what cannot be read stands why.
    """
    digests = [hashlib.sha256(_told(source)).hexdigest() for source in sources]
    if len(digests) == 1:
        return digests[0]
    lines = (f"{digest}  {source.name}\n" for digest, source in zip(digests, sources, strict=True))
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()


def _told(source: Source) -> bytes:
    return source.raw if source.obstacle is None else os.fsencode(str(source.obstacle))


def _list_folder(folder: Path | None, files: Sequence[Path], report: Report) -> list[Path]:
    """List the YAML files of ``folder`` in byte order; one that is among ``files`` is a fault."""
    if folder is None:
        return []
    try:
        with os.scandir(folder) as entries:
            # Links to folders stay, so that reading them tells of the mistake.
            names = [
                entry.name
                for entry in entries
                if entry.name.endswith((".yml", ".yaml"))
                and not entry.is_dir(follow_symlinks=False)
                and not _is_lock(entry)
            ]
    except (OSError, ValueError) as exc:
        hint = "give a file with -config" if os.path.isfile(folder) else ""  # noqa: PTH113 - never fails
        report.fault((), _unreadable("folder", exc, hint), Place(0, 0, str(folder)))
        return []
    given = {_absolute(file) for file in files}
    listed: list[Path] = []
    for name in sorted(names, key=os.fsencode):
        path = folder / name
        if _absolute(path) in given:
            text, hint = "this file is also present in the folder {found}", "give it once"
            told = Problem(text, "each file once", str(folder), hint, joint=": ")
            report.fault((), told, Place(0, 0, str(path)))
        else:
            listed.append(path)
    return listed


def _is_lock(entry: os.DirEntry[str]) -> bool:
    """Say whether it is how Emacs marks a file that is being edited: a link to nowhere."""
    return entry.name.startswith(".#") and entry.is_symlink() and not Path(entry.path).exists()


def _absolute(path: Path) -> str:
    # Links are not followed: two names of one file are two files.
    return os.path.normpath(path.absolute())


def _read_all(
    files: Iterable[Path], report: Report, *, are_listed: bool = False
) -> tuple[Source, ...]:
    return tuple(_read(file, report, is_listed=are_listed) for file in files)


def _read(path: Path, report: Report, *, is_listed: bool) -> Source:
    try:
        if is_listed:
            _refuse_pipe(path)
        return Source(str(path), path.read_bytes(), path)
    except (OSError, ValueError) as exc:
        is_mistaken = not is_listed and os.path.isdir(path)  # noqa: PTH112 - never fails
        hint = "give a folder with -config-dir" if is_mistaken else ""
        report.fault((), _unreadable("file", exc, hint), Place(0, 0, str(path)))
        return Source(str(path), b"", path, exc)


def _refuse_pipe(path: Path) -> None:
    # Who names a pipe writes into it; into one that lies in a folder maybe nobody does.
    if path.is_fifo():
        raise OSError(errno.EINVAL, "it is a pipe")


def _unreadable(what: str, exc: OSError | ValueError, hint: str) -> Problem:
    # `ValueError`: a path with a NUL in it.
    reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
    text, expected = f"the {what} cannot be read: {{found}}", f"a {what} that can be read"
    return Problem(text, expected, reason, hint)
