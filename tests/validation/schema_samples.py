"""Signatures whose parameter schemas are compared with Prefect's own.

Each entry is the inside of a function's parentheses. `CERTAIN` must be read from the text alone;
`OPEN` need not be, and must never be read wrongly.
"""

HEADER = '''
import collections.abc
import dataclasses
import datetime
import datetime as dt
import decimal
import enum
import pathlib
import typing
import typing as t
import uuid
from collections import OrderedDict, deque
from datetime import date, datetime as moment, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated, Any, Callable, Dict, FrozenSet, Iterable, List, Literal, Mapping, NamedTuple, NewType,
    Optional, Sequence, Set, Tuple, TypeVar, Union,
)
from uuid import UUID

import pydantic
from prefect import flow
from prefect.blocks.core import Block
from pydantic import AnyUrl, BaseModel, Field, SecretStr, conint
from typing_extensions import TypedDict

LIMIT = 7
T = TypeVar("T")
Number = Union[int, float]
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Inner(BaseModel):
    """A nested model."""

    name: str = "x"
    tags: list[str] = []


class Outer(BaseModel):
    inner: Inner
    other: Optional[Inner] = None
    colour: Colour = Colour.RED
    limit: int = Field(3, ge=0, description="How many.")


class Node(BaseModel):
    children: list["Node"] = []


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


class Movie(TypedDict, total=False):
    title: str
    year: int


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Plain:
    pass


class Account(Block):
    login: str = "me"
'''

CERTAIN = (
    "",
    "x: int",
    "x: int = 1",
    "x: str = 'a'",
    'x: str = "it\'s"',
    "x: str = 'a' 'b'",
    "x: str = 'é☃'",
    "x: float = 1.5",
    "x: float = -0.0",
    "x: float = 1e400",
    "x: float = -1e400",
    "x: int = -7",
    "x: int = 123456789012345678901234567890",
    "x: bool = True",
    "x: bytes",
    "x: None = None",
    "x",
    "x=None",
    "x=5",
    "x=()",
    "x=(1, 'a', None)",
    "x=[1, [2, {'a': None}]]",
    "x={'a': [1, 2], 'b': None}",
    "x={1: 'a', True: 'b', None: 'c'}",
    "x: list",
    "x: list = []",
    "x: dict",
    "x: dict = {}",
    "x: set",
    "x: frozenset",
    "x: tuple",
    "x: tuple = (1, 2)",
    "x: list[int] = [1]",
    "x: list[list[str]]",
    "x: dict[str, int]",
    "x: dict[str, list[dict[str, float]]]",
    "x: set[int]",
    "x: frozenset[str]",
    "x: tuple[int, str]",
    "x: tuple[int, ...]",
    "x: int | None",
    "x: int | None = None",
    "x: None | int = None",
    "x: int | str | list[float] = 3",
    "x: int = None",
    "x: str = 5",
    "x: Any",
    "x: Any = None",
    "x: Optional[int]",
    "x: Optional[int] = None",
    "x: Optional[list[int]] = None",
    "x: Union[int, str]",
    "x: Union[int, None] = 4",
    "x: Union[int]",
    "x: Union[int, Union[str, None]]",
    "x: Optional[Union[int, str]] = 'a'",
    "x: List",
    "x: List[int] = []",
    "x: Dict[str, Any]",
    "x: Set[str]",
    "x: FrozenSet[int]",
    "x: Tuple[int, str]",
    "x: Tuple[int, ...] = (1,)",
    "x: Sequence[int]",
    "x: Iterable[int]",
    "x: Mapping[str, int]",
    "x: typing.Optional[int] = None",
    "x: t.List[t.Any]",
    "x: t.Union[int, t.Literal['a']]",
    "x: Literal['a', 'b'] = 'a'",
    "x: Literal['a']",
    "x: Literal[1, 'a', True]",
    "x: Optional[Literal['a', 'b']] = None",
    "x: Literal['int', 'list[str]']",
    "x: datetime.datetime",
    "x: dt.datetime",
    "x: dt.date = None",
    "x: moment",
    "x: date",
    "x: time",
    "x: timedelta",
    "x: datetime.timedelta",
    "x: UUID",
    "x: uuid.UUID",
    "x: Decimal",
    "x: decimal.Decimal",
    "x: Path",
    "x: pathlib.Path",
    "x: Path = 'a/b'",
    "x: 'int'",
    "x: 'Optional[int]' = None",
    "x: 'list[int]' = []",
    "x: Dict[str, List[Optional[int]]] = {}",
    "a: int, b: str = 'x', c: Optional[float] = None",
    "a, /, b: int, *, c: str = 'k', d",
    "a: int = 1, /",
    "*, only: int",
    "*args",
    "*args: int",
    "**kwargs",
    "**kwargs: str",
    "a: int, *args: str, b: bool = False, **kwargs: Any",
    "self, x: int",
    "cls, x: int = 1",
    "x: int, self: int = 3",
    "copy: int",
    "schema: str = 'public', json: bool = True",
    "dict: int",
    "model_name: str",
    "validate: bool, construct: int = 1",
    "class_: int, X: int, camelCase: str, ünï: int",
    "title: str, type: str, required: bool, definitions: int, properties: int",
)

OPEN = (
    "x: Annotated[int, Field(ge=1, le=5)]",
    "x: Annotated[int, Field(description='How many', gt=0)] = 3",
    "x: Annotated[str, 'a note']",
    "x: list[Annotated[str, Field(min_length=2)]]",
    "x: int = Field(5, description='From the field', ge=0)",
    "x: int = Field(default=5, json_schema_extra={'position': 9, 'unit': 's'})",
    "x: Colour",
    "x: Colour = Colour.RED",
    "x: Level = Level.HIGH",
    "x: list[Colour] = [Colour.RED]",
    "x: dict[Colour, int]",
    "x: Literal[Colour.RED]",
    "x: Literal[None, 'a']",
    "x: Literal[b'a']",
    "x: Literal[-1, 1]",
    "x: Inner",
    "x: Inner = Inner()",
    "x: Inner = Inner(name='y', tags=['t'])",
    "x: Outer",
    "x: Outer = None",
    "x: list[Inner]",
    "x: Optional[Outer] = None",
    "x: dict[str, Outer]",
    "x: Union[Inner, Outer, None] = None",
    "x: Inner, y: Outer",
    "x: Node",
    "x: Point",
    "x: Point = Point(1)",
    "x: Movie",
    "x: Movie = {'title': 'M'}",
    "x: Pair",
    "x: Pair = Pair(1)",
    "x: UserId",
    "x: UserId = UserId(4)",
    "x: Number = 1",
    "x: T",
    "x: list[T]",
    "x: Plain",
    "x: Plain = None",
    "x: list[Plain]",
    "x: type",
    "x: type[int]",
    "x: Callable[[int], str]",
    "x: Callable",
    "x: collections.abc.Sequence[int]",
    "x: collections.abc.Mapping[str, int]",
    "x: collections.abc.Iterable",
    "x: OrderedDict[str, int]",
    "x: deque[int]",
    "x: SecretStr",
    "x: SecretStr = SecretStr('hush')",
    "x: SecretStr = 'hush'",
    "x: AnyUrl",
    "x: AnyUrl = 'https://example.com'",
    "x: conint(gt=2)",
    "x: pydantic.PositiveInt = 1",
    "x: Account",
    "x: Optional[Account] = None",
    "x: int = LIMIT",
    "x: int = LIMIT + 1",
    "x: int = 2 * 3",
    "x: float = float('inf')",
    "x: float = float('nan')",
    "x: bytes = b'abc'",
    "x: bytes = b'\\xff'",
    "x=b'abc'",
    "x=[b'abc']",
    "x={'a': {1, 2}}",
    "x=1j",
    "x=[1j]",
    "x=...",
    "x=[...]",
    "x={(1, 2): 3}",
    "x='\\ud800'",
    "x: set = {1, 2}",
    "x: set[int] = {3}",
    "x: set = set()",
    "x: frozenset = frozenset({1})",
    "x: list = list()",
    "x: dict = dict(a=1)",
    "x: Path = Path('a/b')",
    "x: Path = Path('.')",
    "x: date = date(2024, 1, 2)",
    "x: moment = moment(2024, 1, 2, 3, 4, 5)",
    "x: datetime.datetime = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)",
    "x: timedelta = timedelta(hours=1, seconds=2)",
    "x: time = time(3, 4)",
    "x: UUID = UUID('12345678-1234-5678-1234-567812345678')",
    "x: Decimal = Decimal('1.50')",
    "x=object()",
    "x=lambda: 1",
    "x=print",
    "x=int",
    "x: object = None",
    "x: complex",
    "x: range",
    "x: slice = None",
    "x: memoryview",
    "x: type(None)",
    "x: {}.__class__",
    "x: 1",
    "x: [int]",
    "x: (int, str)",
    "x: ()",
    "x: list['int']",
    "x: list['Inner']",
    "x: Optional['int'] = None",
    "x: Optional['datetime'] = None",
    "x: Union['int', 'str']",
    "x: dict['str', 'int']",
    "x: \"'int'\"",
    "x: 'Missing'",
    "x: 'Missing', y: int, z: Inner",
    "x: 'Missing', y: Optional[int] = None, z: moment = None",
    "x: list['Missing']",
    "x: 'Inner'",
    "x: list[int, str]",
    "x: Dict[list, int]",
    "x: set[list[int]]",
    "x: dict[list[int], int]",
    "x: tuple[()]",
    "x: Tuple[()]",
    "x: list[...]",
    "x: list[None]",
    "x: Optional[None] = None",
    "x: Union[None]",
    "x: Literal['a'] | None = None",
    "x: Literal['a', 'a', 'b']",
    "x: Literal[1, True]",
    "x: Literal[Literal['a'], 'b']",
    "x: Union[int, bool, float]",
    "x: bool | int = True",
    "x: Any | None = None",
    "x: typing.Text",
    "x: typing.Hashable",
    "x: typing.Pattern",
    "x: typing.SupportsInt",
    "x: typing.Type[int]",
    "x: typing.Deque[int]",
    "x: typing.Never",
    "x: typing.ClassVar[int]",
    "x: typing.Final",
    "x: typing.Optional[typing.Callable[..., int]] = None",
    "x: Optional",
    "x: Union",
    "x: Literal",
    "x: Sequence",
    "x: Mapping",
    "x: Iterable = ()",
    "x: Sequence[int] = (1, 2)",
    "x: Mapping[str, Iterable[int]] = {}",
    "*args: Inner, **kwargs: Outer",
    "a: Inner, /, *, b: Point",
    "x: enum.Enum",
    "x: BaseModel",
    "copy: Inner, json: Colour = Colour.BLUE",
    "x: uuid.UUID | None = None",
)

REFUSED = (
    "model_config: dict = {}",
    "_x: int",
    "x: int, _y=None",
    "return_state: bool",
    "x: int, wait_for: list = None",
    "x: 'int |'",
    "x: ''",
    "x: tuple[...]",
    "x: List[Optional]",
    "x: int | 'str'",
    "x: None | None",
    "x: int[str]",
    "x: Any[int]",
    "x: int[1]",
    "x: Path[int]",
    "x: Missing",
    "x: dict[int",
)
"""Signatures with which the file cannot be imported, or Prefect makes no flow of them."""
