"""Loads the orders of a day into the warehouse, every night."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from prefect import flow, get_run_logger, task

from shop.orders import Order, orders_of


@task(retries=2, retry_delay_seconds=1)
def extract(day: date, limit: int) -> list[Order]:
    return orders_of(day, limit)


@task
def revenue_by_country(orders: list[Order]) -> dict[str, Decimal]:
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        revenue[order.country] += order.total
    return dict(revenue)


@task
def load(revenue: dict[str, Decimal], dry_run: bool) -> None:
    logger = get_run_logger()
    for country, total in sorted(revenue.items()):
        logger.info("%s %s: %s", "would load" if dry_run else "loaded", country, total)


@flow(name="nightly-orders")
def nightly_orders(day: date | None = None, limit: int = 50, dry_run: bool = False) -> int:
    """Extract the orders of a day, add them up by country, load the sums.

    Args:
        day: The day to load; yesterday when none is given.
        limit: At most so many orders are read.
        dry_run: Say what would be loaded, and load nothing.
    """
    orders = extract(day or date.today() - timedelta(days=1), limit)
    load(revenue_by_country(orders), dry_run)
    return len(orders)
