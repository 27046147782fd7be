"""How much of each product lies in the warehouse."""

from .orders import PRODUCTS, Order

FULL_SHELF = 400


def stock_after(orders: list[Order]) -> dict[str, int]:
    """What is left of each product when these orders have been sent."""
    left = dict.fromkeys(PRODUCTS, FULL_SHELF)
    for order in orders:
        left[order.product] -= order.quantity
    return left
