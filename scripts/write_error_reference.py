"""Writes docs/errors/README.md from the registry of error codes: `make reference`."""

from itertools import groupby
from pathlib import Path

from deployment_system.error_handling import REGISTRY, CodeEntry

TARGET = Path(__file__).resolve().parent.parent / "docs" / "errors" / "README.md"

INTRODUCTION = """# Error codes

Made by `scripts/write_error_reference.py` from the registry; `deployment-cli explain CODE` says the same.
A remedy is *certain* where a machine may apply it, *probable* where it is usually right, *needs input* where
you fill in a value, and *advice* where you decide.
"""


def reference() -> str:
    """The whole page: an index by category, then a section a code."""
    entries = sorted(REGISTRY.values(), key=lambda entry: (entry.category.value, entry.code.value))
    parts = [INTRODUCTION]
    for category, same in groupby(entries, key=lambda entry: entry.category.value):
        codes = " · ".join(f"[{entry.code.value}](#{entry.code.value.lower()})" for entry in same)
        parts.append(f"**{category.replace('_', ' ')}**: {codes}\n")
    parts.extend(section(entry) for entry in entries)
    return "\n".join(parts)


def section(entry: CodeEntry) -> str:
    """One code."""
    again = "may pass by itself" if entry.retryable else "does not pass by itself"
    remedies = "\n".join(
        f"- {remedy.text} *({remedy.confidence.value.replace('_', ' ')})*" for remedy in entry.remedies
    )
    return (
        f"## {entry.code.value}\n\n**{entry.title}** · {entry.category.value.replace('_', ' ')} · "
        f"severity {entry.severity.value} · {again}\n\n{entry.explanation}\n\n"
        f"```text\n{entry.example}\n```\n\n{remedies}\n"
    )


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(reference(), encoding="utf-8")
