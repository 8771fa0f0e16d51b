"""One network on several technologies."""
