"""What must never be shown: passwords in URLs, values of keys that name a secret, known tokens.

Every text that an error carries goes through here once, when the error is made; so whatever is made
of the error later (a report, a log, an export) holds no secret either.
"""

import re

HIDDEN = "********"

_TELLING_NAME = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|(?<!max_)token(?!iz)|password|passwd|passphrase"
    r"|secret|credential|auth[_-]string|authorization)"
)
_TELLING_KEY = re.compile(_TELLING_NAME, re.IGNORECASE)

# Not one of these looks at a character more than a bounded number of times: a text may be megabytes.
_USER_INFO = re.compile(r"(?<=://)(?!git@)[^/\s\"'<>?#]+@")
_REFERENCE = r"\$\{|\{\{|<|\*{8}"
_ASSIGNED = re.compile(
    rf"""(?ix) (?P<key> {_TELLING_NAME} [\w.-]{{0,40}} )
        (?: (?P<quoted> ["']?\s{{0,4}}[=:]\s{{0,4}}["'] ) (?! {_REFERENCE} ) [^"'\r\n]+
          | (?P<bare> = ) (?! {_REFERENCE} ) [^\s"'&,;()\[\]{{}}]+ )""",
)
_SIGNED_URL = re.compile(r"(?i)(?<=[?&])((?:sig|key|x-amz-signature)=)[^&\s\"'#]+")
_AUTHORIZATION = re.compile(
    r"\b(?P<kind>(?i:bearer|basic)\s)\s*(?=[\w+/.~-]*(?:\d|=|[a-z][A-Z]))[\w+/.~-]{8,}=*"
)
_KNOWN_TOKEN = re.compile(
    r"\b(?:pn[ubt]_\w{16,}|gh[pousr]_\w{30,}|github_pat_\w{30,}|AKIA[A-Z0-9]{16}"
    r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)"
)


def names_a_secret(key: str) -> bool:
    """Whether the value of that key is hidden."""
    return _TELLING_KEY.search(key) is not None


def without_secrets(text: str) -> str:
    """The text with every secret that can be told by its form or its name replaced by asterisks.

    References such as `${TOKEN}` and `{{ $TOKEN }}` are no secrets and stay.
    """
    text = _USER_INFO.sub(f"{HIDDEN}@", text)
    text = _ASSIGNED.sub(_hidden_value, text)
    text = _SIGNED_URL.sub(rf"\1{HIDDEN}", text)
    text = _AUTHORIZATION.sub(rf"\g<kind>{HIDDEN}", text)
    return _KNOWN_TOKEN.sub(HIDDEN, text)


def _hidden_value(found: re.Match[str]) -> str:
    return f"{found['key']}{found['quoted'] or found['bare']}{HIDDEN}"
