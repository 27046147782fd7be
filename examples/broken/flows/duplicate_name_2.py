from prefect import flow


@flow(name="duplicate-name")
def load_again(limit: int = 3) -> int:
    return limit
