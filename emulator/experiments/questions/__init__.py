"""The questions that the paper leaves open, answered by measurements on one page."""
