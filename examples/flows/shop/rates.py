"""Exchange rates, as a bank would give them for a day."""

import asyncio
from datetime import date

AGAINST_THE_EURO = {"GBP": 0.86, "USD": 1.09, "CHF": 0.95}


async def rate_of(currency: str, day: date) -> float:
    """How much of the currency one euro buys on that day."""
    await asyncio.sleep(0)
    return round(AGAINST_THE_EURO[currency] + (day.toordinal() % 7) / 1000, 4)
