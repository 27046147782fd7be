"""Secrets whose values are known: those of environment variables, and those that a caller names.

What `hidden_secrets` tells by form or by name is hidden when an error is made. A password that looks like
any other word can be told only by who knows it; so whatever tells of errors looks for these as well.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from deployment_system.error_handling.hidden_secrets import HIDDEN, names_a_secret

_SHORTEST = 6
_LONGEST_WORD = 11
"""Letters of a plain word, such as the `postgres` that is the password of many a local database: hiding it
would hide the word wherever it stands, and the secret is none."""


_ABOUT_ONE = re.compile(r"(?i)(?:file|dir|directory|path|name|url|uri|endpoint|type|ttl|timeout|length)$")
"""The end of a variable's name that says where a secret is, or of what kind, but not which: to hide every
path that begins with the value of SECRETS_DIR would spoil many a message."""


class KnownSecrets:
    """Hides the values that it was given, in texts and in JSON values, also as they stand in a URL and in
    JSON."""

    def __init__(self, values: Iterable[str | None]) -> None:
        forms = {form for value in values if value for form in _forms(value)}
        self._forms = sorted((form for form in forms if " " not in form), key=len, reverse=True)
        # Where lines are wrapped, a blank may have become the end of one.
        with_blanks = sorted(forms.difference(self._forms), key=len, reverse=True)
        broken = (r"\s+".join(map(re.escape, form.split())) for form in with_blanks)
        self._with_blanks = re.compile("|".join(broken)) if with_blanks else None

    @classmethod
    def of_environ(cls, environ: Mapping[str, str], more: Iterable[str | None] = ()) -> "KnownSecrets":
        """The values of variables whose name tells a secret, the passwords of URLs in any variable, and
        `more`."""
        return cls((*more, *_of_environ(environ)))

    def occur_in(self, text: str) -> bool:
        """Whether any of them stands in the text."""
        if self._with_blanks and self._with_blanks.search(text):
            return True
        return any(form in text for form in self._forms)

    def hide(self, text: str) -> str:
        """The text with asterisks in their places."""
        if self._with_blanks:
            text = self._with_blanks.sub(HIDDEN, text)
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def hide_in(self, value: Any) -> Any:
        """A JSON value with asterisks in their places, in keys too. One in which none occurs is returned as
        it is."""
        nothing_is_known = not self._forms and self._with_blanks is None
        if nothing_is_known or not self.occur_in(json.dumps(value, ensure_ascii=False, default=str)):
            return value
        return self._hidden(value)

    def _hidden(self, value: Any) -> Any:
        match value:
            case str():
                return self.hide(value)
            case Mapping():
                return {self.hide(str(key)): self._hidden(item) for key, item in value.items()}
            case list() | tuple():
                return [self._hidden(item) for item in value]
            case _:
                return value


def _of_environ(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if names_a_secret(name) and not _ABOUT_ONE.search(name):
            yield value
        elif "://" in value and "@" in value:
            yield from _password_of(value)


def _password_of(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return  # no URL: then no password of one
    if password:
        yield unquote(password)


def _forms(value: str) -> Iterator[str]:
    value = value.strip()
    if len(value) < _SHORTEST or (value.isalpha() and value.islower() and len(value) <= _LONGEST_WORD):
        return
    yield value
    yield quote(value, safe="")
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]
    for line in value.splitlines():
        # A key of several lines is told line by line in a log.
        if len(line) >= 2 * _SHORTEST:
            yield line
