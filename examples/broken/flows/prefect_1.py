from prefect import Flow, task


@task
def load(limit):
    return limit


with Flow("prefect-1") as flow:
    load(3)
