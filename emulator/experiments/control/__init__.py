"""A control problem solved on a substrate, next to its optimum."""
