"""Maps of what settles, and how fast: measured, and predicted from the linearised step."""
