"""How fast and how lean the classifier is beside bare Keras and its peers.

Run ``python -m tests.benchmarks --help`` in a checkout. All run on the network, the optimizer and the
images that `libraries` names, take turns in every round, and are compared round by round. The results go to
``docs/benchmarks``. Nothing here asserts a time.
"""
