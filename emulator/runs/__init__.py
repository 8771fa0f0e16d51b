"""What is started: settling, training, tuning, and the search for terminations."""
