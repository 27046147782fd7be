from prefect import flow


@flow(name="invalid-cron")
def load(limit: int = 3) -> int:
    return limit
