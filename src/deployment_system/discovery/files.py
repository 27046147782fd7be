"""Which Python files there are: a walk that leaves out what git, Prefect and common sense leave out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from deployment_system.error_handling import ErrorCodes, ErrorContext, FlowDiscoveryError

NEVER_SCANNED = frozenset({"node_modules", "__pycache__", "site-packages", "__pypackages__"})
IGNORE_FILE = ".gitignore"
PREFECT_IGNORE_FILE = ".prefectignore"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file that may hold flows."""

    path: str
    """Absolute."""
    name: str
    """Relative to the scanned root, with `/`."""
    size: int
    mtime_ns: int
    rules: "IgnoreRules | None" = field(compare=False, default=None)

    @property
    def ignored(self) -> bool:
        """Whether git, Prefect or the configuration leaves it out. Costs a few expressions: ask late."""
        return self.rules is not None and self.rules.match(self.name)


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The ignore files that hold in a folder, the outermost first."""

    levels: tuple[tuple[str, GitIgnoreSpec], ...]
    """Each with the folder it stands in, relative to the root and with a `/` at its end ('' is the root)."""

    def match(self, name: str) -> bool:
        """Whether the last rule that speaks of this name says to leave it out."""
        for folder, spec in reversed(self.levels):
            decided = spec.check_file(name[len(folder) :]).include
            if decided is not None:
                return decided
        return False

    def below(self, folder: str, text: str) -> "IgnoreRules":
        """The rules with those of a further ignore file."""
        return IgnoreRules((*self.levels, (folder, GitIgnoreSpec.from_lines(text.splitlines()))))


class Walk:
    """One walk over a tree. Iterate it once; `errors` is complete afterwards."""

    def __init__(self, root: Path, starts: Sequence[Path], exclude: Sequence[str]) -> None:
        self.root = os.path.realpath(root)
        self.errors: list[FlowDiscoveryError] = []
        self.ignore_texts: list[str] = ["\n".join(exclude)]
        """What all rules say, to know whether decisions made under them still hold."""
        self._starts = starts
        self._exclude = GitIgnoreSpec.from_lines(exclude)
        self._seen_folders: set[str] = set()
        self._read_folders: set[str] = set()
        """Folders whose ignore file holds already."""

    def __iter__(self) -> Iterator[SourceFile]:
        for start in self._starts:
            if start.is_file():
                details = start.stat()
                yield SourceFile(str(start), self._name(str(start)), details.st_size, details.st_mtime_ns)
            else:
                yield from self._folder(str(start), self._rules_above(start))

    def _rules_above(self, start: Path) -> IgnoreRules:
        """The rules of the folders between the root and the start."""
        rules = IgnoreRules((("", self._exclude),) if len(self._exclude) else ())
        prefect = self._read_rules(f"{self.root}/{PREFECT_IGNORE_FILE}")
        if prefect:
            rules = rules.below("", prefect)
        folder = Path(self.root)
        for part in (".", *Path(self._name(str(start))).parts):
            folder = folder / part
            if str(folder) in self._read_folders:
                continue
            self._read_folders.add(str(folder))
            text = self._read_rules(f"{folder}/{IGNORE_FILE}")
            if text:
                relative = self._name(str(folder))
                rules = rules.below("" if relative == "." else f"{relative}/", text)
        return rules

    def _folder(self, path: str, rules: IgnoreRules) -> Iterator[SourceFile]:
        real = os.path.realpath(path)
        if real in self._seen_folders:
            return
        self._seen_folders.add(real)
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self.errors.append(unreadable(self._name(path), error))
            return
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names:
            return
        relative = self._name(path)
        prefix = "" if relative == "." else f"{relative}/"
        # The ignore file of the start itself was read with those above it.
        new = IGNORE_FILE in names and real not in self._read_folders
        if new and (text := self._read_rules(f"{path}/{IGNORE_FILE}")):
            rules = rules.below(prefix, text)
        yield from self._entries(entries, prefix, rules)

    def _entries(
        self, entries: Sequence["os.DirEntry[str]"], prefix: str, rules: IgnoreRules
    ) -> Iterator[SourceFile]:
        applied = rules if rules.levels else None
        for entry in entries:
            name = entry.name
            try:
                if name.endswith(".py"):
                    if entry.is_file() and not self._leads_back(entry):
                        details = entry.stat()
                        shown = prefix + _printable(name)
                        yield SourceFile(entry.path, shown, details.st_size, details.st_mtime_ns, applied)
                elif (
                    not name.startswith(".")
                    and name not in NEVER_SCANNED
                    and entry.is_dir()
                    and not self._leads_back(entry)
                    and not (applied and applied.match(f"{prefix}{_printable(name)}/"))
                ):
                    yield from self._folder(entry.path, rules)
            except OSError as error:
                self.errors.append(unreadable(prefix + _printable(name), error))

    def _leads_back(self, entry: "os.DirEntry[str]") -> bool:
        """A symbolic link into the tree: what it leads to is found without it."""
        if not entry.is_symlink():
            return False
        target = os.path.realpath(entry.path)
        return target == self.root or target.startswith(self.root + os.sep)

    def _read_rules(self, path: str) -> str | None:
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 - hot path of the walk
                text = stream.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.errors.append(unreadable(self._name(path), error))
            return None
        self.ignore_texts.append(f"{self._name(path)}\n{text}")
        return text

    def _name(self, path: str) -> str:
        return _printable(os.path.relpath(path, self.root)).replace(os.sep, "/")


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
