"""How settling grows with the depth of a network: measured, and predicted from the linearised step."""
