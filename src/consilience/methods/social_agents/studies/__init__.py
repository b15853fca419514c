"""What is measured: one study a claim."""
