"""Tests that read damaged and forged files. They are slow; see `make fuzz`."""
