"""The engine that trains: everything that imports TensorFlow, Keras or scikeras, always late."""
