"""Numbers of things, as a person says them."""


def counted(number: int, thing: str) -> str:
    """`1 flow`, `2 flows`, `1,200 flows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
