"""Asks for several exchange rates at once."""

import asyncio
from datetime import date

import prefect as p

from shop import rates


@p.task
async def ask(currency: str, day: date) -> float:
    return await rates.rate_of(currency, day)


@p.flow(name="exchange-rates", log_prints=True)
async def exchange_rates(
    currencies: tuple[str, ...] = ("GBP", "USD"), day: date | None = None
) -> dict[str, float]:
    """Fetch the day's rate of each currency against the euro."""
    found = await asyncio.gather(*(ask(currency, day or date.today()) for currency in currencies))
    rate_by_currency = dict(zip(currencies, found, strict=True))
    print(rate_by_currency)
    return rate_by_currency
