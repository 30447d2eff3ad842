"""Attacks tiny studies and counts what survives: `python -m tools.torture --help`. Linux alone.

`apart` runs a command in a forked process, `world` knows the undisturbed results, each other module has one family of faults.
"""
