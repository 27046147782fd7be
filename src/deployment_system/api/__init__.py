"""The one door to Prefect."""
