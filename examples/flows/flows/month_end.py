"""Closes a month: flows that call other flows."""

from datetime import date, timedelta
from typing import Literal

from prefect import flow

from shop.orders import orders_of

FLOW_NAME = "month-end"


@flow(name="close-ledger")
def close_ledger(ledger: Literal["sales", "stock"], month: date) -> int:
    """Count what belongs to one ledger in a month."""
    days = [month.replace(day=1) + timedelta(days=offset) for offset in range(28)]
    return sum(len(orders_of(day, limit=5)) for day in days) if ledger == "sales" else 0


@flow(name=FLOW_NAME)
def month_end(month: date | None = None) -> dict[str, int]:
    """Close each ledger of the month, one after another."""
    closed = month or date.today()
    return {ledger: close_ledger(ledger, closed) for ledger in ("sales", "stock")}
