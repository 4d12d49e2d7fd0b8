"""Scores, text and HTML page of an `EvaluationReport`. It imports pandas and matplotlib."""
