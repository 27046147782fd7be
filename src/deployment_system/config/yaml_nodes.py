"""YAML text to a tree of nodes that know their places, without ever making more than a bounded number.

Built from the parser's events, not by a constructor: no tag can make an object, nesting and the
expansion of aliases are measured while they are read, and every key and value keeps its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

DEEPEST_NESTING = 64
"""Levels. A configuration needs about ten; Python's own recursion ends near a thousand."""
MOST_NODES = 100_000
"""Nodes after every alias has been replaced by what it stands for."""

_KNOWN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of source: from line and column, counted from 1, to an end column on the same line."""

    line: int
    column: int
    end_column: int | None = None


class YamlProblem(Exception):  # noqa: N818 - becomes one of our errors where the file's name is known
    """Why a text is not the YAML that is accepted."""

    def __init__(self, message: str, mark: Mark | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mark = mark
        self.remedy = remedy


@dataclass(slots=True)
class Node:
    """One node of the tree. `size` is the number of nodes in it and `depth` the number of levels below
    it, aliases replaced."""

    mark: Mark
    tag: str | None = None
    size: int = 1
    depth: int = 0


@dataclass(slots=True)
class ScalarNode(Node):
    """A single value, still as text."""

    text: str = ""
    quoted: bool = False


@dataclass(slots=True)
class SequenceNode(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode(Node):
    """Pairs of key and value, in the file's order."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


def read_nodes(text: str) -> Node | None:
    """The tree of the text's only document; None where it holds nothing. Raises YamlProblem."""
    try:
        return _Builder().build(text)
    except MarkedYAMLError as error:
        raise _from_parser(error) from error
    except YAMLError as error:
        raise YamlProblem(f"not readable as YAML: {error}") from error


class _Builder:
    """Follows the events of one document."""

    def __init__(self) -> None:
        self.open: list[Node] = []
        self.keys: list[Node | None] = []
        self.anchors: dict[str, Node] = {}
        self.open_anchors: list[str | None] = []
        self.root: Node | None = None
        self.documents = 0

    def build(self, text: str) -> Node | None:
        for event in _events(text):
            if isinstance(event, DocumentStartEvent):
                self._start_document(event)
            elif isinstance(event, ScalarEvent):
                self._add(_scalar_of(event), event)
            elif isinstance(event, AliasEvent):
                self._add_alias(event)
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._start_collection(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._end_collection()
            elif isinstance(event, DocumentEndEvent | StreamEndEvent):
                continue
        return self.root

    def _start_document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise YamlProblem("a second document begins here, and only one is read", _mark(event))

    def _start_collection(self, event: Any) -> None:
        if len(self.open) >= DEEPEST_NESTING:
            raise _too_deep(_mark(event))
        kind = MappingNode if isinstance(event, MappingStartEvent) else SequenceNode
        self.open.append(kind(_first_character(_mark(event)), _tag_of(event)))
        self.keys.append(None)
        self.open_anchors.append(event.anchor)

    def _end_collection(self) -> None:
        node = self.open.pop()
        self.keys.pop()
        anchor = self.open_anchors.pop()
        if anchor is not None:
            self.anchors[anchor] = node
        self._place(node)

    def _add(self, node: ScalarNode, event: ScalarEvent) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._place(node)

    def _add_alias(self, event: AliasEvent) -> None:
        if event.anchor in self.open_anchors:
            raise YamlProblem(f"the alias *{event.anchor} stands inside what it refers to", _mark(event))
        node = self.anchors.get(event.anchor)
        if node is None:
            raise YamlProblem(
                f"the alias *{event.anchor} refers to an anchor that is not above it", _mark(event)
            )
        self._place(node, _mark(event))

    def _place(self, node: Node, mark: Mark | None = None) -> None:
        """Puts a finished node where it belongs; the sizes of those around it grow."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if len(self.open) + node.depth > DEEPEST_NESTING:
            raise _too_deep(mark or node.mark)
        if parent.size > MOST_NODES:
            raise YamlProblem(
                f"more than {MOST_NODES:,} values, aliases replaced by what they stand for",
                mark or node.mark,
                "Write fewer values, or refer to fewer of them by aliases.",
            )
        if isinstance(parent, SequenceNode):
            parent.items.append(node)
        elif isinstance(parent, MappingNode):
            key = self.keys[-1]
            if key is None:
                self.keys[-1] = node
            else:
                parent.pairs.append((key, node))
                self.keys[-1] = None


def _too_deep(mark: Mark) -> YamlProblem:
    return YamlProblem(f"nested deeper than {DEEPEST_NESTING} levels", mark)


def _events(text: str) -> Iterator[Any]:
    parser = YAML(typ="safe", pure=True)
    return iter(parser.parse(text))


def _scalar_of(event: ScalarEvent) -> ScalarNode:
    quoted = event.style is not None and event.style != ""
    return ScalarNode(_mark(event), _tag_of(event), text=event.value, quoted=quoted)


def _tag_of(event: Any) -> str | None:
    tag = None if event.ctag is None else str(event.ctag)
    if tag is None or tag == "!":
        return tag
    if tag not in _KNOWN_TAGS:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        raise YamlProblem(
            f"the tag {shown} is not accepted: only plain data is read", _mark(event), "Remove the tag."
        )
    return tag


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    on_one_line = end is not None and end.line == start.line and end.column > start.column
    return Mark(start.line + 1, start.column + 1, end.column + 1 if on_one_line else None)


def _first_character(mark: Mark) -> Mark:
    return Mark(mark.line, mark.column)


_REMEDIES = {
    "that cannot start any token": "Put the text in quotes.",
    "mapping values are not allowed": "Put text that holds a colon and a space in quotes.",
    "unexpected end of stream": "Close the quote.",
    "',' or '": "Close the bracket, and put text that holds { } [ ] or , in quotes.",
    "expected <block end>": "Indent the line as its neighbours are indented.",
    "could not find expected ':'": "Write key: value, with a colon and a space.",
}

_WITHIN = {
    "while parsing a flow mapping": "inside { }",
    "while parsing a flow sequence": "inside [ ]",
    "while parsing a block mapping": "among the keys of a mapping",
    "while parsing a block collection": "among the items of a list",
    "while scanning a simple key": "in a key",
    "while scanning a quoted scalar": "in a text in quotes",
    "while scanning an alias": "in an alias",
    "while scanning an anchor": "in an anchor",
    "while scanning a block scalar": "in a text of several lines",
    "while scanning for the next token": "where something new begins",
}
"""The parser's own words speak of flows, which are something else here."""
_TOKENS = {
    "<block end>": "the end of this part",
    "<block mapping start>": "a mapping",
    "<block sequence start>": "a list",
    "<scalar>": "a text",
    "<stream end>": "the end of the file",
    "<document start>": "a new document",
}


def _from_parser(error: MarkedYAMLError) -> YamlProblem:
    mark = error.problem_mark or error.context_mark
    place = None if mark is None else Mark(mark.line + 1, mark.column + 1)
    what = " ".join(str(error.problem or error.context or "is not YAML").split())
    if "'\\t'" in what:
        return YamlProblem(
            "a tab stands here, and YAML is indented with spaces", place, "Replace it by spaces."
        )
    remedy = next((text for part, text in _REMEDIES.items() if part in what), None)
    for token, meaning in _TOKENS.items():
        what = what.replace(f"'{token}'", meaning).replace(token, meaning)
    if error.context and error.problem:
        within = " ".join(str(error.context).split())
        what = f"{what} ({_WITHIN.get(within, within)})"
    return YamlProblem(f"not valid YAML: {what}", place, remedy)
