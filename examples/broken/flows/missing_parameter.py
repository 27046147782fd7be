from prefect import flow


@flow(name="missing-parameter")
def load(limit: int) -> int:
    return limit
