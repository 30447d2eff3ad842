"""The paper's network in plain PyTorch: tests hold commonweight to it, benchmarks race commonweight against it.

It is no part of commonweight and in no wheel. It stands in `src` so that both find it where they find commonweight.
"""
