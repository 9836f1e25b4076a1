"""Where this machine keeps what the program learns."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NAME = "load-times.json"


def state_file() -> Path | None:
    """Return where the load times are kept, whether or not they are there.

    In the folder that systemd gives us, else in the user's. ``None``: there is
    neither, so they are not kept.
    """
    # systemd may give several; the first one is ours.
    given = os.environ.get("STATE_DIRECTORY", "").split(os.pathsep)[0]
    try:
        return (Path(given) if given else _users_folder()) / NAME
    except RuntimeError:
        return None


def _users_folder() -> Path:
    """Return our folder in the user's home.

    Raises:
      RuntimeError: this user has no home.
    """
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Application Support"
    else:
        root = Path(os.environ.get("XDG_STATE_HOME", ""))
        # A relative one is to be ignored, says the XDG specification.
        if not root.is_absolute():
            root = Path.home() / ".local" / "state"
    return root / "llamaswap"
