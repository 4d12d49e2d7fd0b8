"""What an `EvaluationReport` shows: its scores, as text and as HTML. It imports pandas and matplotlib."""
