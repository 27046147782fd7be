"""Requirements that contradict each other, or what is installed. Only what is certain is reported."""

from collections import defaultdict
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity, ValidationError
from deployment_system.validation.declared import Declaration, Declared
from deployment_system.validation.installed import Installed


def conflicts(declared: Declared, installed: Installed) -> tuple[ValidationError, ...]:
    """Pairs of requirements that no version fits, and installed versions that are not as declared."""
    by_name: defaultdict[str, list[Declaration]] = defaultdict(list)
    for item in declared.declarations:
        if item.requirement is not None and item.requirement.specifier:
            by_name[item.name].append(item)
    return (
        *(error for name, same in by_name.items() for error in _among(name, same)),
        *(error for name, same in by_name.items() for error in _installed(name, same, installed)),
    )


def exclude_each_other(first: SpecifierSet, second: SpecifierSet) -> bool:
    """Whether certainly no version fits both: none of the versions that they name, nor their
    neighbours, which is where ranges begin and end."""
    both = first & second
    return not any(both.contains(version, prereleases=True) for version in _candidates(both))


def _candidates(specifiers: SpecifierSet) -> Iterator[Version]:
    for specifier in specifiers:
        try:
            version = Version(specifier.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        release = version.release
        yield version
        yield Version(".".join(map(str, (*release, 0, 0, 1))))
        yield Version(".".join(map(str, (*release[:-1], release[-1] + 1))))
        yield Version(str(version) + ".dev0") if not version.is_prerelease else version
        for index in range(len(release)):
            if release[index] > 0:
                below = (
                    *release[:index],
                    release[index] - 1,
                    *([999999] * (len(release) - index - 1)),
                    999999,
                )
                yield Version(".".join(map(str, below)))
    yield Version("0")
    yield Version("999999")


def _among(name: str, same: list[Declaration]) -> Iterator[ValidationError]:
    for index, first in enumerate(same):
        for second in same[index + 1 :]:
            if first.requirement is None or second.requirement is None:
                continue
            if exclude_each_other(first.requirement.specifier, second.requirement.specifier):
                yield _conflict(
                    f"{_place(first)} asks for {name}{first.requirement.specifier}, "
                    f"{_place(second)} for {name}{second.requirement.specifier}: no version fits both",
                    second,
                    ErrorSeverity.MEDIUM,
                )


def _installed(name: str, same: list[Declaration], installed: Installed) -> Iterator[ValidationError]:
    found = installed.version(name)
    if found is None:
        return
    for item in same:
        if item.requirement is not None and not item.requirement.specifier.contains(found, prereleases=True):
            yield _conflict(
                f"{_place(item)} asks for {name}{item.requirement.specifier}, and {found} is installed here",
                item,
                ErrorSeverity.LOW,
            )


def _place(item: Declaration) -> str:
    return f"{item.file}:{item.line}" if item.line else item.file


def _conflict(text: str, item: Declaration, severity: ErrorSeverity) -> ValidationError:
    return ValidationError(
        text,
        error_code=ErrorCodes.DEPENDENCY_CONFLICT,
        severity=severity,
        context=ErrorContext(file_path=item.file, line_number=item.line, operation="check requirements"),
    )
