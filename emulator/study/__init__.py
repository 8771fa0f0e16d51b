"""Many runs with one thing changed from run to run, and what they show together."""
