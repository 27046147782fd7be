import a_package_that_nobody_wrote
from prefect import flow


@flow(name="missing-import")
def load(limit: int = 3) -> int:
    return a_package_that_nobody_wrote.load(limit)
