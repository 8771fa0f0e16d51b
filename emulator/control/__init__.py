"""Control problems as networks: expressions in, optimal controls out of a substrate."""
