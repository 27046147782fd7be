"""The one door to Docker, and to what steps of a prefect.yaml make before a deployment."""
