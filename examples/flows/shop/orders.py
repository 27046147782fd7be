"""Orders of one day, the same ones each time they are asked for."""

import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

PRODUCTS = {"kettle": Decimal("39.90"), "teapot": Decimal("24.50"), "cup": Decimal("6.00")}
COUNTRIES = ("GB", "DE", "FR")


@dataclass(frozen=True)
class Order:
    number: int
    country: str
    product: str
    quantity: int

    @property
    def total(self) -> Decimal:
        return PRODUCTS[self.product] * self.quantity


def orders_of(day: date, limit: int = 50) -> list[Order]:
    """At most `limit` orders of that day."""
    dice = random.Random(day.toordinal())  # noqa: S311 - made-up data, not a secret
    return [
        Order(
            number=day.toordinal() * 1000 + position,
            country=dice.choice(COUNTRIES),
            product=dice.choice(list(PRODUCTS)),
            quantity=dice.randint(1, 5),
        )
        for position in range(limit)
    ]
