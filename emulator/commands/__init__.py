"""Commands of the command line: one file each; heavy imports wait until a command runs."""
