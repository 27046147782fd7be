from prefect import flow


@flow(name="syntax-error")
def load(limit: int = 3
    return limit
