"""Dialogue: talk with models that is journalled, limited, budgeted, rehearsed and shown; no torch here."""
