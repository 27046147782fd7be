from prefect import flow


@flow(name="wrong-indentation")
def load(limit: int = 3) -> int:
    doubled = limit * 2
      return doubled
