"""Prices for the shop, worked out in a container."""

import platform

from prefect import flow


@flow(name="price-list", log_prints=True)
def price_list(markup_percent: int = 20) -> dict[str, float]:
    """Put a markup on what each product costs."""
    costs = {"cup": 3.1, "plate": 5.4, "teapot": 19.9}
    prices = {product: round(cost * (100 + markup_percent) / 100, 2) for product, cost in costs.items()}
    for product, price in prices.items():
        print(f"{product}: {price:.2f}")
    print(f"worked out on {platform.node()}, with Python {platform.python_version()}")
    return prices


if __name__ == "__main__":
    price_list()
