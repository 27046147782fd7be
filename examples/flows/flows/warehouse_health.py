"""Looks every hour whether a product is about to run out."""

from datetime import date

from prefect import flow, get_run_logger

from shop.orders import orders_of
from shop.stock import stock_after


@flow(name="warehouse-health", retries=1)
def warehouse_health(threshold: int = 100) -> dict[str, int]:
    """Warn about each product of which fewer than `threshold` are left."""
    logger = get_run_logger()
    stock = stock_after(orders_of(date.today()))
    for product, left in stock.items():
        logger.log(30 if left < threshold else 20, "%s: %d left", product, left)
    return stock
