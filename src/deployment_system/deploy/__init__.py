"""From declarations to a plan, and from a plan to the server: the transaction."""
