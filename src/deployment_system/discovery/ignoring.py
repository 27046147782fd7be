"""What git, Prefect and the configuration leave out."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pathspec import GitIgnoreSpec

NO_PATTERNS = GitIgnoreSpec([])


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules that hold in a folder. Each of the three speaks for itself: what one leaves out, another
    one's exception does not bring back."""

    exclude: GitIgnoreSpec = field(default_factory=lambda: NO_PATTERNS)
    """Of the configuration."""
    prefect: GitIgnoreSpec = field(default_factory=lambda: NO_PATTERNS)
    """Of the root's .prefectignore."""
    git: tuple[tuple[str, str, GitIgnoreSpec], ...] = ()
    """Of each .gitignore, the outermost first: where a name of the scan begins with the second text, that
    is replaced by the first to give the name as seen from the folder of the .gitignore."""

    def __bool__(self) -> bool:
        return bool(len(self.exclude) or len(self.prefect) or self.git)

    def match(self, name: str) -> bool:
        """Whether the name is left out."""
        if self.exclude.match_file(name) or self.prefect.match_file(name):
            return True
        for above, below, spec in reversed(self.git):
            decided = spec.check_file(above + name.removeprefix(below)).include
            if decided is not None:
                return decided
        return False

    def with_gitignore(self, text: str, *, above: str = "", below: str = "") -> "IgnoreRules":
        """The rules with those of a further .gitignore, in the folder `below` of the scan's root, or in
        one from which the root is called `above`; each with a `/` at its end."""
        return replace(self, git=(*self.git, (above, below, patterns(text.splitlines()))))


def patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """The patterns; a line that is none is passed over, as git does."""
    lines = list(lines)
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def leaves_out(text: str, folder: str) -> bool:
    """Whether a .gitignore leaves out a folder below it, or one of those on the way there."""
    spec = patterns(text.splitlines())
    parts = folder.split("/")
    return any(spec.match_file("/".join(parts[:size]) + "/") for size in range(1, len(parts) + 1))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
