"""Recovery plans that act: their actions, the catalogue that comes with the package, and the user's own."""
