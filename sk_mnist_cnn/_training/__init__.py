"""The preparation of a training: its configuration, targets, checkpoint and fingerprints, without Keras."""
