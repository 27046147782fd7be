"""Results as text for a person."""
