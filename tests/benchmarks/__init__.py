"""Benchmarks of speed and memory against Keras and other libraries.

Run ``python -m tests.benchmarks --help`` in a checkout. All libraries train the same network with the same
optimizer and images, see `libraries`. Each round runs every library once, and results are compared within
rounds. They are written to ``docs/benchmarks``. No test asserts a time.
"""
