"""What counts as a change, and when it is worth a reload."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from llamaswap.config.load import attempt_config
from llamaswap.config.watch import INTERVAL, SETTLING, Watch, fingerprint

LOOKS = {
    "nothing is new": [("old", "old", False), ("old", "old", False)],
    "what is the same twice is loaded": [("new", "old", False), ("new", "old", True)],
    "a file that is being written is left alone": [
        ("half", "old", False),
        ("more", "old", False),
        ("whole", "old", False),
        ("whole", "old", True),
    ],
    "what has been loaded is not loaded again": [
        ("new", "old", False),
        ("new", "old", True),
        ("new", "new", False),
        ("new", "new", False),
    ],
    "a file that is missing for a while says nothing": [
        (None, "old", False),
        (None, "old", False),
        ("old", "old", False),
    ],
    "a file that comes back changed is loaded": [
        (None, "old", False),
        ("new", "old", False),
        (None, "old", False),
        ("new", "old", False),
        ("new", "old", True),
    ],
    "a change that is taken back is none": [("new", "old", False), ("old", "old", False)],
    "what was tried in vain is not tried again": [
        ("bad", "old", False),
        ("bad", "old", True),
        ("bad", "bad", False),
        ("good", "bad", False),
        ("good", "bad", True),
    ],
    "a change during a reload is seen afterwards": [
        ("new", "old", False),
        ("new", "old", True),
        ("newer", "new", False),
        ("newer", "new", True),
    ],
    "what could not be read is tried again when it is back": [
        (None, "", False),
        ("old", "", False),
        ("old", "", True),
    ],
    "somebody else has loaded it meanwhile": [("new", "old", False), ("new", "new", False)],
}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_change_is_loaded_once_it_is_stable(looks: list[tuple[str | None, str, bool]]) -> None:
    watch = Watch()

    for seen, known, reloads in looks:
        assert watch.look(seen, known) is reloads


def test_what_is_new_is_looked_at_again_soon() -> None:
    watch = Watch()
    assert watch.pause == INTERVAL

    watch.look("new", "old")
    assert watch.pause == SETTLING

    watch.look("new", "old")
    assert watch.pause == INTERVAL


def test_a_fingerprint_is_the_digest_of_what_would_be_loaded(tmp_path: Path) -> None:
    file, folder = tmp_path / "c.yaml", tmp_path / "d"
    folder.mkdir()
    file.write_bytes(b"globalTTL: 1\n")
    (folder / "a.yaml").write_bytes(b"apiKeys: [")

    assert fingerprint(file, None) == hashlib.sha256(b"globalTTL: 1\n").hexdigest()
    assert fingerprint(file, folder) == attempt_config(file, config_dir=folder).digest
    assert fingerprint(None, folder) == attempt_config(config_dir=folder).digest


def test_a_fingerprint_follows_the_content_and_not_the_time(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("globalTTL: 1\n")
    stat = file.stat()
    before = fingerprint(file, None)
    file.write_text("globalTTL: 2\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert fingerprint(file, None) != before

    file.write_text("globalTTL: 1\n")
    assert fingerprint(file, None) == before


def test_a_name_in_the_folder_counts_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / "b.yaml").write_text("")
    before = fingerprint(None, tmp_path)
    (tmp_path / "b.yaml").rename(tmp_path / "c.yaml")

    assert fingerprint(None, tmp_path) != before


def test_what_is_missing_says_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "c.yaml", tmp_path / "d"
    assert fingerprint(file, None) is None
    assert fingerprint(None, folder) is None

    folder.mkdir()
    assert fingerprint(None, folder) is None

    file.write_text("")
    assert fingerprint(file, folder) is None
    assert fingerprint(folder, None) is None
    assert fingerprint(file, None) is not None

    (folder / "link.yaml").symlink_to("nowhere")
    assert fingerprint(file, folder) is None


def test_what_cannot_be_read_is_news_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    before = fingerprint(None, tmp_path)
    (tmp_path / "b.yaml").symlink_to(tmp_path)
    after = fingerprint(None, tmp_path)

    assert after not in (None, before)
    assert after == attempt_config(config_dir=tmp_path).digest
