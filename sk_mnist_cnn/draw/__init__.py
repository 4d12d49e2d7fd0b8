"""Local web page that recognizes drawn digits. ``python -m sk_mnist_cnn.draw`` starts it."""
