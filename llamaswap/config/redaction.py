"""Which parts of what an author has written are secrets, so that nobody repeats them.

Pure. Values that could be read have key paths, and `secret_depth` knows which lead to
secrets. A text that may be broken is judged by its lines, without knowing YAML:

1. Behind a name like ``token``, all of its line is hidden.
2. So are the lines below, up to a key that is not indented deeper than that line.
3. A macro or an anchor that stands in a hidden part is such a name, too.
4. In URLs the password and the query are hidden.

Rather too much is hidden than too little; only what refers to macros and variables is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache

MASK = "***"
CUT = "…"
"""Ends what is repeated in part."""

SHORTEST = 4
"""Characters of a secret that is looked for in other texts: less is part of any word."""

CHOSEN = frozenset(
    (
        *("models", "groups", "peers", "selectors", "profiles"),
        *("pins", "sets", "vars", "evict_costs", "priority", "setParamsByID"),
    )
)
"""Sections of names that authors choose: there a model may be called ``my-token``."""

_LONG = 8
"""Characters from which on a secret is hidden inside of words, too: shorter ones
would spoil words that have nothing to do with it."""

_OUR_NAME = re.compile(r"(?i:api[-_. ]?keys?)")
_SAYING_SO = (
    r"(?:(?i:token|secrets?|pass(?:word|wd|phrase)s?|credentials?|authorization|bearer"
    r"|api[-_. ]?keys?|(?<![^\W_])(?:key|auth|hft))|(?<=[a-z])Key)"
)
_NAME = re.compile(rf".*{_SAYING_SO}", re.DOTALL)

_REFERENCE = re.compile(r"\$\{([^{}\s]+)\}")
_ALIAS = re.compile(r"(?<![\w*])\*([^\s,\[\]{}\"']+)")

_SAYS_SO = re.compile(rf"\$\{{[^{{}}]*\}}|(?P<name>{_SAYING_SO})(?![\w-]|\.\w)")
_SETTING = re.compile(
    rf"(?<!\S)(?:-[\w-]*{_SAYING_SO}(?:=|\s+)|\w*{_SAYING_SO}=)[\"']?([^\s\"']{{{_LONG},}})"
)
_DECLARED = re.compile(r"&(?P<anchor>[^\s,\[\]{}]+)|(?<![\w.$-])(?P<key>[\w.-]+)(?=[\"']?\s*:)")
_DEEPEST = 5
"""Macros of macros that are followed."""

_GAP = re.compile(r"[\"']?\s*[:=]?\s*[\"'\[{]*")
"""Between a name and what is hidden."""

_MARGIN = re.compile(
    r"(?P<indent>[ \t#]*)(?P<item>(?:- +)*)(?P<key>[\"']?[\w.$/][^:\[\]{},]*:(?!\S))?"
)
_PASSWORD = re.compile(
    r"(?<!\S)(?=\S*@)((?:[^\s:]|:(?=//))*:(?!//))(?:[^\s?]*\?\S*@\S*|\S+(?=@(?!sha256:)))"
)
_QUERY = re.compile(r"((?<!/)//[^\s?\"'#]{0,500}\?)[^\s\"'#]+")


def is_secret_name(name: str) -> bool:
    """Say whether what is called so is a secret, in any spelling."""
    return _NAME.fullmatch(name) is not None


def secret_depth(path: Iterable[str | int]) -> int | None:
    """Return how many steps of a key path lead to a secret; ``None``: it leads to none."""
    above: str | int = ""
    for depth, step in enumerate(path, 1):
        name = step if isinstance(step, str) else ""
        is_chosen = above in CHOSEN and _OUR_NAME.fullmatch(name) is None
        if is_secret_name(name) and not is_chosen:
            return depth
        above = step
    return None


def only_refers(value: str) -> bool:
    """Say whether ``value`` names macros and variables alone, which are no secrets."""
    return not _REFERENCE.sub("", value).strip(" \t\r\n\"',[]-")


def references_of(value: str) -> list[str]:
    """Return the names of the macros and variables in ``value``."""
    return _REFERENCE.findall(value)


def settings_in(command: str) -> list[str]:
    """Return the long values of options and variables in ``command`` that are secrets."""
    return _SETTING.findall(command)


def hidden(text: str) -> str:
    """Return ``text``, of any number of lines, with `MASK` for its secrets."""
    return "\n".join(hidden_lines(text.split("\n")))


def hidden_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines of one text, each with `MASK` for its secrets."""
    referred: set[str] = set()
    for _ in range(_DEEPEST):
        ends = list(_ends(lines, referred))
        known = len(referred)
        referred.update(*map(_REFERENCE.findall, ends), *map(_ALIAS.findall, ends))
        if len(referred) == known:
            return [_without(line, end) for line, end in zip(lines, ends, strict=True)]
    return [MASK] * len(lines)


def _ends(lines: Iterable[str], referred: Collection[str]) -> Iterator[str]:
    """Tell of each line the end that is hidden, which may be empty or all of it."""
    above = -1
    """The column of the line that hides what is below; negative: none does."""
    for line in lines:
        margin = _MARGIN.match(line)
        assert margin is not None, "it may be empty"
        # An item belongs to the key above it even where it is not indented deeper.
        if margin["key"] and margin.end("indent") + bool(margin["item"]) <= above:
            above = -1
        begin = behind_name(line, referred)
        if above >= 0:
            begin = margin.end("indent")
        elif begin is not None:
            above = margin.end("item")
        yield "" if begin is None else line[begin:]


def behind_name(line: str, referred: Collection[str] = ()) -> int | None:
    """Return where the value of the first name of a secret begins; ``None``: there is no name."""
    ends = [name.end("name") for name in _SAYS_SO.finditer(line) if name["name"]]
    declared = _DECLARED.finditer(line) if referred else ()
    ends += [name.end() for name in declared if (name["anchor"] or name["key"]) in referred]
    gap = _GAP.match(line, min(ends)) if ends else None
    return gap.end() if gap else None


def _without(line: str, end: str) -> str:
    """Return ``line`` without its secrets, of which ``end`` is one if anything is in it."""
    if re.search(r"\w", end) and not only_refers(end):
        quote = end[-1] if end[-1] in {'"', "'"} else ""
        line = line.removesuffix(end) + MASK + quote
    return _QUERY.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1{MASK}", line))


@lru_cache(maxsize=8)
def masking(secrets: frozenset[str]) -> Callable[[str], str]:
    """Return what puts `MASK` in place of each of ``secrets`` in a text."""
    # Faults repeat texts as Python writes them, and without what looks like a secret in them.
    # The longest first: one may be part of another.
    known = secrets | set(map(hidden, secrets))
    written = known | {repr(secret)[1:-1] for secret in known}
    ordered = sorted(written, key=lambda secret: (-len(secret), secret))
    if not ordered:
        return str
    pattern = re.compile("|".join(map(_pattern, ordered)))
    return lambda text: _without_cut(pattern.sub(MASK, text), ordered)


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) >= _LONG else rf"(?<!\w){escaped}(?!\w)"


def _without_cut(text: str, secrets: Iterable[str]) -> str:
    """Hide the beginning of a secret that was cut off."""
    head, cut, tail = text.rpartition(CUT)
    for secret in secrets if cut else ():
        for length in range(min(len(secret), len(head)), SHORTEST - 1, -1):
            if head.endswith(secret[:length]):
                return head[:-length] + MASK + cut + tail
    return text
