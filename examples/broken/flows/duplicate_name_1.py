from prefect import flow


@flow(name="duplicate-name")
def load(limit: int = 3) -> int:
    return limit
