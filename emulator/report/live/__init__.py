"""Pages that are looked into: one file each, which loads nothing and asks nothing of any server."""
