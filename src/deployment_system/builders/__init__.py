"""The doors to what is made before it is deployed: images, and whatever steps of a prefect.yaml make."""
