"""Requirements that contradict each other, what is installed, or what the installed ones need.

Only what is certain is reported.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity, ValidationError
from deployment_system.validation.declarations import Declaration, Strength
from deployment_system.validation.declared import Declared
from deployment_system.validation.installed import Installed

_HIGHEST = 999999
"""Stands for "any number above": no release has it."""

_ByName = Mapping[str, Sequence[Declaration]]


def conflicts(declared: Declared, installed: Installed) -> tuple[ValidationError, ...]:
    """Pairs of requirements that no version fits, installed versions that are not as declared, and
    versions that installed packages cannot work with."""
    by_name: defaultdict[str, list[Declaration]] = defaultdict(list)
    for item in declared.declarations:
        if item.specifier and item.excluded_by is None:
            by_name[item.name].append(item)
    return (
        *(error for name, same in by_name.items() for error in _among(name, same)),
        *(error for name, same in by_name.items() for error in _installed(name, same, installed)),
        *_needs_of_others(declared, by_name, installed),
    )


def exclude_each_other(first: SpecifierSet, second: SpecifierSet) -> bool:
    """Whether certainly no version fits both: none of the versions that they name, nor their
    neighbours, which is where ranges begin and end."""
    both = first & second
    return not any(both.contains(version, prereleases=True) for version in _candidates(both))


def _candidates(specifiers: SpecifierSet) -> Iterator[Version]:
    yield Version("0")
    yield Version(str(_HIGHEST))
    for specifier in specifiers:
        try:
            version = Version(specifier.version.removesuffix(".*"))
        except InvalidVersion:
            # `===` compares texts; a text that is no version has no neighbours.
            continue
        yield version
        yield from _beside(version)
        yield from _neighbours(version.epoch, version.release)


def _beside(version: Version) -> Iterator[Version]:
    """Versions of the same release: just before it, just after it, and the very first one."""
    yield Version(f"{version.base_version}.dev0")
    if version.dev is None:
        yield Version(f"{version.public}.dev0")
    without_dev = version.public.partition(".dev")[0]
    steps = [(version.dev, f"{without_dev}.dev")]
    if version.pre is not None:
        steps.append((version.pre[1], f"{version.base_version}{version.pre[0]}"))
    if version.post is not None:
        steps.append((version.post, f"{without_dev.partition('.post')[0]}.post"))
    elif version.dev is None:
        yield Version(f"{version.public}.post0")
    for number, text in steps:
        if number is not None:
            yield Version(f"{text}{number + 1}")
            yield Version(f"{text}{max(number - 1, 0)}")


def _neighbours(epoch: int, release: tuple[int, ...]) -> Iterator[Version]:
    above = [(*release, 0, 0, 1), (*release[:-1], release[-1] + 1)]
    below = [
        (*release[:index], release[index] - 1, *([_HIGHEST] * (len(release) - index)))
        for index in range(len(release))
        if release[index] > 0
    ]
    for numbers in (*above, *below):
        yield Version(f"{epoch}!{'.'.join(map(str, numbers))}")


def _among(name: str, same: Sequence[Declaration]) -> Iterator[ValidationError]:
    for index, first in enumerate(same):
        for second in same[index + 1 :]:
            if first.strength is second.strength is Strength.OPTIONAL:
                # Two extras need never be installed together.
                continue
            if first.specifier and second.specifier and exclude_each_other(first.specifier, second.specifier):
                yield _conflict(
                    f"{first.place} asks for {name}{first.specifier}, "
                    f"{second.place} for {name}{second.specifier}: no version fits both",
                    second,
                    ErrorSeverity.MEDIUM,
                    clash=(first, second),
                )


def _installed(name: str, same: Sequence[Declaration], installed: Installed) -> Iterator[ValidationError]:
    found = installed.version(name)
    if found is None:
        return
    for item in same:
        if item.specifier and not item.specifier.contains(found, prereleases=True):
            yield _conflict(
                f"{item.place} asks for {name}{item.specifier}, and {found} is installed here",
                item,
                ErrorSeverity.LOW,
            )


def _needs_of_others(declared: Declared, by_name: _ByName, installed: Installed) -> Iterator[ValidationError]:
    """What is declared, against what the other declared packages need in the versions installed here."""
    if not declared.declarations:
        return
    places = {item.name: item for item in reversed(declared.declarations) if item.declares}
    for name in sorted({*places, "prefect"}):
        own = by_name.get(name, ())
        version = installed.version(name)
        if version is None or any(not item.specifier.contains(version, prereleases=True)
                                  for item in own if item.specifier):  # fmt: skip
            # Another version will be installed, and its needs are not known here.
            continue
        for needed, specifier in installed.needs(name):
            for item in by_name.get(needed, ()):
                if item.specifier and exclude_each_other(item.specifier, specifier):
                    yield _conflict(
                        f"{item.place} asks for {needed}{item.specifier}, and {name} {version} "
                        f"needs {needed}{specifier}: no version fits both",
                        item,
                        ErrorSeverity.MEDIUM,
                        clash=(item,),
                    )
            there = installed.version(needed)
            if there and name in places and not specifier.contains(there, prereleases=True):
                yield _conflict(
                    f"{name} {version}, which {places[name].place} asks for, needs {needed}{specifier}, "
                    f"and {there} is installed here",
                    places[name],
                    ErrorSeverity.LOW,
                )


def _conflict(
    text: str, item: Declaration, severity: ErrorSeverity, *, clash: Sequence[Declaration] = ()
) -> ValidationError:
    """`clash`: the requirements of which one has to give way."""
    return ValidationError(
        text,
        error_code=ErrorCodes.DEPENDENCY_CONFLICT,
        severity=severity,
        context=ErrorContext(
            file_path=item.file,
            line_number=item.line or 1,
            operation="check requirements",
            distribution=item.name,
            clash=[{"file": one.file, "line": one.line} for one in clash],
        ),
    )
