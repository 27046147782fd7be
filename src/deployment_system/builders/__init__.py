"""The one door to Docker: Dockerfiles, build contexts, the engine, registries, how images are put back."""
