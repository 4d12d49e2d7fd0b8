"""Everything that imports TensorFlow, Keras or scikeras, for training; imported only when needed."""
