"""Start here: wiring, supervision, the command line and the demonstration."""
