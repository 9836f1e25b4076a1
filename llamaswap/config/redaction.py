"""Which parts of what an author has written are secrets, so that nobody repeats them.

Pure. Knows no YAML: a file that is broken has secrets too, and so have commands,
variables and URLs. What stands at a name like ``token`` counts, and what such
a place refers to; rather too much is hidden than too little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from attrs import frozen

MASK = "***"
CUT = "…"
"""Ends what is repeated in part."""

SHORTEST = 4
"""Characters of a secret that is looked for in other texts: less is part of any word."""

_ENTRIES = frozenset(("models", "groups", "peers", "selectors", "profiles"))
CHOSEN = _ENTRIES | {"pins", "sets", "vars", "evict_costs", "priority", "setParamsByID"}
"""Sections of names that authors choose: there a model may be called ``my-token``."""

_LONG = 8
"""Characters from which on a secret is hidden inside of words, too: shorter ones
would spoil words that have nothing to do with it."""

_WORDS = "token|secrets?|pass(?:word|wd|phrase)s?|credentials?|authorization|api[-_. ]?keys?"
_OUR_NAME = re.compile(r"(?i:api[-_. ]?keys?)")
_SECRET_NAME = re.compile(rf"(?i:.*(?:{_WORDS})|(?:.*[-_. ])?key)|.*[a-z]Key", re.DOTALL)

_NAME_END = re.compile(rf"(?i:{_WORDS}|key)(?![\w.-])")
_NAME = re.compile(r"(?:[\w.-]*\bapi )?[\w.-]*$", re.IGNORECASE)
_LONGEST_NAME = 100
_LONGEST_FRONT = 1000
"""Characters of a line that are looked at in front of a name."""

_BEGINS = re.compile(r"[^\w\[{\n]*")
_VALUE_BEGINS = re.compile(r"[^\w\[{\n]*[\w.-]+:[ \t]+")
_WORDS_BEFORE = re.compile(rf"({_BEGINS.pattern})((?:[\w.-]+ +)*)")
_ASSIGNS = re.compile(r"[\"']?[ \t]*([:=])[ \t]*")
_FOLLOWS = re.compile(r"[\"']?(?:[ \t]*[=,]\s*|\s+(?:- +)?(?![\w.-]+:\s))(?=\S)")
_BLANKS = re.compile(r"([ \t])[ \t]*(?=\S)")

_QUOTED = r"\"(?:[^\"\\]|\\.)*\"?|'[^']*'?"
_IN_PLACE = r"\$\{[^{}\s]+\}"
"""Refers to a macro: its braces close nothing else."""
_WORD = re.compile(rf"{_QUOTED}|(?>{_IN_PLACE}|[^\s\"'])*(?:{_IN_PLACE}|[^\s\"',\]}}])", re.DOTALL)
_TO_QUOTE = {quote: re.compile(rf"[^{quote}\n]*") for quote in ('"', "'")}
_TO_COMMA = re.compile(
    r"""(?:
      "(?:[^"\\\n]|\\.)*" | '[^'\n]*' | ["'].*
    | \$\{[^{}\s]+\}
    | [^,\]}\n"']
    | [,\]}]+(?=[^\s,\]}])(?!["'][\w.-]+["'][ \t]*:|[\w.-]+:\s)  # somebody has forgotten the quotes
    | \n(?![ \t]*["']?[\w.-]+["']?:)
    )*""",
    re.VERBOSE,
)
"""To the end of a value in brackets: something may be wrong with its quotes."""

_REST = re.compile(r".*")
_MARKS = re.compile(rf"{_QUOTED}|[\[{{]|[\]}}]", re.DOTALL)

_KEY = re.compile(r"(?:[-?] +)*[\"']?([\w.-]+)")
_KEY_LINE = re.compile(r"\n[ \t]*(?:- +)*[\"']?[\w.$/-][^:\n\[\]{},]*:(?=\s|$)")
_ENTRY = re.compile(r"[ \t]*(?:[#{*&].*)?(?=\r?$)", re.MULTILINE)
_IN_FLOW = re.compile(r"([\w.-]+)[\"']?[ \t]*:[ \t]*\{[^{}]*$")

_PASSWORD = re.compile(r"//[^\s/@:\"']{0,100}:([^\s/?#\"']{1,200}(?=@)|[^\s\"']{1,200}?(?=@))")
_LOGIN = re.compile(r"(?<!\w)[\w.+-]{1,100}:([^\s/\"']{1,200})@(?!sha256:)")
_PROXY = re.compile(
    r"\bproxy[\"']?:[ \t]*[\"'\[]*(?:[\w.!+-]{0,20}:?/{1,9})?[^\s:/@]{0,100}:(?!/)([^\n]{0,300})@"
)
_PROXY_QUERY = re.compile(r"\bproxy[\"']?:[^\n?]{0,500}\?([^\n]*)")
_BEARER = re.compile(r"(?i:\bbearer)[ \t]+([^\s\"']+)")
_QUERY = re.compile(r"//[^\s?\"'#]{0,500}\?([^\s\"'#]+)")

_REFERENCE = re.compile(r"\$\{([^{}\s]+)\}")
_LETTER = re.compile(r"\w|\*\*\*")
_LONG_WORD = re.compile(rf"[^\s,\[\]{{}}\"']{{{_LONG},}}")
_ALIAS = re.compile(r"(?<![\w*])\*([^\s,\[\]{}\"']+)")


@frozen(order=True)
class Secret:
    """A part of a text; the numbers are indexes."""

    start: int
    end: int


def is_secret_name(name: str) -> bool:
    """Say whether what is called so is a secret, in any spelling."""
    return _SECRET_NAME.fullmatch(name) is not None


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


def secrets_in(text: str) -> tuple[Secret, ...]:
    """Find the secrets of a file, a command, or any other text, in their order."""
    found = [*_shaped(text), *_named(text, _NAME_END, is_secret_name)]
    known: set[str] = set()
    while names := _referenced(text, found) - known:
        known |= names
        pattern = "|".join(map(re.escape, names))
        found += _named(text, re.compile(rf"(?:{pattern})(?![\w.-])"), names.__contains__)
        found += _anchored(text, re.compile(rf"&(?:{pattern})[ \t]+"))
    return _joined(one for one in found if not only_refers(text[one.start : one.end]))


def words_of(text: str, secrets: Iterable[Secret]) -> set[str]:
    """Return the words of ``secrets`` that are long enough to be looked for elsewhere."""
    return {
        word
        for secret in secrets
        for word in _LONG_WORD.findall(_REFERENCE.sub(" ", text[secret.start : secret.end]))
    }


def only_refers(value: str) -> bool:
    """Say whether ``value`` names macros and variables alone, which are no secrets."""
    return not _REFERENCE.sub("", value).strip(" \t\r\n\"',[]-")


def hidden(text: str) -> str:
    """Return ``text`` with `MASK` for each secret in it."""
    return hidden_line(text, 0, secrets_in(text))[0]


def hidden_line(
    line: str, start: int, secrets: Iterable[Secret], column: int = 0
) -> tuple[str, int]:
    """Hide what of ``secrets`` stands in a line.

    Args:
        line: one line, or all, of the text that has the secrets.
        start: where in that text it begins.
        secrets: those of the text, in their order.
        column: a place in the line, counted from 0.

    Returns:
        The line, and where that place is then.
    """
    shown, done, moved = "", 0, column
    for secret in secrets:
        first, last = max(secret.start - start, 0), min(secret.end - start, len(line))
        first += len(line[first:last]) - len(line[first:last].lstrip())
        if first >= last:
            continue
        shown += line[done:first] + MASK
        done = last
        if column >= last:
            moved = column - last + len(shown)
        elif column >= first:
            moved = len(shown) - len(MASK)
    return shown + line[done:], moved


@lru_cache(maxsize=8)
def masking(secrets: frozenset[str]) -> Callable[[str], str]:
    """Return what puts `MASK` in place of each of ``secrets`` in a text."""
    # Faults repeat texts as Python writes them. The longest first: one may be part of another.
    written = secrets | {repr(secret)[1:-1] for secret in secrets}
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


def _joined(secrets: Iterable[Secret]) -> tuple[Secret, ...]:
    """Return ``secrets`` in their order, in which none overlaps another."""
    joined: list[Secret] = []
    for secret in sorted(secrets):
        if joined and secret.start <= joined[-1].end:
            first = joined.pop()
            secret = Secret(first.start, max(first.end, secret.end))  # noqa: PLW2901 - both in one
        joined.append(secret)
    return tuple(joined)


def _shaped(text: str) -> Iterator[Secret]:
    """Find what looks like a secret wherever it stands."""
    for shape in (_PASSWORD, _QUERY, _BEARER, _LOGIN, _PROXY, _PROXY_QUERY):
        yield from (Secret(*found.span(1)) for found in shape.finditer(text))


def _named(text: str, ends: re.Pattern[str], is_meant: Callable[[str], bool]) -> Iterator[Secret]:
    """Find what stands behind the names that are meant, where one of ``ends`` may end."""
    done = 0
    for end in ends.finditer(text):
        if end.end() < done:
            continue
        first = max(0, end.end() - _LONGEST_NAME)
        name = _NAME.search(text[first : end.end()])
        assert name is not None, "it may be empty"
        if is_meant(name[0].lstrip("-")):
            value = _behind(text, first + name.start(), end.end())
            if value is not None:
                done = value.end
                yield value


def _behind(text: str, at: int, end: int) -> Secret | None:
    """Find the value of the name that stands from ``at`` to ``end``, if it has one."""
    before = text[max(_line_start(text, at), at - _LONGEST_FRONT) : at]
    if text[at] == "-" and (gap := _FOLLOWS.match(text, end)):
        return _one(text, gap.end(), _WORD)
    gap = _ASSIGNS.match(text, end)
    if gap is not None and gap[1] == ":":
        return _of_key(text, at, before, gap)
    is_first = _BEGINS.fullmatch(before) is not None
    if gap is None and (is_first or not (text[at:end].isalpha() and text[at:end].islower())):
        gap = _BLANKS.match(text, end)
    if gap is None:
        return None
    if is_first or _VALUE_BEGINS.fullmatch(before):
        return _block(text, at, gap.end())
    return _one(text, gap.end(), _until(before, gap))


def _of_key(text: str, at: int, before: str, gap: re.Match[str]) -> Secret | None:
    """Find the value of the key that stands from ``at`` to ``gap``, or has its last word there."""
    words = _WORDS_BEFORE.fullmatch(before)
    if words is not None:
        before, at = words[1], at - len(words[2])
    is_ours = _OUR_NAME.fullmatch(text, at, gap.start()) is not None
    if not is_ours and _is_chosen(text, gap.end(), before, is_first=words is not None):
        return None
    if words is not None:
        return _block(text, at, gap.end())
    return _one(text, gap.end(), _until(before, gap))


def _until(before: str, gap: re.Match[str]) -> re.Pattern[str]:
    """Return what a value is like that stands in the midst of a line."""
    if before.endswith(('"', "'")) and not gap[0].startswith(('"', "'")):
        return _TO_QUOTE[before[-1]]
    if {"[", "{"} & {*_REFERENCE.sub("", before)}:
        return _TO_COMMA
    return _REST if gap[1] == ":" else _WORD


def _one(text: str, start: int, pattern: re.Pattern[str]) -> Secret:
    value = pattern.match(text, start)
    end = value.end() if value else start
    return Secret(start, max(end, _group_end(text, start)))


def _block(text: str, at: int, start: int) -> Secret:
    """Return the rest of the line, with all that is indented deeper than its name at ``at``."""
    column = at - _line_start(text, at)
    end = _line_end(text, start)
    if (quote := text[at - 1 : at]) in {'"', "'"}:
        column -= 1
        if text[start:end].find(quote) == end - start - 1:
            return Secret(start, end - 1)
    # What is missing behind the name may follow without being indented.
    is_open = _LETTER.search(text, start, end) is None
    while end < len(text):
        following = _line_end(text, end + 1)
        line = text[end + 1 : following]
        bare = line.lstrip(" \t")
        depth = len(line) - len(bare)
        is_item = depth == column and bare.startswith("- ")
        is_below = not bare.strip() or depth > column or is_item
        if not is_below and not (is_open and not _KEY_LINE.match(text, end)):
            break
        is_open = is_open and not (is_below and _LETTER.search(line))
        end = following
    return Secret(start, max(end, _group_end(text, start)))


def _group_end(text: str, start: int) -> int:
    """Return where the quote or bracket at ``start`` is closed, or where a key stands before."""
    if text[start : start + 1] not in {'"', "'", "[", "{"}:
        return start
    key = _KEY_LINE.search(text, start)
    limit = key.start() if key else len(text)
    depth = 0
    for mark in _MARKS.finditer(text, start, limit):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    return limit


def _is_chosen(text: str, start: int, before: str, *, is_first: bool) -> bool:
    """Say whether a key whose value begins at ``start`` is a name that tells nothing of it."""
    if is_first:
        parent = _parents(text).get(_line_start(text, start), "")
    else:
        flow = _IN_FLOW.search(before)
        parent = flow[1] if flow else ""
    # A model is no single value.
    return parent in CHOSEN and (parent not in _ENTRIES or _ENTRY.match(text, start) is not None)


@lru_cache(maxsize=2)
def _parents(text: str) -> dict[int, str]:
    """Return the key that each line is indented below, by the index where the line begins."""
    parents: dict[int, str] = {}
    above: list[tuple[int, str]] = []
    start = 0
    for line in text.split("\n"):
        bare = line.lstrip()
        if bare and not bare.startswith("#"):
            depth = len(line) - len(bare)
            while above and above[-1][0] >= depth:
                above.pop()
            parents[start] = above[-1][1] if above else ""
            key = _KEY.match(bare)
            above.append((depth, key[1] if key else ""))
        start += len(line) + 1
    return parents


def _anchored(text: str, anchors: re.Pattern[str]) -> Iterator[Secret]:
    for anchor in anchors.finditer(text):
        before = text[_line_start(text, anchor.start()) : anchor.start()]
        pattern = _TO_COMMA if "[" in before or "{" in before else _REST
        yield _one(text, anchor.end(), pattern)


def _referenced(text: str, secrets: Iterable[Secret]) -> set[str]:
    """Return the macros and anchors that stand where secrets do."""
    found: set[str] = set()
    for secret in secrets:
        value = text[secret.start : secret.end]
        found.update(_REFERENCE.findall(value), _ALIAS.findall(value))
    return found


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
