"""What must never be shown: passwords in URLs, values of names that tell a secret, known tokens, keys.

Every text that an error carries goes through here once, when the error is made; so whatever is made
of the error later (a report, a log, an export) holds no secret either.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployment_system.error_handling.secret_tokens import SHORTEST_TOKEN, TOKENS

HIDDEN = "********"

_TELLING_NAME = (
    r"(?:api[_-]?key|(?:access|account|private|secret|signing|encryption|master|storage)[_-]?key"
    r"|(?<!max_)token(?!iz)|password|passwd|passphrase|secret|credential|auth[_-]string|authorization|cookie)"
)
_TELLING_KEY = re.compile(_TELLING_NAME, re.IGNORECASE)
_MARKERS = ("key", "token", "passw", "passphrase", "secret", "credential", "auth", "cookie")
"""One of these, in small letters, is in every text that has a telling name. Most texts hold none, and to look
for them is a twentieth of the work that a pattern is."""

# Not one of these looks at a character more than a bounded number of times: a text may be megabytes.
_REFERENCE = r"\$\{|\{\{|<|\*{8}"
"""What stands in the place of a secret: nothing to hide."""
_ASSIGNED = rf"""(?ix) (?P<key> {_TELLING_NAME} [\w.-]{{0,40}} )
        (?:
          # in quotes, also those of JSON inside JSON, and the value that stands beside such a name
          (?P<sign> (?: \\{{0,7}}["'] )? \s{{0,4}} (?: => | [=:] ) \s{{0,4}} [bruf]{{0,2}}
            | \\{{0,7}}["'] \s{{0,4}} , \s{{0,4}} \\{{0,7}}["'] value \\{{0,7}}["'] \s{{0,4}} : \s{{0,4}} )
          (?: (?P<escaped> \\{{1,7}}["'] ) (?! {_REFERENCE} ) (?: (?! (?P=escaped) ) [^\r\n] )+
            | (?P<quote> \"\"\" | ''' | ["'] ) (?! {_REFERENCE} ) (?: \\. | (?! (?P=quote) ) [^\\\r\n] )+ )
          # without quotes: what stops at a bracket or a comma only where that ends the value
        | (?P<bare> = ) (?! {_REFERENCE} )
          (?: [^\s"'&,;)\]}}] | [,)\]}}] (?= [^\s,;)\]}}"'&] ) )+
          # between blanks, and after a colon, only what looks like no word of a sentence
        | (?P<spaced> [ \t]{{1,4}} = [ \t]{{1,4}} ) (?! {_REFERENCE} )
          (?= [^\s\d]{{0,60}} \d ) [\w+/=.~-]+ (?= [\s,;] | $ )
        | (?P<colon> ["']? \s{{0,4}} : [ \t]{{1,4}} ) (?! {_REFERENCE} )
          (?= [^\s"'\d]{{0,60}} \d | [^\s"']{{24}} ) [^\s"']+
        )"""
_LINE = rf"""(?imx) ^ (?P<start> [ \t>|+-]{{0,80}} ["']? [\w.-]{{0,60}}? {_TELLING_NAME} [\w.-]{{0,40}}
          (?<! error ) (?<! exception ) ["']?
          (?: [ \t]{{0,4}} : [ \t]{{1,4}} | [ \t]{{1,4}} = [ \t]{{1,4}} (?! [^\s]{{0,200}} [(\[{{] ) ) )
        (?! {_REFERENCE} | ["'|>] ) \S+ (?= [ \t]* (?: [#;].* )? $ )"""
"""A line of a file or of a head of a request: a name and one word, which calls nothing."""
_KEY_LINE = r"""\s*["']?(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[A-Za-z0-9+/]{60,}={0,2}(?:\\n)?["']?,?\s*"""
"""A line of a private key alone, as a code frame shows it; a hash has no letters of both sizes."""
_LONGEST_KEY_LINE = 200
_SHORTEST = len("sig=x")
"""Characters of a text in which anything can be hidden."""
_COOKIES = r"""(?i)(?P<start>\bcookie["']?\s{0,4}:\s{0,4}["']?)(?!\*{8})[^"'\r\n]+"""
_OPTION = rf"""(?ix) (?P<start> -- [\w-]{{0,40}}? {_TELLING_NAME} [\w-]{{0,40}}
          (?: ["'] \s{{0,4}} , )? \s{{1,4}} ["']? )
        (?! {_REFERENCE} | - ) (?= [^\s"']{{0,60}} [\d_!@#$%^&*+=] | [^\s"']{{10}} ) [^\s"']+"""
"""An argument of a command line, also as a list of arguments is shown."""
_HEADER = rf"""(?ix) (?P<start> ["'] (?: x-[\w-]{{0,40}}? {_TELLING_NAME} [\w-]{{0,40}}
          | (?:proxy-)?authorization | (?:set-)?cookie )
          ["'] \s{{0,4}} , \s{{0,4}} b? ["'] ) (?! {_REFERENCE} ) [^"'\r\n]+"""
_USER_OPTION = r"""(?P<start>(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']{1,100}:)[^\s"']+"""
_AUTH_PAIR = r"""(?P<start>\bauth=\(\s{0,4})(?P<quote>["'])[^)\r\n]+\)"""
_CONNECTION = r"""(?i)(?P<start>;\s{0,4}pwd\s{0,4}=\s{0,4})[^;"'\s]+"""
_USER_INFO = r"(?<=://)(?!git@)[^/\s\"'<>?#]+@"
_ODD_USER_INFO = (
    # A password with characters that a URL should have escaped; a port is none.
    r"(?<=://)[^\s/:@\"'<>\[\]]{1,100}:(?!\d{1,5}(?:[/?#\"'\s]|$))[^\s\"'<>]{1,300}@"
)
_SIGNED_URL = r"(?i)(?<=[?&])((?:sig|key|signature|auth|x-(?:amz|goog)-(?:signature|credential))=)[^&\s\"'#]+"
_AUTHORIZATION = r"\b(?P<start>(?i:bearer|basic|digest)\s)\s*(?=[\w+/.~-]*(?:\d|=|[a-z][A-Z]))[\w+/.~-]{8,}=*"
_OTHER_SCHEME = (
    r"""(?i)(?P<start>authorization["']?\s{0,4}[:=,]\s{0,4}["']?(?:token|apikey|key)\s+)[^\s"']+"""
)
_PRIVATE_KEY = r"""(?x) (?P<start> -----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY[A-Z ]{0,20}----- ) (?!\*{8})
        [A-Za-z0-9+/=:,.\s\\-]*?
        (?P<end> -----END[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY[A-Z ]{0,20}----- | (?! [A-Za-z0-9+/=:,.\s\\-] ) )"""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern, and texts of which one must be there for it to find anything."""

    markers: tuple[str, ...]
    pattern: str
    replacement: str | Callable[[re.Match[str]], str] = rf"\g<start>{HIDDEN}"


def _hidden_value(found: re.Match[str]) -> str:
    before = found["sign"] or found["bare"] or found["spaced"] or found["colon"]
    return f"{found['key']}{before}{found['escaped'] or found['quote'] or ''}{HIDDEN}"


_NAMED = (
    _Rule(("cookie",), _COOKIES),
    _Rule(("authorization",), _OTHER_SCHEME),
    _Rule(("=", ":", ","), _ASSIGNED, _hidden_value),
    _Rule(("=", ":"), _LINE),
    _Rule(("--",), _OPTION),
    _Rule(("x-", "authorization", "cookie"), _HEADER),
)
"""For texts that hold a telling name."""
_FORMS = (
    _Rule(("://",), _USER_INFO, f"{HIDDEN}@"),
    _Rule(("://",), _ODD_USER_INFO, f"{HIDDEN}@"),
    _Rule(("private key",), _PRIVATE_KEY, rf"\g<start>{HIDDEN}\g<end>"),
    _Rule(("bearer", "basic", "digest"), _AUTHORIZATION),
    _Rule(("-u ", "--user"), _USER_OPTION),
    _Rule(("auth=(",), _AUTH_PAIR, rf"\g<start>{HIDDEN})"),
    _Rule(("pwd",), _CONNECTION),
    _Rule(("?", "&"), _SIGNED_URL, rf"\1{HIDDEN}"),
)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # When it is first needed: to compile all of them takes longer than many a command.
    return re.compile(pattern)


def names_a_secret(key: str) -> bool:
    """Whether the value of that key is hidden."""
    return _TELLING_KEY.search(key) is not None


def without_secrets(text: str) -> str:
    """The text with every secret that can be told by its form or its name replaced by asterisks.

    References such as `${TOKEN}` and `{{ $TOKEN }}` are no secrets and stay.
    """
    if len(text) < _SHORTEST:
        return text
    small = text.lower()
    text = _applied(_FORMS, small, text)
    for marker in _MARKERS:
        if marker in small and _TELLING_KEY.search(text):
            text = _applied(_NAMED, small, text)
            break
    if len(text) < SHORTEST_TOKEN:
        return text
    if len(text) <= _LONGEST_KEY_LINE and _compiled(_KEY_LINE).fullmatch(text):
        return HIDDEN
    for marker, form in TOKENS:
        if marker in text:
            text = _compiled(form).sub(HIDDEN, text)
    return text


def _applied(rules: Sequence[_Rule], small: str, text: str) -> str:
    for rule in rules:
        for marker in rule.markers:
            if marker in small:
                text = _compiled(rule.pattern).sub(rule.replacement, text)
                break
    return text
