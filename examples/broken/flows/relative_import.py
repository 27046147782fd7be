from prefect import flow

from .healthy import healthy


@flow(name="relative-import")
def load(limit: int = 3) -> int:
    return healthy(limit)
