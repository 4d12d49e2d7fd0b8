"""Time and memory of the classifier compared with bare Keras, scikeras, keras.wrappers and skorch.

Run ``python -m tests.benchmarks --help`` in a checkout. All libraries use the network, the optimizer and the
images of `libraries` and `data`. Each round runs every library once, and libraries are compared within
rounds. The results are written to ``docs/benchmarks``. No time is asserted.
"""
