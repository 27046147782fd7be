from prefect import flow


@flow(name="latin-1-without-saying-so")
def load(city: str = "Köln") -> str:
    return city
