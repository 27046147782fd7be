"""Which Python files there are: a walk that leaves out what git, Prefect and common sense leave out."""

import os
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from deployment_system.discovery.ignoring import IgnoreRules, leaves_out, patterns
from deployment_system.error_handling import ErrorCodes, ErrorContext, FlowDiscoveryError

NEVER_SCANNED = frozenset({"node_modules", "__pycache__", "site-packages", "__pypackages__"})
IGNORE_FILE = ".gitignore"
PREFECT_IGNORE_FILE = ".prefectignore"


class SourceFile(NamedTuple):
    """A Python file that may hold flows. (A tuple: a tree has thousands, and making one must cost little.)"""

    path: str
    """Absolute."""
    name: str
    """Relative to the scanned root, with `/`."""
    size: int
    mtime_ns: int
    rules: IgnoreRules | None = None

    @property
    def has_proper_name(self) -> bool:
        """Whether the name is valid UTF-8, so that others can be told of it."""
        return _printable(self.path) == self.path

    @property
    def ignored(self) -> bool:
        """Whether git, Prefect or the configuration leaves it out. Costs a few expressions: ask late."""
        return self.rules is not None and self.rules.match(self.name)


class Walk:
    """One walk over a tree. Iterate it once; `errors` is complete afterwards."""

    def __init__(self, root: Path, starts: Sequence[Path], exclude: Sequence[str]) -> None:
        self.root = os.path.realpath(root)
        self.errors: list[FlowDiscoveryError] = []
        self.ignore_texts: list[str] = ["\n".join(exclude), *(str(start) for start in starts)]
        """What all rules say of what, to know whether decisions made under them still hold."""
        self._starts = starts
        self._real_starts = [os.path.realpath(start) for start in starts]
        self._exclude = patterns(exclude)
        self._seen: set[str] = set()
        """Folders, and files that were named one by one."""

    def __iter__(self) -> Iterator[SourceFile]:
        # Named files first: a folder that holds them leaves them out then.
        for start in sorted(self._starts, key=lambda start: not start.is_file()):
            if start.is_file():
                yield from self._named_file(str(start))
            else:
                real = os.path.realpath(start)
                yield from self._folder(str(start), real, self._rules_above(start))

    def _named_file(self, path: str) -> Iterator[SourceFile]:
        """A file that is named is looked at, whatever git says."""
        try:
            details = os.stat(path)  # noqa: PTH116 - paths are texts in this walk
        except OSError as error:
            self.errors.append(unreadable(self._name(path), error))
            return
        if path not in self._seen:
            self._seen.add(path)
            yield SourceFile(path, self._name(path), details.st_size, details.st_mtime_ns)

    def _rules_above(self, start: Path) -> IgnoreRules:
        """The rules of the folders above the start: those from the root on, and where the root lies in a
        git repository, those of the repository."""
        rules = IgnoreRules(
            self._exclude,
            patterns((self._read_rules(f"{self.root}/{PREFECT_IGNORE_FILE}") or "").splitlines()),
        )
        for folder in (*_up_to_repository(Path(self.root)), *_between(Path(self.root), start)):
            text = self._read_rules(f"{folder}/{IGNORE_FILE}")
            if text:
                relative = os.path.relpath(self.root, folder).replace(os.sep, "/")
                outside = relative != "." and not relative.startswith("..")
                to_start = os.path.relpath(start, folder).replace(os.sep, "/")
                if to_start != "." and leaves_out(text, to_start):
                    # Whoever names a folder that git leaves out, or works in it, means its files.
                    continue
                below = self._name(str(folder))
                rules = rules.with_gitignore(
                    text,
                    above=f"{relative}/" if outside else "",
                    below="" if outside or below == "." else f"{below}/",
                )
        return rules

    def _folder(
        self, path: str, real: str, rules: IgnoreRules, *, read_rules: bool = False
    ) -> Iterator[SourceFile]:
        """`real` is the folder's path without symbolic links: to ask for it anew costs a call for each of
        its parts."""
        if real in self._seen:
            return
        self._seen.add(real)
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=attrgetter("name"))
        except OSError as error:
            self.errors.append(unreadable(self._name(path), error))
            return
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names:
            return
        relative = self._name(path)
        prefix = "" if relative == "." else f"{relative}/"
        if read_rules and IGNORE_FILE in names and (text := self._read_rules(f"{path}/{IGNORE_FILE}")):
            rules = rules.with_gitignore(text, below=prefix)
        yield from self._entries(entries, real, prefix, rules)

    def _entries(
        self, entries: Sequence["os.DirEntry[str]"], real: str, prefix: str, rules: IgnoreRules
    ) -> Iterator[SourceFile]:
        applied, seen = rules or None, self._seen
        for entry in entries:
            name = entry.name
            try:
                if name.endswith(".py") and entry.is_file():
                    path = entry.path
                    if path not in seen and not (entry.is_symlink() and self._leads_back(path)):
                        details = entry.stat()
                        shown = prefix + (name if name.isascii() else _printable(name))
                        yield SourceFile(path, shown, details.st_size, details.st_mtime_ns, applied)
                elif (
                    not name.startswith(".")
                    and name not in NEVER_SCANNED
                    and entry.is_dir()
                    and not (entry.is_symlink() and self._leads_back(entry.path))
                    and not (applied and applied.match(f"{prefix}{_printable(name)}/"))
                ):
                    below = os.path.realpath(entry.path) if entry.is_symlink() else f"{real}{os.sep}{name}"
                    yield from self._folder(entry.path, below, rules, read_rules=True)
            except OSError as error:
                self.errors.append(unreadable(prefix + _printable(name), error))

    def _leads_back(self, link: str) -> bool:
        """A symbolic link to what is scanned anyhow, or to what lies around it."""
        target = os.path.realpath(link) + os.sep
        return any(
            target.startswith(start + os.sep) or (start + os.sep).startswith(target)
            for start in self._real_starts
        )

    def _read_rules(self, path: str) -> str | None:
        if not os.path.isfile(path):  # noqa: PTH113 - hot path of the walk
            return None  # a pipe of that name would keep the walk waiting for ever
        try:
            with open(path, encoding="utf-8-sig", errors="replace") as stream:  # noqa: PTH123 - hot path
                text = stream.read()
        except OSError as error:
            self.errors.append(unreadable(self._name(path), error))
            return None
        self.ignore_texts.append(f"{self._name(path)}\n{text}")
        return text

    def _name(self, path: str) -> str:
        return _printable(os.path.relpath(path, self.root)).replace(os.sep, "/")


def _up_to_repository(root: Path) -> list[Path]:
    """The folders above the root up to that of its git repository, the outermost first."""
    above = [root, *root.parents]
    top = next((index for index, folder in enumerate(above) if (folder / ".git").exists()), 0)
    return above[top:0:-1]


def _between(root: Path, start: Path) -> list[Path]:
    """The folders from the root down to the start, both included."""
    if not start.is_relative_to(root):
        return [start]
    folders = [root]
    for part in start.relative_to(root).parts:
        folders.append(folders[-1] / part)
    return folders


def unreadable(name: str, error: OSError) -> FlowDiscoveryError:
    """The error for a file or folder that cannot be read, or that went away meanwhile."""
    gone = isinstance(error, FileNotFoundError)
    what = "went away while it was read" if gone else f"cannot be read: {error.strerror or error}"
    return FlowDiscoveryError(
        f"{name} {what}",
        error_code=ErrorCodes.FLOW_FILE_UNREADABLE,
        context=ErrorContext(file_path=name, operation="discover"),
        cause=error,
    )


def _printable(name: str) -> str:
    """A file name that is not valid UTF-8, as it can be printed."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return name
