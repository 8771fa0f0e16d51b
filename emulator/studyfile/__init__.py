"""Studies described by TOML files: reading them, running their points, and what follows from all of them."""
